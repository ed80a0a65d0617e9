import Engine
import SSH

/// Why a program's answer did not come in whole.
struct ProgramFailure: Error {
    let link: LinkFailure
    /// Whether the program may be at work on the node, or have been.
    let mayHaveBegun: Bool
    /// What came before.
    var frames: [Frame] = []
}

extension SSHFleet {
    /// What became of a run.
    enum Fate {
        case ended([Frame])
        /// It never began, and never will.
        case neverBegan
        case died([Frame], hasRestarted: Bool)
    }

    /// How often a question is asked again, over a new connection, when the one that it was asked over breaks.
    private static let readAttempts = 3

    /// Asks what may be asked as often as one likes; frames but beats come back in order.
    /// - Parameter frames: how many can be an answer.
    func run(
        _ program: ShellProgram, on node: NodeName, seconds: Int, frames: Int
    ) async throws(LinkFailure) -> [Frame] {
        var attempt = 1
        while true {
            do throws(ProgramFailure) {
                return try await perform(program, on: node, seconds: seconds, frames: frames)
            } catch {
                guard error.link.kind == .unreachable, error.mayHaveBegun, attempt < Self.readAttempts else {
                    throw error.link
                }
                // Not all nodes behind one broken line at the same instant.
                try? await Task.sleep(for: .milliseconds(Int.random(in: 100...500) * attempt))
                if Task.isCancelled { throw error.link }
                attempt += 1
            }
        }
    }

    /// What became of a run, followed to its end while it is at work.
    func collect(_ run: Application.Run, on node: NodeName) async throws(LinkFailure) -> Fate {
        let age = run.sentAt.duration(to: .now).components.seconds
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.collect(nonce: run.nonce, ageSeconds: Int(age))
        }
        let frames: [Frame]
        do throws(ProgramFailure) {
            frames = try await perform(
                program, on: node, seconds: Self.applySeconds, frames: run.positions.count + 1)
        } catch {
            throw error.link
        }
        switch frames.last?.kind {
        case .absent: return .neverBegan
        case .broken:
            let told = Array(frames.dropLast())
            return .died(
                told.count < run.received.count ? run.received : told, hasRestarted: frames.last?.status == 2)
        default: return .ended(frames)
        }
    }

    /// Runs a program once, to its end; frames but beats come back in order, or go to `each` as they arrive.
    ///
    /// A session that has been idle and turns out to be dead costs another connection, and nothing else.
    func perform(
        _ program: ShellProgram, on node: NodeName, seconds: Int, frames: Int, fresh: Bool = false,
        silence: Duration? = nil, each: (@Sendable (Frame) -> Void)? = nil
    ) async throws(ProgramFailure) -> [Frame] {
        let reader = FrameReader(program, maximumFrames: frames + seconds + 10, each: each)
        let line = pool.isRootsAlready(node) ? program.commandLine : nil
        var idle = fresh ? nil : await pool.takeIdle(node)
        while true {
            let session: SSHSession
            if let idle {
                session = idle
            } else {
                do throws(LinkFailure) {
                    session = try await pool.session(node, fresh: true)
                } catch {
                    throw ProgramFailure(link: error, mayHaveBegun: false)
                }
            }
            let result: ExecResult
            do throws(SSHFailure) {
                result = try await pool.execute(
                    line ?? "sh -s", on: session, of: node,
                    input: line == nil ? .bytes(program.bytes) : .none,
                    deadline: .now + .seconds(seconds), silence: silence ?? SSHFleet.silence(of: program),
                    onOutput: reader.take)
            } catch {
                // Nobody waits for this any more, but the connection is as good as before.
                if case .cancelled = error, !fresh {
                    await pool.putBack(session, of: node)
                } else {
                    await pool.retire(session)
                }
                if idle != nil && error.mayRetry {
                    idle = nil
                    continue
                }
                throw ProgramFailure(
                    link: LinkFailure(error), mayHaveBegun: error.mayHaveRun, frames: reader.outcome.frames)
            }
            let (told, hasEnded, error) = reader.outcome
            if let error {
                await pool.retire(session)
                throw ProgramFailure(
                    link: LinkFailure(kind: .garbled, message: error.description), mayHaveBegun: true)
            }
            guard hasEnded else {
                await pool.retire(session)
                throw SSHFleet.cut(result, told)
            }
            if fresh {
                await pool.retire(session)
            } else {
                await pool.putBack(session, of: node)
            }
            return told
        }
    }

    /// A program that did not say its end: killed, or cut.
    private static func cut(_ result: ExecResult, _ frames: [Frame]) -> ProgramFailure {
        let words =
            String(decoding: result.stderr, as: UTF8.self)
            .split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
        let link = LinkFailure(
            kind: .unreachable, message: "the answer was cut" + (words.isEmpty ? "" : ": \(words)"))
        return ProgramFailure(link: link, mayHaveBegun: true, frames: frames)
    }

    func compile(_ body: () throws(ShellError) -> ShellProgram) throws(LinkFailure) -> ShellProgram {
        do { return try body() } catch { throw LinkFailure(kind: .refused, message: "\(error)") }
    }
}
