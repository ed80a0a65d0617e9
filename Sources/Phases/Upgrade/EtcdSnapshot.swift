import Engine
import Inventory
import Rendering

/// Takes a snapshot of etcd before the first server is changed, and sees that K3s lists it.
public struct EtcdSnapshot: Phase {
    public let id: PhaseID = "etcd-snapshot"
    public let title = "A snapshot of etcd before anything is changed"
    public var nodes: [NodeName] { cluster.controlPlane }
    let cluster: Cluster
    private let isPending: @Sendable (NodeName, Facts) -> Bool

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        isPending = UpgradeServers(inventory).isPending
    }

    /// - Parameter turn: by which the servers are changed.
    init(_ inventory: Inventory, _ turn: NodeTurn) {
        cluster = Cluster(inventory)
        isPending = turn.isPending
    }

    /// On the first server that is well.
    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard cluster.controlPlane.contains(where: { isPending($0, facts) }) else {
            return .notApplicable("no server is changed")
        }
        let first = ServerQuestion.firstWell(cluster, facts) ?? cluster.reference
        return node == first ? .satisfied : .notApplicable("it is taken on \(first)")
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "take a snapshot of etcd",
                        arguments: Script.arguments(.etcdSnapshot, ["take", name]),
                        unless: Script.arguments(.etcdSnapshot, ["listed", name]), timeoutSeconds: 300)),
                because: "the way back where a whole cluster has to be given up")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "a snapshot more changes nothing") }

    /// One for each version that is gone to.
    private var name: String {
        let version = cluster.inventory.k3s.version.description.map { $0.isLetter || $0.isNumber ? $0 : "-" }
        return "before-\(String(version))"
    }
}
