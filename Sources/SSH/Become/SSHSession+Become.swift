import CLibSSH2
import Engine

/// Who speaks with sudo or doas before one command gets its input.
struct Attendance: Sendable {
    let command: BecomeCommand
    /// Where errors are told from output, if the command gets a terminal.
    let terminal: TerminalOutput?
    let secrets: (any BecomeSecrets)?
    /// Bounds the time to a question that is known, and from the answer to the command's start.
    let patience: Duration
    let onBegin: @Sendable (_ wasAsked: Bool) -> Void
}

extension SSHSession {
    /// Listens and answers until the command waits for its input, and tells it to go on.
    func attend(
        _ attendance: Attendance, _ channel: OpaquePointer, _ link: SSHLink, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) {
        var dialogue = BecomeDialogue(attendance.command)
        do throws(SSHFailure) {
            try await converse(attendance, &dialogue, channel, link, until: deadline)
        } catch {
            if dialogue.hasAnswered { await attendance.secrets?.settle(BecomeOutcome(of: error), on: target.host) }
            throw error
        }
        if dialogue.hasAnswered { await attendance.secrets?.settle(.right, on: target.host) }
        attendance.onBegin(dialogue.hasAnswered)
    }

    private func converse(
        _ attendance: Attendance, _ dialogue: inout BecomeDialogue, _ channel: OpaquePointer, _ link: SSHLink,
        until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) {
        var until = ContinuousClock.now + attendance.patience
        while true {
            switch try await listen(&dialogue, channel, link, until: min(until, deadline)) {
            case .begin: return try await say("\(attendance.command.go)\n", channel, link, until: deadline)
            case .refused(let refusal): throw refused(refusal, attendance)
            case .answer:
                guard let secrets = attendance.secrets else { throw refused(.passwordNeeded, attendance) }
                let secret: Secret
                do throws(BecomeRefusal) {
                    secret = try await secrets.password(on: target.host)
                } catch {
                    throw Task.isCancelled ? .cancelled(stage: .answer) : refused(error, attendance)
                }
                dialogue.answered(with: secret)
                try await say("\(secret.reveal())\n", channel, link, until: deadline)
                until = .now + attendance.patience
            case .listen:
                if libssh2_channel_eof(channel) == 1 {
                    let status = try await exitStatus(channel, link, until: deadline)
                    throw refused(dialogue.ended(status: status), attendance)
                }
                guard ContinuousClock.now < min(until, deadline) else {
                    if deadline <= .now { throw .deadline(stage: .answer) }
                    throw refused(dialogue.silent(for: attendance.patience), attendance)
                }
            }
        }
    }

    /// Waits until something comes or the time is over, and lets the dialogue hear it.
    private func listen(
        _ dialogue: inout BecomeDialogue, _ channel: OpaquePointer, _ link: SSHLink,
        until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> BecomeDialogue.Turn {
        var turn = BecomeDialogue.Turn.listen
        let output = try await receive(0, channel, link, until: deadline) { turn = dialogue.hear($0, on: .output) }
        guard turn == .listen else { return turn }
        let errors = try await receive(SSH_EXTENDED_DATA_STDERR, channel, link, until: deadline) {
            turn = dialogue.hear($0, on: .errors)
        }
        if output || errors || libssh2_channel_eof(channel) == 1 {
            // Noise without end must leave others their turn.
            await Task.yield()
            return turn
        }
        do throws(SSHFailure) {
            try await waitForLink(link, .answer, until: deadline)
        } catch {
            guard error == .deadline(stage: .answer) else { throw error }
        }
        return .listen
    }

    private func say(
        _ text: String, _ channel: OpaquePointer, _ link: SSHLink, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) {
        let reader = try SSHInputReader(.bytes(Array(text.utf8)))
        while try reader.fill() {
            let (sent, isOpen) = try await feed(reader, channel, link, until: deadline)
            // What is read next says why.
            if !isOpen { return }
            if !sent { try await waitForLink(link, .answer, until: deadline) }
        }
    }

    private func exitStatus(
        _ channel: OpaquePointer, _ link: SSHLink, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Int32 {
        let closed = try await perform(.answer, on: link, until: deadline) { _ in
            Int(libssh2_channel_wait_closed(channel))
        }
        if closed < 0 { throw failure(ofStatus: closed, link) }
        return libssh2_channel_get_exit_status(channel)
    }

    private func refused(_ refusal: BecomeRefusal, _ attendance: Attendance) -> SSHFailure {
        .becomeRefused(program: attendance.command.program, user: target.user, refusal)
    }

    /// Asks for a terminal that changes no byte in either direction.
    func requestTerminal(
        _ channel: OpaquePointer, _ attendance: Attendance, _ link: SSHLink, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) {
        let modes = TerminalModes.transparent
        let status = try await perform(.answer, on: link, until: deadline) { _ in
            modes.withUnsafeBytes { bytes in
                Int(
                    libssh2_channel_request_pty_ex(
                        channel, "dumb", 4, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                        UInt32(bytes.count), 80, 24, 0, 0))
            }
        }
        if status == 0 { return }
        if meansConnectionLost(Int32(status)) { throw failure(ofStatus: status, link) }
        throw refused(.terminalNeeded, attendance)
    }
}

/// Terminal modes as RFC 4254 section 8 encodes them.
enum TerminalModes {
    private static let cs8: UInt8 = 91

    /// Input: IGNPAR to IMAXBEL; ISIG to PENDIN, with ICANON and ECHO; output: OPOST to ONLRET; then parity. All off.
    static let transparent: [UInt8] = {
        let off: [ClosedRange<UInt8>] = [30...41, 50...62, 70...75, 92...93]
        return off.joined().flatMap { [$0, 0, 0, 0, 0] } + [cs8, 0, 0, 0, 1] + [0]
    }()
}
