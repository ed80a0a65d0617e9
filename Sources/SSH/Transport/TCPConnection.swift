import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Opens stream sockets without blocking the reactor.
enum TCPConnection {
    /// How long one address has to itself before the next is tried too (RFC 8305, section 5).
    static let headStart = Duration.milliseconds(250)

    /// A connected, non-blocking socket with TCP_NODELAY: the first address of the target's host that takes a
    /// connection, both families in turn. The caller closes the socket.
    ///
    /// Each address has the target's `connectTimeout`; the error names them all, if there are several.
    nonisolated(nonsending) static func open(
        to target: SSHTarget, on reactor: SSHReactor, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Int32 {
        let endpoints = try await Resolver.shared.resolve(
            target.host, port: target.port, family: target.addressFamily, on: reactor, until: deadline)
        let entrants = try Sources(target.bindAddress).pairs(with: endpoints)
        return try await win(ConnectionRace(entrants), to: target, on: reactor, until: deadline)
    }

    nonisolated(nonsending) static func win(
        _ race: ConnectionRace, to target: SSHTarget, on reactor: SSHReactor, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Int32 {
        var race = race
        defer { race.abandon() }
        while true {
            if let winner = race.begin(timeout: target.connectTimeout) {
                keepAlive(winner, target.keepAlive)
                return winner
            }
            guard let until = race.nextEvent else { throw race.failure(of: target) }
            let outcome = await reactor.wait(for: .writable, onAny: race.descriptors, until: min(until, deadline))
            if outcome == .cancelled { throw .cancelled(stage: .connect) }
            if let winner = race.look() {
                keepAlive(winner, target.keepAlive)
                return winner
            }
            if deadline <= .now { throw .deadline(stage: .connect) }
        }
    }

    private static func keepAlive(_ descriptor: Int32, _ keepAlive: SSHTarget.KeepAlive) {
        let seconds = keepAlive.interval.components.seconds
        if seconds > 0 {
            clusterctl_keep_alive(descriptor, Int32(clamping: seconds), Int32(clamping: max(1, keepAlive.tolerated)))
        }
    }

    /// The addresses that connections may come from.
    private struct Sources {
        private let endpoints: [Endpoint]?
        private let text: String

        init(_ address: String?) throws(SSHFailure) {
            text = address ?? ""
            guard let address else {
                endpoints = nil
                return
            }
            switch Resolver.ask(address, port: 0, numericOnly: true) {
            case .found(let found): endpoints = found
            case .failed(let reason, _): throw .sourceAddressUnusable(address: address, reason: reason)
            }
        }

        /// Each address to connect to, with the one to come from.
        func pairs(with targets: [Endpoint]) throws(SSHFailure) -> [ConnectionRace.Entrant] {
            guard let endpoints else { return targets.map { .init(target: $0, source: nil) } }
            let pairs = targets.compactMap { target in
                endpoints.first { $0.family == target.family }.map { source in
                    ConnectionRace.Entrant(target: target, source: source)
                }
            }
            if pairs.isEmpty {
                throw .sourceAddressUnusable(address: text, reason: "the host has no address of that family")
            }
            return pairs
        }
    }
}

/// Connections to several addresses of one host, of which the first that stands wins (RFC 8305).
struct ConnectionRace {
    struct Entrant {
        var target: Endpoint
        /// Where the connection comes from; nil lets the system choose.
        var source: Endpoint?
    }

    private struct Runner {
        var descriptor: Int32
        var entrant: Entrant
        var until: ContinuousClock.Instant
    }

    private enum Loss: Equatable {
        case late
        case error(Int32)
        case source(Int32)
    }

    private var waiting: ArraySlice<Entrant>
    private var running: [Runner] = []
    private var lost: [(entrant: Entrant, loss: Loss)] = []
    private var nextStart = ContinuousClock.now

    init(_ entrants: [Entrant]) { waiting = ArraySlice(Self.interleaved(entrants)) }

    var descriptors: [Int32] { running.map(\.descriptor) }

    /// When something has to be done even if no connection stands; nil when all are lost.
    var nextEvent: ContinuousClock.Instant? {
        let late = running.map(\.until).min()
        return waiting.isEmpty ? late : late.map { min($0, nextStart) } ?? nextStart
    }

    /// Starts whoever's turn it is; the descriptor of one that stood at once.
    mutating func begin(timeout: Duration) -> Int32? {
        while !waiting.isEmpty && (running.isEmpty || nextStart <= .now) {
            let entrant = waiting.removeFirst()
            let descriptor = clusterctl_stream_socket(entrant.target.family)
            guard descriptor >= 0 else {
                lost.append((entrant, .error(errno)))
                continue
            }
            if let source = entrant.source, source.withAddress({ bind(descriptor, $0, $1) }) != 0 {
                lost.append((entrant, .source(errno)))
            } else if entrant.target.withAddress({ connect(descriptor, $0, $1) }) == 0 {
                return descriptor
            } else if errno == EINPROGRESS {
                running.append(Runner(descriptor: descriptor, entrant: entrant, until: .now + timeout))
                nextStart = .now + TCPConnection.headStart
                continue
            } else {
                lost.append((entrant, .error(errno)))
            }
            close(descriptor)
        }
        return nil
    }

    /// The descriptor of a connection that stands by now. Those that failed make way for the next at once.
    mutating func look() -> Int32? {
        let now = ContinuousClock.now
        for runner in running {
            var loss: Loss?
            if clusterctl_is_settled(runner.descriptor) != 0 {
                let code = clusterctl_socket_error(runner.descriptor)
                if code == 0 {
                    running.removeAll { $0.descriptor == runner.descriptor }
                    return runner.descriptor
                }
                loss = .error(code)
            } else if runner.until <= now {
                loss = .late
            }
            guard let loss else { continue }
            lost.append((runner.entrant, loss))
            running.removeAll { $0.descriptor == runner.descriptor }
            close(runner.descriptor)
            nextStart = now
        }
        return nil
    }

    /// Closes what is still under way.
    mutating func abandon() {
        for runner in running { close(runner.descriptor) }
        running = []
    }

    func failure(of target: SSHTarget) -> SSHFailure {
        let (host, port) = (target.host, target.port)
        if lost.allSatisfy({ $0.loss == .late }) && !lost.isEmpty { return .deadline(stage: .connect) }
        if lost.allSatisfy({ $0.loss == .error(ECONNREFUSED) }) && !lost.isEmpty {
            return .refused(host: host, port: port)
        }
        if let address = target.bindAddress, case .source(let code)? = lost.first?.loss {
            return .sourceAddressUnusable(address: address, reason: systemMessage(code))
        }
        let reasons = lost.map { entrant, loss in
            let reason =
                switch loss {
                case .late: "no answer"
                case .error(let code), .source(let code): systemMessage(code)
                }
            return lost.count > 1 ? "\(entrant.target.text): \(reason)" : reason
        }
        return .unreachable(host: host, port: port, reason: reasons.joined(separator: "; "))
    }

    /// The families take turns, beginning with that of the system's first choice.
    static func interleaved(_ entrants: [Entrant]) -> [Entrant] {
        let first = entrants.filter { $0.target.family == entrants.first?.target.family }
        let others = entrants.filter { $0.target.family != entrants.first?.target.family }
        return (0..<max(first.count, others.count)).flatMap { index in
            [first, others].compactMap { $0.indices.contains(index) ? $0[index] : nil }
        }
    }
}

/// The system's words for an errno.
func systemMessage(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let text = buffer.baseAddress else { return "errno \(code)" }
        text.initialize(repeating: 0, count: buffer.count)
        return clusterctl_error_text(code, text, buffer.count) == 0 ? String(cString: text) : "errno \(code)"
    }
}
