import Engine

/// Deletes what K3s, Cilium and clusterctl have stored, when nothing of it runs any more on any node.
struct ResetFiles: Phase {
    static let id: PhaseID = "reset-files"
    var id: PhaseID { ResetFiles.id }
    let title = "Delete what K3s, Cilium and clusterctl have stored"
    var nodes: [NodeName] { scope.nodes }
    let scope: ResetScope

    init(_ scope: ResetScope) { self.scope = scope }

    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        scope.isClean(node, facts) ? .notApplicable("nothing of K3s is left there") : .satisfied
    }

    func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "delete what was stored", arguments: scope.deletion(node), unless: scope.question(node),
                        timeoutSeconds: 600)),
                because: "the node is as it was before; how it is not is written down, and told at the end")
        ]
    }

    func undo(_ node: NodeName) -> Undo { .nothing(because: "what is deleted does not come back") }
}
