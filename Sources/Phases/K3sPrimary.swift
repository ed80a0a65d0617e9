import Engine
import Inventory
import Rendering

/// Starts the cluster: K3s with embedded etcd on the primary, which has no network for pods yet.
public struct K3sPrimary: Phase {
    public let id: PhaseID = "k3s-primary"
    public let title = "K3s on the primary"
    public var nodes: [NodeName] { [cluster.primary] }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func apply(_ node: NodeName) -> [Step] {
        K3sFiles(cluster: cluster).steps(node)
    }

    /// Not "Ready": the node cannot be that before Cilium is there.
    public func gate(_ node: NodeName) -> Gate? {
        let asks = [EtcdQuestion.probe, APIQuestion.probe, APIQuestion.helmCharts, NodesQuestion.probe]
        return Gate(
            waitingFor: "etcd and the API on \(node) to be healthy and to know the node",
            asks: asks.map { Ask(node, $0) },
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.k3sPrimary, node),
            journal: (node, Units.server), lookAt: "journalctl -u k3s on \(node)"
        ) { facts in
            .all(
                EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node),
                APIQuestion.verdict(facts[node, APIQuestion.probe], on: node),
                NodesQuestion.registered(facts[node, NodesQuestion.probe], node),
                APIQuestion.helmChartsVerdict(facts[node, APIQuestion.helmCharts]))
        }
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    /// Etcd data that were not there before are moved aside by the guard, never deleted.
    public func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
}
