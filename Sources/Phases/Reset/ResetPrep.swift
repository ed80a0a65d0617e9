import Engine

/// Brings the guard to nodes that have none, or an earlier one: what is taken out of the system is so behind it.
struct ResetPrep: Phase {
    let id: PhaseID = "host-prep"
    let title = "The guard is there"
    var nodes: [NodeName] { scope.nodes }
    let scope: ResetScope

    init(_ scope: ResetScope) { self.scope = scope }

    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        scope.isClean(node, facts) ? .notApplicable("nothing of K3s is left there") : .satisfied
    }

    func apply(_ node: NodeName) -> [Step] {
        HostPrep(scope.cluster.inventory).guardSteps(node) + [ResetQuestion.baseline]
    }

    func undo(_ node: NodeName) -> Undo { .nothing(because: "it only adds what the guard needs, and goes with the rest") }
}
