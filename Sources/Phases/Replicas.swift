import Engine
import Inventory
import Rendering

/// Lets the other control plane nodes join, one after the other: the next one only when etcd has a vote more.
public struct Replicas: Phase {
    public let id: PhaseID = "replicas"
    public let title = "Replicas join, one at a time"
    public var nodes: [NodeName] { cluster.replicas }
    public var atOnce: Int { 1 }
    let cluster: Cluster
    let joinThrough: JoinAddress

    public init(_ inventory: Inventory, joinThrough: JoinAddress = .primary) {
        cluster = Cluster(inventory)
        self.joinThrough = joinThrough
    }

    public func apply(_ node: NodeName) -> [Step] {
        K3sFiles(cluster: cluster, joinThrough: joinThrough).steps(node)
    }

    public func gate(_ node: NodeName) -> Gate? {
        let primary = cluster.primary
        return Gate(
            waitingFor: "\(node) to be a voting member of etcd, to be ready, and Cilium to serve there",
            asks: [
                Ask(node, EtcdQuestion.probe), Ask(node, CiliumQuestion.status), Ask(primary, NodesQuestion.probe),
                Ask(primary, CiliumQuestion.pods),
            ],
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.replicas, node),
            journal: (node, Units.server),
            lookAt: "journalctl -u k3s on \(node)"
        ) { facts in
            .all(
                EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node),
                NodesQuestion.voter(facts[primary, NodesQuestion.probe], node),
                CiliumQuestion.pod(facts[primary, CiliumQuestion.pods], on: node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node),
                NodesQuestion.ready(facts[primary, NodesQuestion.probe], node))
        }
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo {
        let server = K3sConfiguration.serverURL(cluster.inventory.primary, cluster.inventory)
        let leave = Step(
            .command(
                Command(
                    name: "leave etcd, if \(node) has only just joined",
                    arguments: Script.arguments(.leaveEtcd, [node.rawValue, server]), timeoutSeconds: 145)),
            because: "a member that is gone without leaving would cost the others their quorum")
        return cluster.restore(node, first: [leave])
    }
}
