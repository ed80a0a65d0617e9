import Engine
import Inventory
import Rendering

/// Takes what runs of K3s and Cilium out of the system: units, containers, rules, routes, links, attachments, mounts.
///
/// Nothing is deleted, so that the guard can bring all of it back. Servers come one at a time: the first one that cannot be
/// reached any more is the only one.
struct ResetNodes: Phase {
    enum Kind: String, Sendable { case workers, servers }
    static let ids: Set<PhaseID> = ["reset-workers", "reset-servers"]

    let id: PhaseID
    let title: String
    var nodes: [NodeName] { scope.nodes.filter { scope.cluster[$0].isControlPlane == (kind == .servers) } }
    var atOnce: Int { kind == .servers ? 1 : .max }
    let scope: ResetScope
    private let kind: Kind

    init(_ scope: ResetScope, _ kind: Kind) {
        self.scope = scope
        self.kind = kind
        id = PhaseID("reset-\(kind.rawValue)")
        title = "Take K3s and Cilium out of the system of the \(kind.rawValue)"
    }

    func needs(_ node: NodeName) -> [Probe] { [.guardState, scope.left(node)] }

    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        scope.isClean(node, facts) ? .notApplicable("nothing of K3s is left there") : .satisfied
    }

    func apply(_ node: NodeName) -> [Step] {
        let address = scope.cluster.inventory.endpoint.movedAddress.map { [$0.description] } ?? []
        return [
            Step(
                .unit(UnitState(name: scope.cluster[node].unit, enabled: false, activity: .stopped)),
                because: "K3s would bring all of it back"),
            Step(
                .command(
                    Command(
                        name: "take K3s and Cilium out of the running system",
                        arguments: ResetQuestion.program(["stop"] + address),
                        unless: ResetQuestion.running, timeoutSeconds: 180)),
                because: "only their own rules, links, routes, programs and mounts; what others have set up stays"),
        ]
    }

    func gate(_ node: NodeName) -> Gate? {
        let running = Probe.command(ResetQuestion.running)
        return Gate(
            waitingFor: "nothing of K3s and Cilium to run on \(node)", asks: [Ask(node, running)],
            deadlineSeconds: scope.cluster.deadline(.seconds(60), node), journal: (node, scope.cluster[node].unit),
            lookAt: "what 'clusterctl reset' names as left, on \(node)"
        ) { facts in ResetQuestion.verdict(facts[node, running], on: node) }
    }

    func witness(_ node: NodeName) -> Ask? { scope.cluster.neighbour(of: node, amongChanged: nodes) }

    /// With the guard on every node: what is taken out here can cut off any of them.
    func undo(_ node: NodeName) -> Undo {
        .restore(first: [], guardWindowSeconds: scope.cluster[node].profile.linkGuardWindow.wholeSeconds)
    }
}
