import Engine
import Inventory

/// What is waited for on a worker that was started anew, whatever it was started anew for: that it is ready, and Cilium serves
/// there.
struct WorkerServesAgain: Sendable {
    let cluster: Cluster

    init(_ cluster: Cluster) { self.cluster = cluster }

    /// - Parameters:
    ///   - what: what else it has to be or do.
    ///   - asks: of the questions that `verdict` judges besides.
    func gate(
        _ node: NodeName, to what: String, asks more: [Ask] = [], verdict: @escaping @Sendable (Facts) -> Verdict
    ) -> Gate {
        let reference = cluster.reference
        let unit = cluster[node].unit
        return Gate(
            waitingFor: "\(node) to \(what), to be ready, and Cilium to serve there",
            asks: more + [Ask(reference, NodesQuestion.probe), Ask(node, CiliumQuestion.status)]
                + RestartQuestion.asks(node, unit),
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.workers, node), journal: (node, unit),
            lookAt: "journalctl -u \(unit) on \(node)"
        ) { facts in
            .all(
                RestartQuestion.verdict(facts, node, unit), verdict(facts),
                NodesQuestion.ready(facts[reference, NodesQuestion.probe], node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node))
        }
    }
}
