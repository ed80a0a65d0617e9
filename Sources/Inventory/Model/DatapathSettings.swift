/// How packets of pods get from node to node, out of the cluster, and back; Cilium does it.
public struct DatapathSettings: Sendable, Hashable {
    public enum Routing: String, Sendable, Hashable, CaseIterable {
        /// Nodes wrap packets of pods, and the network in between sees nodes alone.
        case tunnel
        /// The network in between carries packets of pods as they are.
        case native
    }

    public enum TunnelProtocol: String, Sendable, Hashable, CaseIterable {
        case vxlan, geneve
    }

    /// How a node answers for a Service whose pod is on another node.
    public struct LoadBalancer: Sendable, Hashable {
        public enum Mode: String, Sendable, Hashable, CaseIterable {
            /// Answers go back through the node that the client asked.
            case snat
            /// The pod's node answers the client itself.
            case dsr
            /// As `dsr` for TCP, as `snat` for all else.
            case hybrid
        }

        /// How the pod's node is told which address of the Service the client asked.
        public enum Dispatch: String, Sendable, Hashable, CaseIterable {
            /// An option of IPv4, an extension header of IPv6.
            case option
            case geneve

            /// As Cilium's chart calls it (`loadBalancer.dsrDispatch`).
            public var chartName: String { self == .option ? "opt" : rawValue }
        }

        public var mode: Mode
        public var dispatch: Dispatch

        public var usesDirectReturn: Bool { mode != .snat }

        public init(mode: Mode = .snat, dispatch: Dispatch = .option) {
            self.mode = mode
            self.dispatch = dispatch
        }
    }

    public var routing: Routing
    public var tunnelProtocol: TunnelProtocol
    /// Whether every node gets routes to the pods of those that it reaches without a router; only with native routing.
    public var directRoutes: Bool
    /// Whether something routes pods that the inventory does not know of.
    public var externalRoutes: Bool
    /// The families in which packets that leave the cluster get their node's address.
    public var masqueraded: Set<IPAddress.Family>
    public var loadBalancer: LoadBalancer
    /// Whether nodes answer the neighbours who look for the IPv6 address of a pod.
    public var answersNeighbors: Bool
    /// The VLANs that pass a node's links without Cilium; nil: every one.
    public var vlans: [Int]?

    /// - Parameters:
    ///   - tunnelProtocol: nil for Geneve where direct return is told by it, else VXLAN.
    ///   - directRoutes: nil for true with native routing.
    public init(
        routing: Routing = .tunnel, tunnelProtocol: TunnelProtocol? = nil, directRoutes: Bool? = nil,
        externalRoutes: Bool = false, masqueraded: Set<IPAddress.Family> = Set(IPAddress.Family.allCases),
        loadBalancer: LoadBalancer = LoadBalancer(), answersNeighbors: Bool = false, vlans: [Int]? = nil
    ) {
        let needsGeneve = loadBalancer.usesDirectReturn && loadBalancer.dispatch == .geneve
        self.routing = routing
        self.tunnelProtocol = tunnelProtocol ?? (needsGeneve ? .geneve : .vxlan)
        self.directRoutes = directRoutes ?? (routing == .native)
        self.externalRoutes = externalRoutes
        self.masqueraded = masqueraded
        self.loadBalancer = loadBalancer
        self.answersNeighbors = answersNeighbors
        self.vlans = vlans
    }
}

extension Inventory {
    /// Whether pods of every node are routed outside of the nodes themselves: announced to a router, or by others.
    public var podsAreRoutedByOthers: Bool {
        if network.datapath.externalRoutes { return true }
        guard let bgp, bgp.announcesPods, bgpNodes.count == nodes.count else { return false }
        return network.pods.allSatisfy { bgp.hasPeer($0.family) }
    }
}

extension BGPSettings {
    /// Whether there is a session that carries routes of this family.
    func hasPeer(_ family: IPAddress.Family) -> Bool {
        peers.contains { $0.addresses.contains { $0.family == family } }
    }
}
