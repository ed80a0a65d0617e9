import Engine
import Inventory
import Rendering

/// Lets workers without a disk of their own in again: the password of those that do not serve is forgotten.
///
/// K3s refuses a known name with another node password. Only nodes that the inventory calls `ephemeral` are concerned,
/// and of these only those which are not ready or have no kubelet, so that nobody takes the name of a node that serves.
public struct Readmit: Phase {
    public let id: PhaseID = "readmit"
    public let title = "Let ephemeral workers in again"
    public var nodes: [NodeName] { ephemeral.isEmpty ? [] : [cluster.reference] }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    private var ephemeral: [String] {
        cluster.inventory.workers.filter(\.ephemeral).map { "\($0.name)=\($0.address.inURL)" }
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "forget the node passwords of ephemeral workers that do not serve",
                        arguments: Script.arguments(.readmit, ["forget"] + ephemeral),
                        unless: Script.arguments(.readmit, ["check"] + ephemeral))),
                because: "they come back with a new one, which K3s would refuse")
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "K3s stores the password that the node brings next")
    }
}
