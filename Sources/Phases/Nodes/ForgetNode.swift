import Engine
import Inventory
import Rendering

/// Takes from the cluster what it keeps of a node that is gone: its member of etcd, seen to be gone, the node itself, its
/// password, and Cilium's note of it. Done on the server that speaks for the cluster.
struct ForgetNode: Phase {
    let id: PhaseID = "forget-node"
    let title = "The cluster forgets the node that is gone"
    var nodes: [NodeName] { [change.leaving].compactMap(\.self) }
    private let change: NodeChange

    init(_ change: NodeChange) { self.change = change }

    func place(_ node: NodeName) -> NodeName { change.cluster.reference }

    func needs(_ node: NodeName) -> [Probe] { [NodesQuestion.probe] }

    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        change.hasComeBack(node, facts)
            ? .notApplicable("another machine has joined in its place, or is about to") : .satisfied
    }

    func apply(_ node: NodeName) -> [Step] {
        let others = change.inventory.controlPlane.filter {
            ![node, change.cluster.reference].contains($0.id) && !change.joining.contains($0.id)
                && !change.inventory.leftOut.contains($0.name)
        }
        let mode = change.leavingMachine == nil ? "dead" : "stopped"
        let words = others.map { "\($0.name)=\(K3sConfiguration.serverURL($0, change.inventory))" }
        return [
            Step(
                .command(
                    Command(
                        name: "forget \(node)",
                        arguments: Script.arguments(.forgetNode, ["forget", node.rawValue, mode] + words),
                        unless: Script.arguments(.forgetNode, ["check", node.rawValue, mode] + words),
                        timeoutSeconds: 240)),
                because: "a member that is gone counts for etcd's quorum, and nobody else can come under its name")
        ]
    }

    func undo(_ node: NodeName) -> Undo {
        .nothing(because: "what is gone does not come back by being remembered; the next run goes on")
    }
}

extension NodeChange {
    /// Whether the machine that comes under the name of the one that is gone is set up already, so that what the cluster
    /// knows by this name is that one.
    func hasComeBack(_ node: NodeName, _ facts: Facts) -> Bool {
        guard joining.contains(node) else { return false }
        if cluster[node].management == .verify { return ServerQuestion.nodes(facts, cluster)?[node]?.isReady == true }
        guard K3sQuestion.text(facts[node, K3sQuestion.config]).map(K3sQuestion.isOurs) == true else { return false }
        // A server that has lost its data comes as a new member, and its earlier one is in the way.
        return !cluster[node].isControlPlane || EtcdQuestion.hasData(facts[node, EtcdQuestion.data]) != false
    }
}
