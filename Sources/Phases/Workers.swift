import Engine
import Inventory
import Rendering

/// Lets the workers join, all at once; those with `manage: verify` are only waited for.
public struct Workers: Phase {
    public let id: PhaseID = "workers"
    public let title = "Workers join"
    public var nodes: [NodeName] { cluster.workers }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func apply(_ node: NodeName) -> [Step] {
        cluster[node].management == .full ? K3sFiles(cluster: cluster).steps(node) : []
    }

    public func gate(_ node: NodeName) -> Gate? {
        let reference = cluster.reference
        let unit = cluster[node].unit
        return Gate(
            waitingFor: "\(node) to be ready and Cilium to serve there",
            asks: [Ask(reference, NodesQuestion.probe), Ask(node, CiliumQuestion.status)],
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.workers, node), journal: (node, unit),
            lookAt: cluster[node].management == .full
                ? "journalctl -u \(unit) on \(node)"
                : "the machine's own configuration ('clusterctl render' writes what it needs); journalctl -u \(unit)"
        ) { facts in
            .all(
                NodesQuestion.ready(facts[reference, NodesQuestion.probe], node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node))
        }
    }

    public func witness(_ node: NodeName) -> Ask? {
        cluster[node].management == .full ? cluster.witness(of: node, amongChanged: nodes) : nil
    }

    public func undo(_ node: NodeName) -> Undo {
        cluster[node].management == .full
            ? cluster.restore(node) : .nothing(because: "clusterctl never writes to this node")
    }
}
