import OrderedCollections

/// A machine that speaks BGP with the nodes.
public struct Router: Host, Hashable {
    /// How FRR is run there.
    public enum Platform: String, Sendable, Hashable, CaseIterable {
        case linuxFRR = "linux-frr"
        case freeBSDFRR = "freebsd-frr"
        case unifi
    }

    /// What clusterctl may do to a router.
    public enum Management: String, Sendable, Hashable, CaseIterable {
        /// It changes its own part of what FRR runs there, and checks.
        case full
        /// It renders and checks, and never writes to the router.
        case verify
        /// It renders, and never logs in.
        case none
    }

    public var name: String
    public var platform: Platform
    /// One, or one of each family; sessions are opened to them.
    public var addresses: [IPAddress]
    public var asn: UInt32
    public var ssh: SSHSettings
    public var management: Management
    /// How long the router waits for a new connection before it takes a change back.
    public var guardWindow: Duration

    /// - Precondition: there is an address.
    public init(
        name: String, platform: Platform, addresses: [IPAddress], asn: UInt32, ssh: SSHSettings = SSHSettings(),
        management: Management = .full, guardWindow: Duration = GuardSettings().window
    ) {
        precondition(!addresses.isEmpty, "a router has an address")
        self.name = name
        self.platform = platform
        self.addresses = addresses
        self.asn = asn
        self.ssh = ssh
        self.management = management
        self.guardWindow = guardWindow
    }

    public var address: IPAddress { addresses[0] }
}

/// What the cluster announces by BGP, and to whom. Cilium speaks it on every node that is selected.
public struct BGPSettings: Sendable, Hashable {
    /// How a node and a router keep their session.
    public struct Peer: Sendable, Hashable {
        /// What a router takes from the nodes.
        public enum Import: String, Sendable, Hashable, CaseIterable {
            /// Ranges of pods and addresses of pools, and no more of them than there can be.
            case announced
            /// Whatever nodes send, however much it is.
            case all
        }

        /// The router's name.
        public var router: String
        /// Where the router has addresses and the peer may use them: one session for each.
        public var addresses: [IPAddress]
        public var asn: UInt32
        public var holdTime: Duration
        public var keepAlive: Duration
        public var connectRetry: Duration
        /// How long a router keeps the routes of a node that restarts; nil: it does not.
        public var gracefulRestart: Duration?
        /// How many hops away the router may be; nil: it is a neighbour.
        public var multihop: Int?
        public var `import`: Import
        /// Where the password of the sessions is found; nil: they have none.
        public var password: SecretReference?

        public static let holdTime = Duration.seconds(15)
        public static let keepAlive = Duration.seconds(5)
        public static let connectRetry = Duration.seconds(10)

        public init(
            router: String, addresses: [IPAddress], asn: UInt32, holdTime: Duration = Peer.holdTime,
            keepAlive: Duration = Peer.keepAlive, connectRetry: Duration = Peer.connectRetry,
            gracefulRestart: Duration? = nil, multihop: Int? = nil, import: Import = .announced,
            password: SecretReference? = nil
        ) {
            self.router = router
            self.addresses = addresses
            self.asn = asn
            self.holdTime = holdTime
            self.keepAlive = keepAlive
            self.connectRetry = connectRetry
            self.gracefulRestart = gracefulRestart
            self.multihop = multihop
            self.import = `import`
            self.password = password
        }
    }

    /// Services whose addresses are announced.
    public struct Services: Sendable, Hashable {
        public enum Address: String, Sendable, Hashable, CaseIterable {
            case loadBalancer = "LoadBalancerIP"
            case external = "ExternalIP"
        }

        public var addresses: [Address]
        /// Labels that the Service must have; none: every Service.
        public var labels: OrderedDictionary<String, String>

        public init(addresses: [Address] = [.loadBalancer], labels: OrderedDictionary<String, String> = [:]) {
            self.addresses = addresses
            self.labels = labels
        }
    }

    /// The cluster's.
    public var asn: UInt32
    /// Labels, by the inventory, of the nodes that speak; none: all nodes.
    public var nodeLabels: OrderedDictionary<String, String>
    public var peers: [Peer]
    public var announcesPods: Bool
    public var services: [Services]
    /// As `64512:100`, on everything that is announced.
    public var communities: [String]

    public init(
        asn: UInt32, nodeLabels: OrderedDictionary<String, String> = [:], peers: [Peer], announcesPods: Bool = false,
        services: [Services] = [Services()], communities: [String] = []
    ) {
        self.asn = asn
        self.nodeLabels = nodeLabels
        self.peers = peers
        self.announcesPods = announcesPods
        self.services = services
        self.communities = communities
    }
}

/// Addresses that Cilium gives to Services of type LoadBalancer.
public struct LoadBalancerPool: Sendable, Hashable {
    public var name: String
    public var blocks: [AddressBlock]
    /// Whether the first and last address of a network are given out too.
    public var givesFirstAndLast: Bool
    /// Labels that a Service must have; none: every Service.
    public var labels: OrderedDictionary<String, String>

    public init(
        name: String, blocks: [AddressBlock], givesFirstAndLast: Bool = true,
        labels: OrderedDictionary<String, String> = [:]
    ) {
        self.name = name
        self.blocks = blocks
        self.givesFirstAndLast = givesFirstAndLast
        self.labels = labels
    }
}

extension LoadBalancerPool {
    /// The labels of the Service that gives the API its address; announcements and pools know it by them.
    public static let endpointLabels: OrderedDictionary<String, String> = ["clusterctl.dev/endpoint": "api"]

    /// A pool with nothing but the endpoint; its name is none that an inventory can give.
    static func endpoint(_ address: IPAddress) -> LoadBalancerPool {
        let block = AddressBlock.network(CIDR(containing: address, prefixLength: address.family.width))
        return LoadBalancerPool(name: "clusterctl.api", blocks: [block], labels: endpointLabels)
    }
}

extension Inventory {
    /// The pools, and one of its own for an endpoint that the nodes announce, unless one of them has it.
    public var addressPools: [LoadBalancerPool] {
        guard case .ciliumBgp(let address) = endpoint, pool(with: address) == nil else { return loadBalancerPools }
        return loadBalancerPools + [.endpoint(address)]
    }

    /// What is wrong with a text as a BGP password; the text itself is not in the answer.
    public static func problem(withBGPPassword text: String) -> String? {
        // The kernel's TCP_MD5SIG_MAXKEYLEN, which FRR and GoBGP have too.
        if text.utf8.count > 80 { return "is longer than 80 bytes, the most that TCP takes" }
        // FRR reads its configuration by words and lines, and takes what comes after a bar for a filter.
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "|") && $0 != UInt8(ascii: "?") })
        else { return "has something in it that FRR does not take: only printable ASCII without space, | and ?" }
        return nil
    }

    /// The pool that has this address.
    public func pool(with address: IPAddress) -> LoadBalancerPool? {
        loadBalancerPools.first { $0.blocks.contains { $0.contains(address) } }
    }

    /// The nodes that speak BGP, in the order of the inventory.
    public var bgpNodes: [Node] {
        guard let bgp else { return [] }
        return nodes.filter { node in bgp.nodeLabels.allSatisfy { node.labels[$0.key] == $0.value } }
    }
}
