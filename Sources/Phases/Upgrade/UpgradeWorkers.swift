import Engine
import Inventory
import Rendering

/// Changes the workers whose turn it is, once they are drained. Those with `manage: verify` are their operator's to
/// change, and only waited for.
public struct UpgradeWorkers: Phase {
    static let id: PhaseID = "upgrade-workers"
    public var id: PhaseID { UpgradeWorkers.id }
    public let title = "Workers, when they are drained"
    public var nodes: [NodeName] { cluster.workers }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard cluster[node].management == .verify,
            ServerQuestion.nodes(facts, cluster)?[node]?.version ?? "" != version
        else { return .satisfied }
        return .putOff(
            "its own configuration has to bring K3s \(version): 'clusterctl render' writes what it needs")
    }

    public func apply(_ node: NodeName) -> [Step] {
        cluster[node].management == .full ? K3sFiles(cluster: cluster).changeSteps(node) : []
    }

    public func gate(_ node: NodeName) -> Gate? {
        let reference = cluster.reference
        let unit = cluster[node].unit
        let isOurs = cluster[node].management == .full
        let restart = isOurs ? RestartQuestion.asks(node, unit) : []
        return Gate(
            waitingFor: "\(node) to run \(version), to be ready, and Cilium to serve there",
            asks: [Ask(reference, NodesQuestion.probe), Ask(node, CiliumQuestion.status)] + restart,
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.workers, node), journal: (node, unit),
            lookAt: "journalctl -u \(unit) on \(node)"
        ) { [version] facts in
            .all(
                isOurs ? RestartQuestion.verdict(facts, node, unit) : .holds,
                NodesQuestion.runs(facts[reference, NodesQuestion.probe], node, version: version),
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

    private var version: String { cluster.inventory.k3s.version.description }

    /// Whether something will be done on this worker, as far as the facts tell.
    func isPending(_ node: NodeName, _ facts: Facts) -> Bool {
        apply(node).contains { facts[node, $0] != .same }
    }
}
