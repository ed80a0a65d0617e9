import Engine
import Inventory

/// An inventory with its nodes under the names by which the engine knows them.
struct Cluster: Sendable {
    let inventory: Inventory
    private let nodes: [NodeName: Node]

    init(_ inventory: Inventory) {
        self.inventory = inventory
        nodes = Dictionary(inventory.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Nil for a router.
    func node(_ name: NodeName) -> Node? { nodes[name] }

    /// - Precondition: the inventory has a node of this name.
    subscript(name: NodeName) -> Node {
        guard let node = nodes[name] else { preconditionFailure("the inventory has no node \(name)") }
        return node
    }

    /// It starts the cluster, and is one server among the others from then on.
    var primary: NodeName { inventory.primary.id }
    /// The server that speaks for the cluster; see `Inventory.reference`.
    var reference: NodeName { inventory.reference.id }
    // All of these without nodes that are left out of the run.
    var all: [NodeName] { present(inventory.nodes) }
    /// The nodes that clusterctl may change.
    var managed: [NodeName] { present(inventory.nodes.filter { $0.management == .full }) }
    var controlPlane: [NodeName] { present(inventory.controlPlane) }
    var replicas: [NodeName] { present(inventory.replicas) }
    var workers: [NodeName] { present(inventory.workers) }
    /// The nodes that speak BGP.
    var speakers: [NodeName] { present(inventory.bgpNodes) }
    /// The control plane nodes that do not speak for the cluster.
    var otherServers: [NodeName] { controlPlane.filter { $0 != reference } }

    private func present(_ nodes: [Node]) -> [NodeName] {
        nodes.filter { !inventory.leftOut.contains($0.name) }.map(\.id)
    }

    /// Whole seconds for a gate on this node: what the inventory says, times what its kind of machine needs.
    func deadline(_ duration: Duration, _ name: NodeName) -> Int {
        Int((Double(duration.wholeSeconds) * max(1, self[name].profile.deadlineFactor)).rounded(.up))
    }

    /// Who is asked whether it still hears SSH on this guarded node: a node that the phase leaves alone, where there is one.
    func witness(of name: NodeName, amongChanged changed: [NodeName]) -> Ask? {
        self[name].profile.guard == nil ? nil : neighbour(of: name, amongChanged: changed)
    }

    /// Who is asked whether it still hears SSH on this node, whose guard is armed whatever the inventory says of it.
    func neighbour(of name: NodeName, amongChanged changed: [NodeName]) -> Ask? {
        let node = self[name]
        let others = all.filter { $0 != name }
        guard let witness = others.first(where: { !changed.contains($0) }) ?? others.first
        else { return nil }
        let port = node.ssh.port?.number ?? Port.ssh.number
        return Ask(witness, .sshBanner(address: node.address.description, port: port))
    }

    /// How what a phase does to this node is taken back, with the node's own guard where it has one.
    func restore(_ name: NodeName, first: [Step] = []) -> Undo {
        .restore(first: first, guardWindowSeconds: self[name].profile.guard?.window.wholeSeconds)
    }
}

extension Node {
    var id: NodeName { NodeName(name) }
    /// The unit that K3s runs as; NixOS calls it `k3s.service` for agents too (nixpkgs services.k3s).
    var unit: String { isControlPlane || os == .nixos ? Units.server : Units.agent }
}

extension Facts {
    /// Whether an earlier run has left a guard on the node that nobody has confirmed.
    func hasOpenGuard(_ node: NodeName) -> Bool {
        switch self[node, .guardState].map({ GuardState(line: $0.output) }) {
        case .armed, .held, .firing: true
        default: false
        }
    }
}

enum Units {
    static let server = "k3s.service"
    static let agent = "k3s-agent.service"
}
