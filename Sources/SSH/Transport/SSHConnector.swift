/// Opens sessions by whatever way their targets name.
public actor SSHConnector {
    let reactor: SSHReactor
    private let secrets: any LoginSecrets

    public nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }

    public init(secrets: any LoginSecrets = NoLoginSecrets(), on reactor: SSHReactor = .shared) {
        self.secrets = secrets
        self.reactor = reactor
    }

    /// A session that is logged in on a server whose host key was verified, before `deadline`.
    public func connect(
        to target: SSHTarget, deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> SSHSession {
        let session = SSHSession(target: target, reactor: reactor)
        try await session.open(secrets: secrets, until: deadline) { [reactor] () async throws(SSHFailure) in
            try await TCPConnection.open(
                host: target.host, port: target.port, timeout: target.connectTimeout, on: reactor, until: deadline)
        }
        return session
    }

    /// Ends what the sessions of this connector share; they are closed before.
    public func close() async {}
}
