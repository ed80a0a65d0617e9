import Engine
import Inventory
import Rendering

/// Brings the snapshot, and what K3s is told by, and asks whether K3s will be able to read it, while everything still runs.
public struct CheckSnapshot: Phase {
    public let id: PhaseID = "check-snapshot"
    public let title = "The snapshot, and whether K3s can read it"
    public var nodes: [NodeName] { [restore.server] }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func apply(_ node: NodeName) -> [Step] {
        var steps: [Step] = []
        if case .file(let path, let digest) = restore.source {
            let source = ArtifactSource(name: "snapshot", origin: .localFile(path: path), checksum: .pinned(digest))
            steps.append(
                Step(
                    .artifact(path: restore.snapshot, source: source, mode: .privateFile),
                    because: "K3s restores from a file of its own"))
        }
        return steps + K3sFiles(cluster: cluster).settingSteps(node) + [
            RestoreTask.check.step(
                "see that the snapshot is whole and was taken with this token", restore, restore.leftOut,
                because: "what cannot be restored is found out before anything is stopped"
                    + (restore.leftOut.isEmpty ? "" : "; and servers that are left out must not answer"))
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "K3s has not been stopped yet") }
}

/// Stops K3s on every server, so that no two of them can go on as the old cluster while a new one begins.
public struct StopServers: Phase {
    public static let step = "stop K3s, also after a new start of the machine"
    public let id: PhaseID = "stop-servers"
    public let title = "K3s stops on all servers"
    public var nodes: [NodeName] { cluster.controlPlane }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            RestoreTask.stop.step(
                StopServers.step, restore, timeoutSeconds: 180,
                because: "servers with the earlier data would go on as the earlier cluster")
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "the same command goes on; 'clusterctl recover' starts the servers with what they had")
    }
}

/// Puts the snapshot's data into the place of one server's own, as a cluster of that one alone.
public struct ResetEtcd: Phase {
    public static let step = "let K3s restore the snapshot"
    public let id: PhaseID = "reset-etcd"
    public let title = "The snapshot's data, on one server"
    public var nodes: [NodeName] { [restore.server] }
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) { self.restore = restore }

    public func apply(_ node: NodeName) -> [Step] {
        [
            RestoreTask.reset.step(
                ResetEtcd.step, restore, timeoutSeconds: 330,
                because: "what was there is kept as \(restore.keptData)")
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "what was there is kept aside; 'clusterctl recover' puts it back and starts the servers")
    }
}

/// Takes the earlier data out of the other servers' way, once the snapshot's are there.
public struct SetDataAside: Phase {
    public static let step = "move the earlier data aside"
    public let id: PhaseID = "set-data-aside"
    public let title = "The other servers' data are kept aside"
    public var nodes: [NodeName] { cluster.controlPlane.filter { $0 != restore.server } }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func apply(_ node: NodeName) -> [Step] {
        let url = K3sConfiguration.serverURL(cluster[restore.server], cluster.inventory)
        return [
            RestoreTask.aside.step(
                SetDataAside.step, restore, [url],
                because: "kept as \(restore.keptData); K3s will join \(restore.server)")
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "without data K3s only joins, and the earlier ones are kept")
    }
}

/// Starts K3s with the snapshot's data.
public struct StartRestored: Phase {
    public let id: PhaseID = "start-restored"
    public let title = "K3s with the snapshot's data"
    public var nodes: [NodeName] { [restore.server] }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func apply(_ node: NodeName) -> [Step] { K3sFiles(cluster: cluster).steps(node) }

    public func gate(_ node: NodeName) -> Gate? {
        RestoreGate.server(
            node, askedOn: node, cluster, deadline: cluster.inventory.deadlines.k3sPrimary,
            waitingFor: "\(node) to serve the snapshot's data alone, and Cilium to serve there")
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }
    public func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
}

/// Makes the cluster take the node passwords that the machines have now. A snapshot may be older than a machine.
public struct ForgetPasswords: Phase {
    public let id: PhaseID = "forget-passwords"
    public let title = "Nodes may come back with the passwords that they have"
    public var nodes: [NodeName] { [restore.server] }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func apply(_ node: NodeName) -> [Step] {
        let others = cluster.all.filter { $0 != node }.map(\.rawValue)
        guard !others.isEmpty else { return [] }
        return [
            RestoreTask.forget.step(
                "forget the snapshot's node passwords", restore, others,
                because: "K3s does so for this server itself, and refuses the others with another one than it has")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "K3s stores the password that a node brings next") }
}

/// Lets the other servers join what was restored, one after the other.
public struct RejoinServers: Phase {
    public let id: PhaseID = "rejoin-servers"
    public let title = "The other servers join, one at a time"
    public var nodes: [NodeName] { cluster.controlPlane.filter { $0 != restore.server } }
    public var atOnce: Int { 1 }
    let cluster: Cluster
    let restore: Restore

    public init(_ inventory: Inventory, _ restore: Restore) {
        cluster = Cluster(inventory)
        self.restore = restore
    }

    public func apply(_ node: NodeName) -> [Step] { K3sFiles(cluster: cluster).steps(node) }

    public func gate(_ node: NodeName) -> Gate? {
        RestoreGate.server(
            node, askedOn: restore.server, cluster, deadline: cluster.inventory.deadlines.replicas,
            waitingFor: "\(node) to be a voting member of etcd, to be ready, and Cilium to serve there")
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    /// As a replica that has just joined: a member that is gone without leaving would cost the others their quorum.
    public func undo(_ node: NodeName) -> Undo {
        let server = K3sConfiguration.serverURL(cluster[restore.server], cluster.inventory)
        let leave = Step(
            .command(
                Command(
                    name: "leave etcd, if \(node) has only just joined",
                    arguments: Script.arguments(.leaveEtcd, [node.rawValue, server]), timeoutSeconds: 145)),
            because: "a member that is gone without leaving would cost the others their quorum")
        return cluster.restore(node, first: [leave])
    }
}

/// What a server that serves again is asked.
enum RestoreGate {
    static func server(
        _ node: NodeName, askedOn speaker: NodeName, _ cluster: Cluster, deadline: Duration, waitingFor: String
    ) -> Gate {
        let asks =
            [EtcdQuestion.probe, CiliumQuestion.status].map { Ask(node, $0) }
            + RestartQuestion.asks(node, Units.server)
            + [NodesQuestion.probe, CiliumQuestion.pods].map { Ask(speaker, $0) }
        return Gate(
            waitingFor: waitingFor, asks: asks, deadlineSeconds: cluster.deadline(deadline, node),
            journal: (node, Units.server), lookAt: "journalctl -u k3s on \(node)"
        ) { facts in
            .all([
                RestartQuestion.verdict(facts, node, Units.server),
                EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node),
                NodesQuestion.voter(facts[speaker, NodesQuestion.probe], node),
                NodesQuestion.ready(facts[speaker, NodesQuestion.probe], node),
                CiliumQuestion.pod(facts[speaker, CiliumQuestion.pods], on: node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node),
            ])
        }
    }
}
