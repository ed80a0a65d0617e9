import Engine
import Inventory
import Rendering

/// Leads each node's links to what the inventory has, by netplan or nmstate, whichever is in charge there.
///
/// It may cut off any machine, so that a guard is always armed, also on nodes that have none otherwise. One node at a
/// time: in a cluster that lives, a control plane node whose links change is out for a moment.
public struct Interfaces: Phase {
    public let id: PhaseID = "interfaces"
    public let title = "Links of the nodes, one node at a time"
    public var nodes: [NodeName] {
        cluster.inventory.nodes.filter { $0.management == .full && $0.interfaces != nil }.map(\.id)
    }
    public var atOnce: Int { 1 }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    private func question(_ node: NodeName) -> InterfacesQuestion { InterfacesQuestion(cluster[node]) }

    public func needs(_ node: NodeName) -> [Probe] { [.host, question(node).look] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let question = question(node)
        let problems = question.problems(facts[node, question.look], HostFacts(facts[node, .host]))
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] {
        let files = question(node).files
        let program = GuardFiles.interfaces
        return [
            Step(.file(path: program.path, content: .text(program.text), mode: .program), because: program.because),
            Step(
                .file(path: InterfaceFiles.netplanPath, content: .text(files.netplan), mode: .privateFile),
                because: "handed over where netplan has the links"),
            Step(
                .file(path: InterfaceFiles.nmstatePath, content: .text(files.nmstate), mode: .privateFile),
                because: "handed over where NetworkManager has the links"),
            Step(
                .file(path: InterfaceFiles.linksPath, content: .text(files.links), mode: .privateFile),
                because: "what is compared with the links as they are"),
            Step(
                .command(
                    Command(
                        name: "lead the links to what the inventory has",
                        arguments: ["sh", program.path, "apply", String(networkManagerSeconds(node))],
                        unless: ["sh", program.path, "done"], timeoutSeconds: 150)),
                because: "only what differs is changed, and nothing that others have set"),
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        let question = question(node)
        let isServer = cluster[node].isControlPlane
        return Gate(
            waitingFor: "the links of \(node) to be up, with their members and addresses"
                + (isServer ? ", and etcd there to be as healthy as before" : ""),
            asks: question.asks, deadlineSeconds: deadline(node),
            lookAt:
                "'ip addr', and 'networkctl' or 'nmcli device'\(isServer ? ", and 'journalctl -u k3s'" : ""), on \(node)"
        ) { facts in question.verdict(facts) }
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.neighbour(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo {
        let back = Step(
            .command(
                Command(
                    name: "lead the links back to what they were",
                    arguments: ["sh", GuardFiles.interfaces.path, "back"],
                    timeoutSeconds: 145)),
            because: "the addresses that the node had are what SSH finds it by")
        return .restore(first: [back], guardWindowSeconds: window(node))
    }

    private func window(_ node: NodeName) -> Int { cluster[node].profile.linkGuardWindow.wholeSeconds }
    private func deadline(_ node: NodeName) -> Int {
        cluster.deadline(cluster.inventory.deadlines.interfaces, node)
    }

    /// NetworkManager's own clock is the second one and runs out only when the guard has long done its work: else it would
    /// take back what the guard has just let go.
    private func networkManagerSeconds(_ node: NodeName) -> Int { deadline(node) + 2 * window(node) + 300 }
}
