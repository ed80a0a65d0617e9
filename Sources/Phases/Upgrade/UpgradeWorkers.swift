import Engine
import Inventory
import Rendering

/// Changes the workers whose turn it is, once they are drained. Those with `manage: verify` are their operator's to
/// change, and only waited for. With `by` it is the cluster's own controller that drains them and starts K3s anew.
public struct UpgradeWorkers: Phase {
    static let id: PhaseID = "upgrade-workers"
    public var id: PhaseID { UpgradeWorkers.id }
    public var title: String { plans == nil ? "Workers, when they are drained" : "Workers, by the controller" }
    public var nodes: [NodeName] { cluster.workers }
    let cluster: Cluster
    private let plans: ControllerPlans?

    public init(_ inventory: Inventory) { self.init(inventory, by: nil) }

    init(_ inventory: Inventory, by plans: ControllerPlans?) {
        cluster = Cluster(inventory)
        self.plans = plans
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        if plans != nil, cluster[node].management == .full {
            let turn = NodeTurn(cluster.inventory)
            return turn.isPending(node, facts) ? .satisfied : .notApplicable(turn.whyNot)
        }
        guard cluster[node].management == .verify,
            ServerQuestion.nodes(facts, cluster)?[node]?.version ?? "" != version
        else { return .satisfied }
        return .putOff(
            "its own configuration has to bring K3s \(version): 'clusterctl render' writes what it needs")
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard cluster[node].management == .full else { return [] }
        return plans == nil ? K3sFiles(cluster: cluster).changeSteps(node) : NodeTurn(cluster.inventory).steps(node)
    }

    public func gate(_ node: NodeName) -> Gate? {
        let reference = cluster.reference
        let unit = cluster[node].unit
        let isOurs = cluster[node].management == .full
        let restart = isOurs ? RestartQuestion.asks(node, unit) : []
        let plans = isOurs ? self.plans : nil
        let job = plans == nil ? "" : "; k3s kubectl -n \(ControllerPlans.namespace) get jobs,pods"
        return Gate(
            waitingFor:
                "\(node) to \(plans == nil ? "run" : "be brought by the controller to") \(version), to be ready, "
                + "and Cilium to serve there",
            asks: [Ask(reference, NodesQuestion.probe), Ask(node, CiliumQuestion.status)] + restart
                + (plans == nil ? [] : ControllerQuestion.asks(reference, about: node)),
            deadlineSeconds: plans.map { $0.jobSeconds([node]) + 30 }
                ?? cluster.deadline(cluster.inventory.deadlines.workers, node), journal: (node, unit),
            lookAt: "journalctl -u \(unit) on \(node)\(job)"
        ) { [version] facts in
            .all(
                plans == nil ? .holds : ControllerQuestion.verdict(facts, askedOn: reference, about: node),
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
