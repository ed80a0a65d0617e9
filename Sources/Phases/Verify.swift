import Engine
import Inventory

/// Asks the finished cluster whether everything is as the inventory has it.
public struct Verify: Phase {
    public let id: PhaseID = "verify"
    public let title = "Verify the cluster"
    public var nodes: [NodeName] { cluster.all }
    let cluster: Cluster
    let endpoint: EndpointQuestion?

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        endpoint = EndpointQuestion(cluster)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    public func gate(_ node: NodeName) -> Gate? {
        let reference = cluster.reference
        let isMember = cluster[node].isControlPlane
        let endpoint = node == reference ? endpoint : nil
        var asks = [Ask(reference, NodesQuestion.probe), Ask(node, CiliumQuestion.status)]
        if isMember { asks.append(Ask(node, EtcdQuestion.probe)) }
        if let endpoint { asks += endpoint.asks.filter { !asks.contains($0) } }
        return Gate(
            waitingFor: waitingFor(node, endpoint), asks: asks,
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.verify, node),
            journal: (node, cluster[node].unit),
            lookAt: "k3s kubectl get nodes,pods -A -o wide, on \(reference)"
        ) { facts in
            let nodes = facts[reference, NodesQuestion.probe]
            var verdicts = [
                NodesQuestion.ready(nodes, node), CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node),
            ]
            if isMember {
                verdicts.append(EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node))
                verdicts.append(NodesQuestion.voter(nodes, node))
            }
            if let endpoint { verdicts.append(endpoint.verdict(facts)) }
            return .all(verdicts)
        }
    }

    private func waitingFor(_ node: NodeName, _ endpoint: EndpointQuestion?) -> String {
        let member = cluster[node].isControlPlane ? ", its etcd member to vote" : ""
        let address = endpoint.map { ", and the API to answer at \($0.address)" } ?? ""
        return "\(node) to be ready\(member), Cilium to serve there\(address)"
    }
}
