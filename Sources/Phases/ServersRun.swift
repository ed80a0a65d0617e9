import Engine
import Inventory
import Rendering

/// Starts K3s on servers where it does not run, with the files that are there: a guard may have kept it stopped, and what
/// comes after would wait for it in vain.
public struct ServersRun: Phase {
    static let id: PhaseID = "servers-run"
    public var id: PhaseID { ServersRun.id }
    public let title = "K3s runs on the servers"
    public let nodes: [NodeName]
    public var atOnce: Int { 1 }
    let cluster: Cluster

    /// - Parameter nodes: those that are meant; nil: all servers.
    public init(_ inventory: Inventory, _ nodes: [NodeName]? = nil) {
        cluster = Cluster(inventory)
        self.nodes = nodes ?? cluster.controlPlane
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .unit(UnitState(name: Units.server, enabled: true, activity: .running(restartOn: []))),
                because: "nothing that follows would come to an end without it")
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        let asks = [EtcdQuestion.probe, NodesQuestion.probe].map { Ask(node, $0) }
        return Gate(
            waitingFor: "\(node) to run, and to be a healthy voter of etcd",
            asks: asks + RestartQuestion.asks(node, Units.server),
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.replicas, node),
            journal: (node, Units.server), lookAt: "journalctl -u k3s on \(node)"
        ) { facts in
            .all([
                RestartQuestion.verdict(facts, node, Units.server),
                EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node),
                NodesQuestion.voter(facts[node, NodesQuestion.probe], node),
            ])
        }
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
}
