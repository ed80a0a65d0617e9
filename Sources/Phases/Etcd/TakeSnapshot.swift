import Engine
import Inventory
import Rendering

/// A snapshot of etcd that somebody asks for.
public enum EtcdSnapshotOrder {
    /// - Parameters:
    ///   - name: the beginning of its name; K3s puts the node and the time behind it.
    public static func order(for inventory: Inventory, name: String) -> Order {
        Order(
            name: "etcd-snapshot",
            [
                .init(SnapshotPreflight(inventory)),
                .init(TakeSnapshot(inventory, name: name), after: [.all("preflight")]),
            ])
    }
}

/// Whether there is a server whose etcd has something to say.
public struct SnapshotPreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether a server is well"
    public var nodes: [NodeName] { cluster.controlPlane }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func needs(_ node: NodeName) -> [Probe] { [NodesQuestion.probe, EtcdQuestion.probe] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard node == nodes.first, ServerQuestion.firstWell(cluster, facts) == nil else { return .satisfied }
        let why = facts.first(of: nodes, NodesQuestion.probe).map { ": \($0.reason)" } ?? ""
        return .blocked([
            Problem(
                "no server has a healthy, voting member of etcd\(why)",
                fix:
                    "'clusterctl etcd members' says how they are; 'clusterctl recover' starts servers that are all down"
            )
        ])
    }

    public func apply(_ node: NodeName) -> [Step] { [] }
}

/// Takes a snapshot on the first server that is well, and sees that K3s lists it.
public struct TakeSnapshot: Phase {
    public let id: PhaseID = "take-snapshot"
    public let title = "A snapshot of etcd"
    public var nodes: [NodeName] { cluster.controlPlane }
    let cluster: Cluster
    let name: String

    public init(_ inventory: Inventory, name: String) {
        cluster = Cluster(inventory)
        self.name = name
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        node == ServerQuestion.firstWell(cluster, facts)
            ? .pending("a snapshot was asked for") : .notApplicable("it is taken on another server")
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "take a snapshot of etcd", arguments: Script.arguments(.etcdSnapshot, ["take", name]),
                        timeoutSeconds: 300)),
                because: "it holds all of the cluster's objects, Secrets among them")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "a snapshot more changes nothing") }
}
