import Engine
import Inventory
import SSH

/// How the inventory's nodes are reached: SSH targets with all that they need, and the pool of sessions to them.
enum Connections {
    static func pool(_ inventory: Inventory, options: ConnectionOptions) async throws -> SessionPool {
        let (targets, secrets) = try await open(inventory, options: options)
        var passwords = BecomePasswords(asks: options.askBecomePass) { user, origin in
            await secrets.becomePassword(of: user, from: origin)
        }
        var access: [NodeName: SessionPool.Access] = [:]
        for node in inventory.nodes {
            let name = NodeName(node.name)
            guard let target = targets[name] else { continue }
            access[name] = SessionPool.Access(
                target: target, root: passwords.rootAccess(node.ssh, user: target.user))
        }
        return SessionPool(access: access, connector: SSHConnector(secrets: secrets))
    }

    /// Where SSH goes for each node, and what has the secrets that are needed on the way.
    ///
    /// - Parameter writesHostKeys: whether known_hosts files are written to, even if no new key is trusted.
    static func open(
        _ inventory: Inventory, options: ConnectionOptions, writesHostKeys: Bool = false
    ) async throws -> (targets: [NodeName: SSHTarget], secrets: RunSecrets) {
        let asWriter = writesHostKeys || options.acceptNewHostKeys
        let targets = try await targets(inventory, options: options, asWriter: asWriter)
        return (targets, RunSecrets(inventory, targets: targets, options: options))
    }

    /// Where SSH goes for each node; what the user should know about the SSH configuration is said here.
    private static func targets(
        _ inventory: Inventory, options: ConnectionOptions, asWriter: Bool
    ) async throws -> [NodeName: SSHTarget] {
        let nodes = Dictionary(grouping: inventory.nodes) { $0.ssh.configuration ?? .standard }
        let configurations = nodes.keys.reduce(into: [:]) { all, source in
            all[source] = UserConfiguration(source, asWriter: asWriter)
        }
        let resolver = TargetResolver(
            local: .current, acceptsNewHostKeys: options.acceptNewHostKeys, asksPassword: options.askPass
        ) { source, question in
            try await configurations[source]?.answer(to: question) ?? SSHConfiguration()
        }
        do {
            for (source, nodes) in nodes {
                try await configurations[source]?.prepare(nodes.map(TargetResolver.question))
            }
            var targets: [NodeName: SSHTarget] = [:]
            for node in inventory.nodes { targets[NodeName(node.name)] = try await resolver.target(for: node) }
            for configuration in configurations.values {
                for note in await configuration.notes { Standard.error(note) }
            }
            return targets
        } catch let problem as SSHConfigurationProblem {
            Standard.error("error: \(problem)")
            throw ExitStatus.invalidInventory
        }
    }

    /// The fleet of an inventory, with the cluster's token already read.
    static func fleet(_ site: Site, options: ConnectionOptions, canWrite: Bool) async throws -> SSHFleet {
        var secrets: [SecretSource: Secret] = [:]
        if let source = site.providedSecret, let reference = site.inventory.k3s.token {
            secrets[source] = try await Secrets.read(reference, key: "k3s.token")
        }
        let nodes = site.inventory.nodes.map { (NodeName($0.name), $0.address.description) }
        let relay = site.inventory.k3s.relaysArtifacts ? Relay(addresses: Dictionary(uniqueKeysWithValues: nodes)) : nil
        return SSHFleet(
            pool: try await pool(site.inventory, options: options), artifacts: Artifacts(), relay: relay,
            secrets: secrets,
            canWrite: canWrite)
    }
}
