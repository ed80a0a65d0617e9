import Engine
import Inventory
import SSH

/// How the inventory's nodes and routers are reached: SSH targets with all that they need, and the pools of sessions to them. What
/// is asked on the terminal is asked once for all of them.
struct Connections {
    private let inventory: Inventory
    private let options: ConnectionOptions
    private let configurations: [SSHConfigurationSource: UserConfiguration]
    private let resolver: TargetResolver
    /// Where SSH goes for each node.
    let targets: [NodeName: SSHTarget]
    /// What has the secrets that are needed on the way.
    let secrets: RunSecrets

    /// What the user should know about the SSH configuration is said here.
    ///
    /// - Parameter writesHostKeys: whether known_hosts files are written to, even if no new key is trusted.
    init(_ inventory: Inventory, options: ConnectionOptions, writesHostKeys: Bool = false) async throws {
        self.inventory = inventory
        self.options = options
        let asWriter = writesHostKeys || options.acceptNewHostKeys
        let nodes = Dictionary(grouping: inventory.hosts) { $0.ssh.configuration ?? .standard }
        let configurations = nodes.keys.reduce(into: [:]) { all, source in
            all[source] = UserConfiguration(source, asWriter: asWriter)
        }
        self.configurations = configurations
        let resolver = TargetResolver(
            local: .current, acceptsNewHostKeys: options.acceptNewHostKeys, asksPassword: options.askPass
        ) { source, question in
            try await configurations[source]?.answer(to: question) ?? SSHConfiguration()
        }
        self.resolver = resolver
        targets = try await Self.told {
            for (source, nodes) in nodes {
                try await configurations[source]?.prepare(nodes.map(TargetResolver.question))
            }
            var targets: [NodeName: SSHTarget] = [:]
            for node in inventory.hosts { targets[NodeName(node.name)] = try await resolver.target(for: node) }
            return targets
        }
        for configuration in configurations.values {
            for note in await configuration.notes { Standard.error(note) }
        }
        secrets = RunSecrets(inventory, targets: targets, options: options)
    }

    func pool() -> SessionPool { pool(targets, secrets: secrets) }

    private func pool(_ targets: [NodeName: SSHTarget], secrets: any LoginSecrets) -> SessionPool {
        var passwords = BecomePasswords(asks: options.askBecomePass) { [secrets = self.secrets] user, origin in
            await secrets.becomePassword(of: user, from: origin)
        }
        var access: [NodeName: SessionPool.Access] = [:]
        for node in inventory.hosts {
            let name = NodeName(node.name)
            guard let target = targets[name] else { continue }
            access[name] = SessionPool.Access(
                target: target, root: passwords.rootAccess(node.ssh, user: target.user))
        }
        return SessionPool(access: access, connector: SSHConnector(secrets: secrets))
    }

    /// The fleet of an inventory.
    ///
    /// - Parameter readsSecrets: Whether the secrets that its plan names are read. Only plans need them, and who takes back
    ///   a change in an emergency has no password store at hand.
    func fleet(_ site: Site, canWrite: Bool, readsSecrets: Bool) async throws -> SSHFleet {
        var secrets: [SecretSource: Secret] = [:]
        for provided in readsSecrets ? site.providedSecrets : [] {
            secrets[provided.source] = try await Secrets.read(
                provided.reference, key: provided.key, problem: provided.problem)
        }
        let nodes = site.inventory.nodes.map { (NodeName($0.name), $0.address.description) }
        let relay = site.inventory.k3s.relaysArtifacts ? Relay(addresses: Dictionary(uniqueKeysWithValues: nodes)) : nil
        return SSHFleet(
            pool: pool(), artifacts: Artifacts(), relay: relay, secrets: secrets, canWrite: canWrite)
    }

    static func fleet(
        _ site: Site, options: ConnectionOptions, canWrite: Bool, readsSecrets: Bool
    ) async throws -> SSHFleet {
        try await Connections(site.inventory, options: options)
            .fleet(site, canWrite: canWrite, readsSecrets: readsSecrets)
    }

    // MARK: Rescue paths

    /// Where SSH goes on the rescue paths of those nodes that have one.
    ///
    /// - Throws: `SSHConfigurationProblem`
    func rescueTargets(_ nodes: [NodeName]) async throws -> [NodeName: SSHTarget] {
        var targets: [NodeName: SSHTarget] = [:]
        for node in inventory.nodes where nodes.contains(NodeName(node.name)) {
            targets[NodeName(node.name)] = try await resolver.rescueTarget(for: node, in: inventory)
        }
        return targets
    }

    /// These nodes by their rescue paths. Each has a pool of its own: several may have the same address there.
    ///
    /// - Throws: `SSHConfigurationProblem`
    func rescueFleet(_ nodes: [NodeName]) async throws -> RescueFleet {
        var fleets: [NodeName: SSHFleet] = [:]
        for (name, target) in try await rescueTargets(nodes) {
            let secrets = RescueSecrets(secrets, of: targets[name] ?? target, at: target)
            fleets[name] = SSHFleet(
                pool: pool([name: target], secrets: secrets), artifacts: Artifacts(), secrets: [:], canWrite: true)
        }
        return RescueFleet(fleets)
    }

    /// Ends the command where the SSH configuration cannot be used, with OpenSSH's own words.
    static func told<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let problem as SSHConfigurationProblem {
            Standard.error("error: \(problem)")
            throw ExitStatus.invalidInventory
        }
    }
}

/// What a node's own address is logged in to with, at its address on the rescue path.
private struct RescueSecrets: LoginSecrets {
    private let secrets: RunSecrets
    private let ordinary: SSHTarget
    private let rescue: SSHTarget

    init(_ secrets: RunSecrets, of ordinary: SSHTarget, at rescue: SSHTarget) {
        self.secrets = secrets
        self.ordinary = ordinary
        self.rescue = rescue
    }

    func passphrase(forKey path: String) async -> Secret? { await secrets.passphrase(forKey: path) }

    func password(of user: String, on host: String) async -> Secret? {
        await secrets.password(of: user, on: host == rescue.host ? ordinary.host : host)
    }
}
