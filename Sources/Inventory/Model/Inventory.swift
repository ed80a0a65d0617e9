/// A cluster as its owner described it; a value of this type that a reader returned has passed every check.
public struct Inventory: Sendable, Equatable {
    /// A DNS label.
    public var name: String
    public var k3s: K3sSettings
    public var network: NetworkSettings
    public var cilium: CiliumSettings
    public var endpoint: Endpoint
    /// DPUs, servers, workers; within each group in the order of the file, which is the order of rolling work.
    public var nodes: [Node]
    public var deadlines: Deadlines
    /// The folder of the inventory file, against which its relative paths were resolved.
    public var directory: String
    public var routers: [Router]
    /// Nil: the cluster announces nothing.
    public var bgp: BGPSettings?
    public var loadBalancerPools: [LoadBalancerPool]
    /// In the order of the file.
    public var addons: [Addon]
    /// Nil: clusterctl keeps the addons as the inventory has them.
    public var handOff: HandOff?
    /// Nil: others answer for names.
    public var dns: DNSSettings?
    /// The server that was found to speak for a living cluster; nil: the primary. No file says it.
    public var speaker: String?
    /// Nodes that are neither asked nor changed, because they cannot be reached. They belong to the cluster all the same, so
    /// that the others' files name them. No file says it.
    public var leftOut: Set<String> = []

    /// - Precondition: exactly one node is the primary.
    public init(
        name: String, k3s: K3sSettings, network: NetworkSettings, cilium: CiliumSettings, endpoint: Endpoint,
        nodes: [Node], deadlines: Deadlines = Deadlines(), directory: String = ".", routers: [Router] = [],
        bgp: BGPSettings? = nil, loadBalancerPools: [LoadBalancerPool] = [], addons: [Addon] = [],
        handOff: HandOff? = nil, dns: DNSSettings? = nil
    ) {
        precondition(nodes.count(where: \.isPrimary) == 1, "an inventory has exactly one primary")
        self.name = name
        self.k3s = k3s
        self.network = network
        self.cilium = cilium
        self.endpoint = endpoint
        self.nodes = nodes
        self.deadlines = deadlines
        self.directory = directory
        self.routers = routers
        self.bgp = bgp
        self.loadBalancerPools = loadBalancerPools
        self.addons = addons
        self.handOff = handOff
        self.dns = dns
    }

    /// The control plane node that starts the cluster.
    public var primary: Node {
        guard let primary = nodes.first(where: \.isPrimary) else {
            preconditionFailure("an inventory has exactly one primary")
        }
        return primary
    }

    /// The control plane node through which the cluster is asked and changed, and others join it.
    public var reference: Node { speaker.flatMap(node(named:)) ?? primary }

    /// All DPUs and servers, in the order of the inventory.
    public var controlPlane: [Node] { nodes.filter(\.isControlPlane) }
    /// The control plane nodes that join the primary, in the order of the inventory.
    public var replicas: [Node] { nodes.filter { $0.isControlPlane && !$0.isPrimary } }
    public var workers: [Node] { nodes.filter { $0.kind == .worker } }

    public func node(named name: String) -> Node? { nodes.first { $0.name == name } }
}
