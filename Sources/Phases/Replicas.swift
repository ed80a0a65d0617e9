import Engine
import Inventory
import Rendering

/// Lets the other control plane nodes join, one after the other: the next one only when etcd has a vote more. In a living
/// cluster these are the ones that are added, the primary perhaps among them.
public struct Replicas: Phase {
    public let id: PhaseID = "replicas"
    public let title = "Replicas join, one at a time"
    public var nodes: [NodeName] { joining ?? cluster.replicas }
    public var atOnce: Int { 1 }
    let cluster: Cluster
    let joinThrough: JoinAddress
    private let joining: [NodeName]?

    /// - Parameter joining: those that join a living cluster; nil where one is born.
    public init(_ inventory: Inventory, joinThrough: JoinAddress = .primary, joining: [NodeName]? = nil) {
        cluster = Cluster(inventory)
        self.joinThrough = joinThrough
        self.joining = joining
    }

    public func needs(_ node: NodeName) -> [Probe] { joining == nil ? [] : [K3sQuestion.config, .guardState] }

    /// One that has joined is a server like the others; what has changed in its files is not this phase's.
    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        joining != nil && Joined.isMember(node, facts, cluster) && !facts.hasOpenGuard(node) ? .settled : .satisfied
    }

    public func apply(_ node: NodeName) -> [Step] {
        let steps = K3sFiles(cluster: cluster, joinThrough: joinThrough).steps(node)
        guard joining != nil, let join = JoinFile.step(for: node, cluster) else { return steps }
        return [join] + steps
    }

    public func gate(_ node: NodeName) -> Gate? {
        let reference = cluster.reference
        return Gate(
            waitingFor: "\(node) to be a voting member of etcd, to be ready, and Cilium to serve there",
            asks: [
                Ask(node, EtcdQuestion.probe), Ask(node, CiliumQuestion.status), Ask(reference, NodesQuestion.probe),
                Ask(reference, CiliumQuestion.pods),
            ],
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.replicas, node),
            journal: (node, Units.server),
            lookAt: "journalctl -u k3s on \(node)"
        ) { facts in
            .all(
                EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node),
                NodesQuestion.voter(facts[reference, NodesQuestion.probe], node),
                CiliumQuestion.pod(facts[reference, CiliumQuestion.pods], on: node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node),
                NodesQuestion.ready(facts[reference, NodesQuestion.probe], node))
        }
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo {
        let server = K3sConfiguration.serverURL(cluster.inventory.reference, cluster.inventory)
        let leave = Step(
            .command(
                Command(
                    name: "leave etcd, if \(node) has only just joined",
                    arguments: Script.arguments(.leaveEtcd, [node.rawValue, server]), timeoutSeconds: 145)),
            because: "a member that is gone without leaving would cost the others their quorum")
        return cluster.restore(node, first: [leave])
    }
}
