import Engine
import Foundation
import Inventory
import SSH

/// How the inventory's nodes are reached: SSH targets with paths resolved, and the pool of sessions to them.
enum Connections {
    static func pool(_ inventory: Inventory, options: ConnectionOptions) -> SessionPool {
        let local = NSUserName()
        var access: [NodeName: SessionPool.Access] = [:]
        for node in inventory.nodes {
            access[NodeName(node.name)] = SessionPool.Access(
                target: target(node, localUser: local, options: options),
                become: node.ssh.become(as: node.ssh.user ?? local))
        }
        return SessionPool(access: access, connector: SSHConnector())
    }

    private static func target(_ node: Node, localUser: String, options: ConnectionOptions) -> SSHTarget {
        let settings = node.ssh
        var policy = HostKeyPolicy()
        if let files = settings.knownHostsFiles { policy.knownHostsFiles = files }
        policy.pinned = settings.hostKeys ?? []
        policy.alias = settings.hostKeyAlias
        policy.acceptNew = options.acceptNewHostKeys
        return SSHTarget(
            host: node.sshHost, port: settings.port?.number ?? 22, user: settings.user ?? localUser,
            login: SSHLogin(identityFiles: settings.identityFiles ?? [], useAgent: settings.agent != .off),
            hostKeys: policy, connectTimeout: settings.connectTimeout ?? .seconds(10))
    }

    /// The fleet of an inventory, with the secrets that it refers to already read.
    static func fleet(_ site: Site, options: ConnectionOptions, canWrite: Bool) async throws -> SSHFleet {
        var secrets: [SecretSource: Secret] = [:]
        if let source = site.providedSecret {
            secrets[source] = try await Secrets.read(site.inventory.k3s.token, key: "k3s.token")
        }
        return SSHFleet(
            pool: pool(site.inventory, options: options), artifacts: Artifacts(), secrets: secrets, canWrite: canWrite)
    }
}
