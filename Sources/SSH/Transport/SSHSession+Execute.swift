import CLibSSH2

/// What a command left behind.
public struct ExecResult: Sendable, Equatable {
    /// nil when a signal ended the command, or its output was stopped. libssh2 cannot tell a status of 0 from none
    /// at all: a server that closes the channel in good order without one reads as 0. Let the command's own output
    /// prove that it ran to its end.
    public var exitStatus: Int32?
    /// Without `SIG`: `TERM`, `KILL`.
    public var signal: String?
    /// Bounded; a cut in the middle is marked.
    public var stderr: [UInt8]
    /// `onOutput` asked to stop; the command may still be running.
    public var wasStopped: Bool
}

public enum OutputDecision: Sendable { case goOn, stop }

extension SSHSession {
    public static let stderrLimitBytes = 64 << 10
    /// What is more than that is no error message; it would count as a sign of life for as long as it goes on.
    static let stderrFloodBytes = 32 << 20

    /// Runs one command and returns when it has ended and all its output was handed over.
    ///
    /// Standard output goes to `onOutput` in order, on the reactor's thread: it must be quick. After a deadline, a
    /// cancellation or a stop the channel is closed and the session stays usable, unless its connection is stuck.
    /// Closing does not end the command on the node: it sees the end of its input and a broken pipe.
    ///
    /// - Parameter silence: how long nothing may move in either direction before the connection counts as lost, which
    ///   a broken one alone may never show.
    public func execute(
        _ command: String, input: SSHInput = .none, deadline: ContinuousClock.Instant, silence: Duration? = nil,
        onOutput: @Sendable (ArraySlice<UInt8>) -> OutputDecision
    ) async throws(SSHFailure) -> ExecResult {
        try await execute(
            command, attendance: nil, input: input, deadline: deadline, silence: silence, onOutput: onOutput)
    }

    /// The same, where an attendance speaks with the node before the command gets its input.
    func execute(
        _ command: String, attendance: Attendance?, input: SSHInput, deadline: ContinuousClock.Instant,
        silence: Duration?, onOutput: @Sendable (ArraySlice<UInt8>) -> OutputDecision
    ) async throws(SSHFailure) -> ExecResult {
        try await takeTurn(until: deadline)
        defer { endTurn() }
        guard let link, !link.isBroken else {
            throw .connectionLost(stage: .channel, reason: "the session is closed")
        }
        if Task.isCancelled { throw .cancelled(stage: .channel) }
        let reader = try SSHInputReader(input)
        await freeLingering(link)
        let channel = try await openChannel(link, until: deadline)
        do {
            if let attendance, attendance.terminal != nil {
                try await requestTerminal(channel, attendance, link, until: deadline)
            }
            try await start(command, channel, link, until: deadline)
            var stderr = BoundedOutput(limitBytes: Self.stderrLimitBytes)
            var terminal = attendance?.terminal
            if let attendance { try await attend(attendance, channel, link, until: deadline) }
            let ended = try await pump(channel, link, reader, &stderr, until: deadline, silence: silence) { bytes in
                onOutput(terminal?.take(bytes) ?? bytes)
            }
            if var terminal {
                if ended { _ = onOutput(terminal.end()) }
                stderr = terminal.errors
            }
            if !ended { await abandon(channel, link) }
            return try await conclude(channel, link, stderr.bytes, ended: ended, until: deadline)
        } catch {
            if case .connectionLost = error { link.breakOff() }
            await abandon(channel, link)
            throw await explained(error, link)
        }
    }

    // MARK: Beginning

    private func openChannel(
        _ link: SSHLink, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> OpaquePointer {
        while true {
            let channel = libssh2_channel_open_ex(
                link.session, "session", 7, clusterctl_channel_window(),
                UInt32(LIBSSH2_CHANNEL_PACKET_DEFAULT), nil, 0)
            if let channel { return channel }
            let code = link.lastCode
            guard code == Int32(LIBSSH2_ERROR_EAGAIN) else {
                if meansConnectionLost(code) {
                    link.breakOff()
                    throw await explained(.connectionLost(stage: .channel, reason: link.lastMessage), link)
                }
                throw .channelRefused(reason: link.lastMessage)
            }
            do {
                try await waitForLink(link, .channel, until: deadline)
            } catch {
                // libssh2 is in the middle of a call that nobody will repeat.
                link.breakOff()
                throw error
            }
        }
    }

    private func start(
        _ command: String, _ channel: OpaquePointer, _ link: SSHLink, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) {
        let status = try await perform(.answer, on: link, until: deadline) { _ in
            Int(libssh2_channel_process_startup(channel, "exec", 4, command, UInt32(command.utf8.count)))
        }
        if status == 0 { return }
        if meansConnectionLost(Int32(status)) { throw .connectionLost(stage: .answer, reason: link.lastMessage) }
        throw .commandRefused(reason: link.lastMessage)
    }

    // MARK: Input and output

    /// Moves bytes both ways until the command's output ends; false when `onOutput` said stop.
    private func pump(
        _ channel: OpaquePointer, _ link: SSHLink, _ reader: SSHInputReader, _ stderr: inout BoundedOutput,
        until deadline: ContinuousClock.Instant, silence: Duration?,
        _ onOutput: (ArraySlice<UInt8>) -> OutputDecision
    ) async throws(SSHFailure) -> Bool {
        var feeding = true
        var lastSign = ContinuousClock.now
        var rounds = 0
        while true {
            var decision = OutputDecision.goOn
            let output = try await receive(0, channel, link, until: deadline) { decision = onOutput($0) }
            if decision == .stop { return false }
            let errors = try await receive(SSH_EXTENDED_DATA_STDERR, channel, link, until: deadline) {
                stderr.append($0)
            }
            if stderr.cutBytes > Self.stderrFloodBytes {
                throw .protocolError(stage: .answer, reason: "the node's errors do not end")
            }
            if libssh2_channel_eof(channel) == 1 { return true }
            var fed = false
            if feeding { (fed, feeding) = try await feed(reader, channel, link, until: deadline) }
            if !output && !errors && !fed {
                try await waitForSign(link, since: lastSign, silence: silence, until: deadline)
                rounds = 0
                continue
            }
            if silence != nil { lastSign = .now }
            rounds += 1
            if rounds == 16 {
                // Others have their turn, and an endless stream meets its deadline.
                rounds = 0
                await Task.yield()
                if Task.isCancelled { throw .cancelled(stage: .answer) }
                if deadline <= .now { throw .deadline(stage: .answer) }
            }
        }
    }

    /// Waits for what libssh2 is blocked on, but not beyond the silence that is allowed.
    private func waitForSign(
        _ link: SSHLink, since lastSign: ContinuousClock.Instant, silence: Duration?,
        until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) {
        guard let silence, lastSign + silence < deadline else {
            return try await waitForLink(link, .answer, until: deadline)
        }
        do throws(SSHFailure) {
            try await waitForLink(link, .answer, until: lastSign + silence)
        } catch {
            guard error == .deadline(stage: .answer) else { throw error }
            throw .connectionLost(stage: .answer, reason: "no sign of life for \(silence.components.seconds) s")
        }
    }

    /// Reads once from a stream of the channel; whether anything came.
    func receive(
        _ stream: Int32, _ channel: OpaquePointer, _ link: SSHLink, until deadline: ContinuousClock.Instant,
        _ take: (ArraySlice<UInt8>) -> Void
    ) async throws(SSHFailure) -> Bool {
        let count = try await attempt(.answer, on: link, until: deadline) { _ in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32 << 10) { buffer in
                let count = libssh2_channel_read_ex(channel, stream, buffer.baseAddress, buffer.count)
                if count > 0 {
                    take(ArraySlice(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(buffer)).prefix(count)))
                }
                return count
            }
        }
        if count > 0 { return true }
        if count == 0 || count == Int(LIBSSH2_ERROR_EAGAIN) { return false }
        throw failure(ofStatus: count, link)
    }

    /// Sends once from the input; whether anything went, and whether there may be more.
    func feed(
        _ reader: SSHInputReader, _ channel: OpaquePointer, _ link: SSHLink, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> (sent: Bool, more: Bool) {
        guard try reader.fill() else {
            let status = try await perform(.answer, on: link, until: deadline, endsInput: true) { _ in
                Int(libssh2_channel_send_eof(channel))
            }
            if status < 0 && meansConnectionLost(Int32(status)) { throw failure(ofStatus: status, link) }
            return (true, false)
        }
        let count = try await attempt(.answer, on: link, until: deadline) { _ in
            reader.withUnsent { bytes in
                libssh2_channel_write_ex(
                    channel, 0, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
            }
        }
        if count == Int(LIBSSH2_ERROR_EAGAIN) || count == 0 { return (false, true) }
        if count == Int(LIBSSH2_ERROR_CHANNEL_CLOSED) || count == Int(LIBSSH2_ERROR_CHANNEL_EOF_SENT) {
            return (true, false)
        }
        if count < 0 { throw failure(ofStatus: count, link) }
        reader.advance(count)
        return (true, true)
    }

    func failure(ofStatus status: Int, _ link: SSHLink) -> SSHFailure {
        meansConnectionLost(Int32(status))
            ? .connectionLost(stage: .answer, reason: link.lastMessage)
            : .protocolError(stage: .answer, reason: link.lastMessage)
    }

    // MARK: Ending

    /// Waits for the channel's end and reads how the command ended.
    private func conclude(
        _ channel: OpaquePointer, _ link: SSHLink, _ stderr: [UInt8], ended: Bool,
        until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> ExecResult {
        guard ended else { return ExecResult(exitStatus: nil, signal: nil, stderr: stderr, wasStopped: true) }
        let closed = try await perform(.answer, on: link, until: deadline) { _ in
            Int(libssh2_channel_wait_closed(channel))
        }
        if closed < 0 { throw failure(ofStatus: closed, link) }
        let signal = exitSignal(channel, link)
        let status = signal == nil ? libssh2_channel_get_exit_status(channel) : nil
        await abandon(channel, link)
        return ExecResult(exitStatus: status, signal: signal, stderr: stderr, wasStopped: false)
    }

    private func exitSignal(_ channel: OpaquePointer, _ link: SSHLink) -> String? {
        var name: UnsafeMutablePointer<CChar>?
        var length = 0
        guard libssh2_channel_get_exit_signal(channel, &name, &length, nil, nil, nil, nil) == 0, let name else {
            return nil
        }
        defer { libssh2_free(link.session, name) }
        return length > 0 ? String(cString: name) : nil
    }

    /// Closes the channel and frees it once the server agrees: sshd does so only when the command has ended, so that
    /// a channel left alone may linger while others are opened. What it still receives is bounded by its window.
    private func abandon(_ channel: OpaquePointer, _ link: SSHLink) async {
        if link.hasUnfinishedSend { link.breakOff() }
        guard !link.isBroken else { return }
        let until = ContinuousClock.now + .seconds(2)
        let status = try? await attempt(.answer, on: link, until: until, cancellable: false, endsInput: true) { _ in
            Int(libssh2_channel_free(channel))
        }
        switch status {
        case nil: link.breakOff()
        case Int(LIBSSH2_ERROR_EAGAIN): link.lingering.append(channel)
        default: break
        }
    }

    /// Frees the channels that the server has closed meanwhile.
    private func freeLingering(_ link: SSHLink) async {
        let channels = link.lingering
        link.lingering = []
        for channel in channels { await abandon(channel, link) }
    }
}
