import Engine
import Inventory
import Rendering

/// Starts K3s anew on the workers, which remember a cluster that is not this one any more: after a restore the numbers by
/// which they follow the API's changes begin again (Kubernetes' page on operating etcd).
public struct RestartAgents: Phase {
    public let id: PhaseID = "restart-agents"
    public let title = "Workers look at the cluster anew"
    public var nodes: [NodeName] { cluster.workers }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard cluster[node].management == .full else { return [] }
        return [
            RestoreTask.restart.step(
                "start K3s anew", restore, [cluster[node].unit],
                because: "what it remembers is of the cluster before; its containers go on")
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        let unit = cluster[node].unit
        let isOurs = cluster[node].management == .full
        let speaker = restore.server
        return Gate(
            waitingFor: "\(node) to be ready and Cilium to serve there",
            asks: [Ask(speaker, NodesQuestion.probe), Ask(node, CiliumQuestion.status)]
                + (isOurs ? RestartQuestion.asks(node, unit) : []),
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.workers, node), journal: (node, unit),
            lookAt: "journalctl -u \(unit) on \(node)"
        ) { facts in
            .all(
                isOurs ? RestartQuestion.verdict(facts, node, unit) : .holds,
                NodesQuestion.ready(facts[speaker, NodesQuestion.probe], node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node))
        }
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "K3s runs with what it ran with before")
    }
}

/// Asks whether the cluster that answers is the one of the snapshot: what the API calls its namespaces must be in the file.
/// That alone could be the earlier cluster, too: so etcd on every server must be of the cluster that was begun.
public struct ProveData: Phase {
    public let id: PhaseID = "prove-data"
    public let title = "The data are the snapshot's"
    public var nodes: [NodeName] { [restore.server] }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    /// What was proven, of a restore that has ended: the snapshot's copy is gone by then.
    public static let proof = Probe.command(RestoreTask.program([RestoreTask.proof.rawValue, ".", "."]))

    /// What is said of that at the end.
    public static func words(_ answer: Answer) -> String {
        answer.output.hasPrefix("the snapshot is compressed")
            ? "restored, and not proven: \(answer.output)"
            : "restored: the cluster has the snapshot's identity; \(answer.output)"
    }

    static func probe(_ restore: Restore) -> Probe {
        .command(RestoreTask.program([RestoreTask.prove.rawValue, restore.attempt, restore.snapshot]))
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    public func gate(_ node: NodeName) -> Gate? {
        let probe = ProveData.probe(restore)
        let servers = [node] + cluster.controlPlane.filter { $0 != node }
        return Gate(
            waitingFor: "the cluster to answer as the snapshot's, and etcd on all servers to be of it",
            asks: [Ask(node, probe)] + servers.map { Ask($0, EtcdClusterQuestion.probe) },
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.verify, node),
            lookAt: "k3s kubectl get namespaces, on \(node); clusterctl etcd members"
        ) { facts in
            guard let answer = facts[node, probe] else { return .waiting("\(node) has not said yet") }
            guard answer.succeeded else { return .waiting(answer.reason) }
            return EtcdClusterQuestion.verdict(facts, servers)
        }
    }
}

/// Notes that the restore is through, on the server that began it last: until then a later run goes on with it.
public struct EndRestore: Phase {
    public let id: PhaseID = "end-restore"
    public let title = "The restore is through"
    public var nodes: [NodeName] { cluster.controlPlane }
    public var last: NodeName? { restore.server }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            RestoreTask.end.step(
                "note that the restore is through", restore,
                because: "where a server joined is no longer needed, and the next restore is another one")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "nothing runs by it") }
}
