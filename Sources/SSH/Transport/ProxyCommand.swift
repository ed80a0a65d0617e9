import CLibSSH2
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A local program whose standard input and output are the connection (OpenSSH's ProxyCommand).
///
/// It has a process group of its own, so that an interrupt at the terminal ends it only when the session is done, and
/// inherits no descriptor but these two and its standard error. It is ended with the session, and never left a zombie
/// as long as `serve` runs.
final class ProxyCommand: Carrier {
    private struct State {
        var stderr = BoundedOutput(limitBytes: 4096)
        /// nil while the process may still run.
        var status: ProxyStatus?
        var isEnding = false
        /// The wait of `serve`.
        var wait: UInt64?
    }

    private let host: String
    private let id: pid_t
    private let errors: Int32
    private let reactor: SSHReactor
    private let state = Mutex(State())

    private init(host: String, id: pid_t, errors: Int32, reactor: SSHReactor) {
        self.host = host
        self.id = id
        self.errors = errors
        self.reactor = reactor
    }

    deinit { close(errors) }

    /// Starts the command, which `sh` reads, as a way to `host`.
    static func start(
        _ command: String, to host: String, on reactor: SSHReactor
    ) throws(SSHFailure) -> (Connection, ProxyCommand) {
        var ends: [Int32] = [-1, -1]
        var errors: [Int32] = [-1, -1]
        guard clusterctl_stream_pair(&ends) == 0 else {
            throw .unreachable(host: host, port: 0, reason: systemMessage(errno))
        }
        defer { close(ends[1]) }
        guard clusterctl_pipe(&errors) == 0 else {
            let code = errno
            close(ends[0])
            throw .unreachable(host: host, port: 0, reason: systemMessage(code))
        }
        defer { close(errors[1]) }
        var id = pid_t()
        let code = clusterctl_spawn_shell("exec " + command, ends[1], errors[1], &id)
        guard code == 0 else {
            close(ends[0])
            close(errors[0])
            throw .unreachable(host: host, port: 0, reason: systemMessage(code))
        }
        let proxy = ProxyCommand(host: host, id: id, errors: errors[0], reactor: reactor)
        return (Connection(descriptor: ends[0], carrier: proxy), proxy)
    }

    /// Takes in what the command says on its standard error, and its end.
    nonisolated(nonsending) func serve() async {
        while !isEnding {
            _ = await reactor.wait(for: .readable, on: errors, until: nil, cancellable: false) { id in
                state.withLock { $0.wait = id }
            }
            if drain() { break }
        }
        var pause = Duration.milliseconds(5)
        var endingSince: ContinuousClock.Instant?
        while !hasEnded() {
            _ = await reactor.wait(for: [], on: -1, until: .now + pause, cancellable: false) { id in
                state.withLock { $0.wait = id }
            }
            guard isEnding else {
                pause = min(pause * 2, .seconds(1))
                continue
            }
            pause = .milliseconds(20)
            let since = endingSince ?? .now
            endingSince = since
            if since + .seconds(2) < .now { signal(SIGKILL) }
        }
    }

    // MARK: Carrier

    func blame(stage: SSHStage) async -> SSHFailure? {
        // A command that ended takes the connection along a moment before its status is there.
        let limit = ContinuousClock.now + .seconds(1)
        while !hasEnded() && limit > .now {
            _ = await reactor.wait(for: [], on: -1, until: .now + .milliseconds(5), cancellable: false)
        }
        _ = drain()
        let (status, stderr) = state.withLock { ($0.isEnding ? nil : $0.status, $0.stderr.bytes) }
        guard let status else { return nil }
        let failure = SSHFailure.proxyCommandFailed(host: host, status: status, said: Self.lastLine(stderr))
        return stage.isAfterLogin ? .connectionLost(stage: stage, reason: failure.summary) : failure
    }

    func end() {
        let wait = state.withLock { state in
            state.isEnding = true
            return state.wait
        }
        signal(SIGTERM)
        if let wait { reactor.finish(wait, .ready) }
    }

    // MARK: The process

    private var isEnding: Bool { state.withLock { $0.isEnding } }

    /// The whole group, unless its leader is already gone, whose number may be another's by then.
    private func signal(_ number: Int32) {
        state.withLock { if $0.status == nil { kill(-id, number) } }
    }

    /// Whether the process has ended; its status is fetched when it has.
    private func hasEnded() -> Bool {
        state.withLock { state in
            guard state.status == nil else { return true }
            var code: Int32 = 0
            guard waitpid(id, &code, WNOHANG) == id else { return false }
            state.status = code & 0x7f == 0 ? .exited(code >> 8 & 0xff) : .signalled(code & 0x7f)
            return true
        }
    }

    /// Reads what there is of standard error; whether it is at its end.
    private func drain() -> Bool {
        state.withLock { state in
            withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
                while true {
                    let count = read(errors, buffer.baseAddress, buffer.count)
                    if count <= 0 { return count == 0 || errno != EAGAIN }
                    state.stderr.append(ArraySlice(buffer.prefix(count)))
                }
            }
        }
    }

    private static func lastLine(_ bytes: [UInt8]) -> String {
        let line = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).last ?? ""
        return String(line.filter { $0 >= " " && $0 != "\u{7f}" }.prefix(200))
    }
}
