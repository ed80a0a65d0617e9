import Engine
import Inventory
import Rendering
import YAML

/// Tells the primary where to join if it ever loses its etcd data, so that it never starts a second cluster.
///
/// A member that was removed can come back only with `server:` set (K3s pkg/etcd). Nothing is restarted: K3s reads the
/// file at its next start, and with etcd data in place it changes nothing.
public struct PrimaryRejoin: Phase {
    public let id: PhaseID = "primary-rejoin"
    public let title = "The primary can rejoin"
    public var nodes: [NodeName] { cluster.replicas.isEmpty ? [] : [cluster.primary] }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func apply(_ node: NodeName) -> [Step] {
        guard let replica = cluster.inventory.replicas.first else { return [] }
        let server = K3sConfiguration.serverURL(replica, cluster.inventory)
        let text = K3sConfiguration.header + YAMLValue.map(["server": .string(server)]).yamlText()
        return [
            Step(
                .file(path: "\(K3sPaths.configDropIns)/50-server.yaml", content: .text(text), mode: .privateFile),
                because: "a primary that comes back empty joins \(replica.name) instead of starting a second cluster")
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "the file counts only when K3s starts without etcd data")
    }
}
