import Engine
import Inventory
import Rendering

/// Asks, besides all that an upgrade asks, whether the cluster's own controller can carry it out.
public struct ViaPreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether the cluster can be led there, and by its own controller"
    public var nodes: [NodeName] { cluster.all }
    private let cluster: Cluster
    private let upgrade: UpgradePreflight
    private let turn: NodeTurn

    public init(_ inventory: Inventory, _ options: Upgrade.Options) {
        cluster = Cluster(inventory)
        turn = NodeTurn(inventory)
        upgrade = UpgradePreflight(inventory, options, isPending: NodeTurn(inventory).isPending)
    }

    public func needs(_ node: NodeName) -> [Probe] {
        guard cluster[node].isControlPlane else { return upgrade.needs(node) }
        return upgrade.needs(node) + [
            SchedulingQuestion.probe, ControllerQuestion.deployment, ControllerQuestion.account,
            ControllerQuestion.plans, ControllerQuestion.labels,
        ]
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let finding = upgrade.check(node, facts)
        guard let known = ServerQuestion.nodes(facts, cluster) else { return finding }
        var problems = turn.isPending(node, facts) ? nodeProblems(node, facts, known) : []
        if node == cluster.reference { problems += controllerProblems(facts) }
        if case .blocked(let others) = finding { problems = others + problems }
        return problems.isEmpty ? finding : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    /// The job is a pod, which needs a kubelet; and the controller lets pods onto whatever it has changed.
    private func nodeProblems(_ node: NodeName, _ facts: Facts, _ known: NodesQuestion) -> [Problem] {
        var problems: [Problem] = []
        if let row = known[node], !row.isReady {
            problems.append(
                Problem(
                    "it is not ready, and the controller's job would not run there",
                    fix: "lead it there without --via: 'clusterctl upgrade'"))
        }
        let scheduling = SchedulingQuestion(facts.first(of: cluster.controlPlane, SchedulingQuestion.probe))
        if !cluster[node].isControlPlane, let scheduling, scheduling[node] == .cordoned || scheduling.wasCordoned(node)
        {
            problems.append(
                Problem(
                    "somebody has cordoned it, and the controller would let pods onto it",
                    fix: "uncordon it; or lead it there without --via: 'clusterctl upgrade' leaves it cordoned"))
        }
        return problems + foreignPlans(node, facts)
    }

    private func foreignPlans(_ node: NodeName, _ facts: Facts) -> [Problem] {
        let servers = cluster.controlPlane
        let answer = facts.first(of: servers, ControllerQuestion.plans)
        guard let plans = ControllerQuestion.plans(answer) else { return [] }
        let labels = ControllerQuestion.labels(facts.first(of: servers, ControllerQuestion.labels), of: node)
        return plans.filter { !$0.isOurs }.compactMap { plan in
            let name = "\(plan.namespace)/\(plan.name)"
            switch labels.flatMap({ plan.selects($0) }) {
            case false: return nil
            case true:
                return Problem(
                    "the Plan \(name) selects it, too, and may change it at the same time",
                    fix: "delete that Plan, or switch it off here: k3s kubectl label node \(node) "
                        + "plan.upgrade.cattle.io/\(plan.name)=disabled")
            case nil:
                return Problem(
                    "it cannot be told whether the Plan \(name) selects it, too",
                    fix: "delete that Plan for the time being")
            }
        }
    }

    private func controllerProblems(_ facts: Facts) -> [Problem] {
        let servers = cluster.controlPlane
        func answer(_ probe: Probe) -> Answer? { facts.first(of: servers, probe) }
        let install = "clusterctl does not install it: see docs/upgrade.md; or leave --via out"
        guard answer(ControllerQuestion.plans)?.succeeded == true else {
            return [Problem("the cluster does not know the kind Plan of system-upgrade-controller", fix: install)]
        }
        var problems: [Problem] = []
        let place = ControllerPlans.namespace
        if let available = answer(ControllerQuestion.deployment), available.succeeded {
            if Int(available.output.filter { !$0.isWhitespace }) ?? 0 < 1 {
                problems.append(
                    Problem(
                        "the Deployment \(place)/\(ControllerPlans.controller) has no pod that is available",
                        fix: "see k3s kubectl -n \(place) get pods,events"))
            }
        } else {
            problems.append(
                Problem(
                    "there is no Deployment \(place)/\(ControllerPlans.controller), or it cannot be asked for",
                    fix: install))
        }
        if answer(ControllerQuestion.account)?.succeeded != true {
            problems.append(
                Problem(
                    "there is no ServiceAccount \(place)/\(ControllerPlans.account), which the jobs need",
                    fix: "it comes with the controller's own manifest: apply that anew"))
        }
        return problems
    }
}
