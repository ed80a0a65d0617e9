import Engine
import Inventory
import Rendering

/// Changes the servers one at a time: the next one only when this one serves again. The one that holds the endpoint's
/// address is the last, and one that is not well the first. With `by` it is the cluster's own controller that lets the
/// link lead to the new program and starts K3s anew; it gets each server when its turn has come.
public struct UpgradeServers: Phase {
    static let id: PhaseID = "upgrade-servers"
    public var id: PhaseID { UpgradeServers.id }
    public var title: String {
        plans == nil ? "Servers, one at a time" : "Servers, handed to the controller one at a time"
    }
    public var nodes: [NodeName] { cluster.controlPlane }
    public var atOnce: Int { 1 }
    let cluster: Cluster
    let endpoint: EndpointQuestion?
    /// With all servers that must serve while one of them is away, each of which may hold the endpoint's address.
    private let serving: Cluster
    private let plans: ControllerPlans?

    /// - Parameter serving: with servers that serve besides, and are about to leave.
    public init(_ inventory: Inventory, serving: Inventory? = nil) {
        self.init(inventory, serving: serving, by: nil)
    }

    init(_ inventory: Inventory, serving: Inventory? = nil, by plans: ControllerPlans?) {
        cluster = Cluster(inventory)
        self.plans = plans
        self.serving = Cluster(serving ?? inventory)
        endpoint = EndpointQuestion(self.serving)
    }

    public func needs(_ node: NodeName) -> [Probe] { [.guardState] }

    /// One whose guard an earlier run left armed is under way already; one that is not well must be led back before
    /// another one is out.
    public func turns(_ facts: Facts) -> [NodeName] {
        let holders = endpoint?.holders(facts) ?? []
        let known = ServerQuestion.nodes(facts, cluster)
        func rank(_ node: NodeName) -> Int {
            switch facts[node, .guardState].map({ GuardState(line: $0.output) }) {
            case .armed, .held, .firing: return 0
            default: break
            }
            if !ServerQuestion.isWell(node, facts, known) { return 1 }
            return holders.contains(node) ? 3 : 2
        }
        return (0...3).flatMap { wanted in nodes.filter { rank($0) == wanted } }
    }

    /// Whether something will be done on this server, as far as the facts tell.
    func isPending(_ node: NodeName, _ facts: Facts) -> Bool {
        K3sFiles(cluster: cluster).changeSteps(node).contains { facts[node, $0] != .same }
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let turn = NodeTurn(cluster.inventory)
        return plans == nil || turn.isPending(node, facts) ? .satisfied : .notApplicable(turn.whyNot)
    }

    public func apply(_ node: NodeName) -> [Step] {
        if let plans { return NodeTurn(cluster.inventory).steps(node) + [HandOver.step(node, plans)] }
        return K3sFiles(cluster: cluster).changeSteps(node).flatMap { step -> [Step] in
            guard case .unit(let unit) = step.operation else { return [step] }
            return [ServerQuestion.othersServe(node, serving, before: unit), step].compactMap(\.self)
        }
    }

    public func gate(_ node: NodeName) -> Gate? {
        guard plans != nil else {
            return ServesAgain(cluster, serving: serving).gate(node, to: "run \(version)") { [version] facts in
                NodesQuestion.runs(facts[node, NodesQuestion.probe], node, version: version)
            }
        }
        return ServesAgain(cluster, serving: serving).gate(
            node, to: "be brought to \(version) by the controller", asks: ControllerQuestion.asks(node, about: node),
            longerBySeconds: NodeTurn.podSeconds + 30
        ) { [version] facts in
            .all(
                ControllerQuestion.verdict(facts, askedOn: node, about: node),
                NodesQuestion.runs(facts[node, NodesQuestion.probe], node, version: version))
        }
    }

    private var version: String { cluster.inventory.k3s.version.description }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    /// The link leads to the earlier program again, which is still there, and K3s is started with it.
    public func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
}
