import Engine
import Inventory

/// What is waited for on a server that was started anew, whatever it was started anew for: that it is a healthy voter
/// again, Cilium serves there, and the API answers at the endpoint.
struct ServesAgain: Sendable {
    let cluster: Cluster
    let endpoint: EndpointQuestion?

    /// - Parameter serving: with servers that serve besides, each of which may hold the endpoint's address.
    init(_ cluster: Cluster, serving: Cluster? = nil) {
        self.cluster = cluster
        endpoint = EndpointQuestion(serving ?? cluster)
    }

    /// - Parameters:
    ///   - what: what else it has to be or do, as in "run v1.35.7+k3s1".
    ///   - asks: of the questions that `verdict` judges besides.
    ///   - longerBySeconds: what it may take until K3s is started anew.
    func gate(
        _ node: NodeName, to what: String, asks more: [Ask] = [], longerBySeconds before: Int = 0,
        verdict: @escaping @Sendable (Facts) -> Verdict
    ) -> Gate {
        var asks = [EtcdQuestion.probe, NodesQuestion.probe, CiliumQuestion.status].map { Ask(node, $0) }
        asks += RestartQuestion.asks(node, Units.server) + more
        if let endpoint { asks += endpoint.asksForAnswer }
        let atEndpoint = endpoint.map { ", and the API to answer at \($0.address)" } ?? ""
        let witness = endpoint.map { "; the endpoint was asked from \($0.witness)" } ?? ""
        return Gate(
            waitingFor: "\(node) to \(what), to be ready, a healthy voter of etcd, Cilium to serve there\(atEndpoint)",
            asks: asks, deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.replicas, node) + before,
            journal: (node, Units.server), lookAt: "journalctl -u k3s on \(node)\(witness)"
        ) { [endpoint] facts in
            let nodes = facts[node, NodesQuestion.probe]
            return .all([
                RestartQuestion.verdict(facts, node, Units.server),
                EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node),
                verdict(facts),
                NodesQuestion.voter(nodes, node),
                NodesQuestion.ready(nodes, node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node),
                endpoint?.answered(facts) ?? .holds,
            ])
        }
    }
}
