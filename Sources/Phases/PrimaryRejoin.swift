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
    public var nodes: [NodeName] {
        cluster.replicas.isEmpty || !cluster.controlPlane.contains(cluster.primary) ? [] : [cluster.primary]
    }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func apply(_ node: NodeName) -> [Step] {
        guard let replica = cluster.replicas.first else { return [] }
        return [
            JoinFile.step(
                through: replica, cluster,
                because: "a primary that comes back empty joins \(replica) instead of starting a second cluster")
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "the file counts only when K3s starts without etcd data")
    }
}

/// Where a server joins, in place of what its `config.yaml` says, which does not change with the server that happens to speak
/// for the cluster: nobody is restarted for it. K3s takes the last value of a key, and reads it when it starts without
/// etcd data.
enum JoinFile {
    static let path = "\(K3sPaths.configDropIns)/50-server.yaml"

    static func step(through server: NodeName, _ cluster: Cluster, because: String) -> Step {
        let url = K3sConfiguration.serverURL(cluster[server], cluster.inventory)
        let text = K3sConfiguration.header + YAMLValue.map(["server": .string(url)]).yamlText()
        return Step(.file(path: path, content: .text(text), mode: .privateFile), because: because)
    }

    /// Before K3s is started on a server that joins a living cluster; none where its `config.yaml` says the same.
    static func step(for node: NodeName, _ cluster: Cluster) -> Step? {
        if node == cluster.primary {
            let server = cluster.reference == node ? cluster.replicas.first ?? node : cluster.reference
            return step(through: server, cluster, because: "it joins \(server) instead of starting a second cluster")
        }
        guard cluster.reference != cluster.primary else { return nil }
        return step(
            through: cluster.reference, cluster,
            because: "it joins through \(cluster.reference), because \(cluster.primary) does not answer")
    }
}
