import Engine

/// Opens sessions by whatever way their targets name.
///
/// Sessions to jump hosts are shared by all targets behind them. Logins to one server are paced: a few at a time, and
/// again after a pause when it turns them away unheard, as sshd does with too many at once (MaxStartups).
public actor SSHConnector {
    let reactor: SSHReactor
    private let secrets: any LoginSecrets
    /// How long a connection behind a jump host waits for those asked for before it.
    private let patience: Duration
    private var jumps: [SSHTarget: JumpSessions] = [:]
    /// Proxy commands that have not ended.
    private var proxies = 0
    /// The wait for them to end.
    private var closing: UInt64?
    private var doors: [LoginDoor.Key: LoginDoor] = [:]

    public nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }

    public init(
        secrets: any LoginSecrets = NoLoginSecrets(), patience: Duration = .milliseconds(500),
        on reactor: SSHReactor = .shared
    ) {
        self.secrets = secrets
        self.patience = patience
        self.reactor = reactor
    }

    /// A session that is logged in on a server whose host key was verified, before `deadline`.
    public func connect(
        to target: SSHTarget, deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> SSHSession {
        try await paced(target, until: deadline) { () async throws(SSHFailure) in
            try await logIn(to: target, deadline: deadline)
        }
    }

    /// Makes an attempt when its turn has come at the server, and again after a pause when it was turned away unheard.
    func paced<Result>(
        _ target: SSHTarget, until deadline: ContinuousClock.Instant,
        _ attempt: () async throws(SSHFailure) -> Result
    ) async throws(SSHFailure) -> Result {
        let key = LoginDoor.Key(target)
        let door = doors[key] ?? LoginDoor()
        doors[key] = door
        var backOff = BackOff()
        while true {
            try await door.enter(on: reactor, until: deadline)
            do throws(SSHFailure) {
                let result = try await attempt()
                door.leave(on: reactor)
                return result
            } catch {
                let pause = backOff.pause(after: error, until: deadline)
                if pause != nil { door.narrow() }
                door.leave(on: reactor)
                guard let pause else { throw error }
                if await reactor.wait(for: [], on: -1, until: .now + pause) == .cancelled { throw error }
            }
        }
    }

    private func logIn(
        to target: SSHTarget, deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> SSHSession {
        let session = SSHSession(target: target, reactor: reactor)
        try await session.open(secrets: secrets, until: deadline) { @Sendable () async throws(SSHFailure) in
            try await self.connection(to: target, until: deadline)
        }
        return session
    }

    func connection(
        to target: SSHTarget, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Connection {
        switch target.route {
        case .direct:
            Connection(descriptor: try await TCPConnection.open(to: target, on: reactor, until: deadline))
        case .jump(let jump): try await tunnel(by: jump, to: target, until: deadline)
        case .command(let command): try start(command, to: target)
        }
    }

    private func start(_ command: String, to target: SSHTarget) throws(SSHFailure) -> Connection {
        let (connection, proxy) = try ProxyCommand.start(command, to: target.host, on: reactor)
        proxies += 1
        Task {
            await proxy.serve()
            proxies -= 1
            if proxies == 0, let wait = closing { reactor.finish(wait, .ready) }
        }
        return connection
    }

    // MARK: Jump hosts

    private func tunnel(
        by jump: SSHTarget, to target: SSHTarget, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Connection {
        var hasBroken = false
        while true {
            let (shared, place) = shared(to: jump)
            let session: SSHSession
            do throws(SSHFailure) {
                session = try await shared.session(on: reactor, until: deadline)
            } catch {
                throw error.by(jump: jump.host)
            }
            guard await session.isWhole else {
                forget(shared, to: jump)
                continue
            }
            let until = min(deadline, .now + target.connectTimeout)
            do throws(SSHFailure) {
                let tunnel = try await session.openTunnel(
                    to: target.host, port: target.port, place: place, patience: patience, until: until)
                if let tunnel { return tunnel }
                shared.isSlow = true
            } catch {
                guard case .connectionLost = error else { throw error }
                forget(shared, to: jump)
                // One that broke while nobody used it is replaced.
                if hasBroken { throw error.by(jump: jump.host) }
                hasBroken = true
            }
        }
    }

    /// A session to the jump host with a place for one more, which may still be being opened.
    private func shared(to jump: SSHTarget) -> (SharedSession, TunnelCount.Place) {
        while true {
            if let free = jumps[jump, default: JumpSessions()].free() { return free }
            let shared = SharedSession()
            jumps[jump, default: JumpSessions()].all.append(shared)
            shared.opening = Task {
                do throws(SSHFailure) {
                    let session = try await connect(to: jump, deadline: .now + jump.connectTimeout * 3)
                    shared.conclude(.success(session), on: reactor)
                } catch {
                    forget(shared, to: jump)
                    shared.conclude(.failure(error), on: reactor)
                }
            }
        }
    }

    private func forget(_ shared: SharedSession, to jump: SSHTarget) {
        jumps[jump]?.all.removeAll { $0 === shared }
    }

    /// Ends what the sessions of this connector share; they are closed before.
    public func close() async {
        let sessions = jumps.values.flatMap(\.all)
        jumps = [:]
        for shared in sessions {
            shared.opening?.cancel()
            await shared.opening?.value
            if case .success(let session) = shared.result { await session.close() }
        }
        if proxies > 0 {
            _ = await reactor.wait(for: [], on: -1, until: .now + .seconds(3), cancellable: false) { closing = $0 }
            closing = nil
        }
    }
}
