/// How one link of a node should be: desired state, and nothing of what the machine does with it besides.
public struct Interface: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case ethernet
        case bond(links: [String], mode: BondMode)
        case vlan(link: String, id: Int)
    }

    public var name: String
    public var kind: Kind
    public var addresses: [InterfaceAddress]
    public var mtu: Int?
    /// Whether addresses of both families come from the network, by DHCP and router advertisements.
    public var dhcp: Bool
    public var routes: [InterfaceRoute]

    public init(
        name: String, kind: Kind = .ethernet, addresses: [InterfaceAddress] = [], mtu: Int? = nil, dhcp: Bool = false,
        routes: [InterfaceRoute] = []
    ) {
        self.name = name
        self.kind = kind
        self.addresses = addresses
        self.mtu = mtu
        self.dhcp = dhcp
        self.routes = routes
    }

    /// The links that it is made of or stands on.
    public var lower: [String] {
        switch kind {
        case .ethernet: []
        case .bond(let links, _): links
        case .vlan(let link, _): [link]
        }
    }

    /// Whether it is made, and not a device that is there.
    public var isMade: Bool { kind != .ethernet }
}

/// How a bond uses its members (Linux Documentation/networking/bonding.rst).
public enum BondMode: String, Sendable, Hashable, CaseIterable {
    case balanceRoundRobin = "balance-rr"
    case activeBackup = "active-backup"
    case balanceXOR = "balance-xor"
    case broadcast
    case lacp = "802.3ad"
    case transmitLoad = "balance-tlb"
    case adaptiveLoad = "balance-alb"
}

/// An address of a link with the length of its network's prefix.
public struct InterfaceAddress: Sendable, Hashable, CustomStringConvertible {
    public let address: IPAddress
    public let prefixLength: Int

    /// - Precondition: the length is within the width of the family.
    public init(_ address: IPAddress, prefixLength: Int) {
        precondition((0...address.family.width).contains(prefixLength), "prefix length out of range")
        self.address = address
        self.prefixLength = prefixLength
    }

    /// The address written as `10.42.67.11/24`, or nil.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = Int(parts[1]),
            String(length) == parts[1], (0...address.family.width).contains(length)
        else { return nil }
        self.init(address, prefixLength: length)
    }

    public var network: CIDR { CIDR(containing: address, prefixLength: prefixLength) }
    public var description: String { "\(address)/\(prefixLength)" }
}

/// A route over a link; the default one has a destination of length 0.
public struct InterfaceRoute: Sendable, Hashable {
    public var to: CIDR
    public var via: IPAddress

    public init(to: CIDR, via: IPAddress) {
        self.to = to
        self.via = via
    }

    public static func `default`(via gateway: IPAddress) -> InterfaceRoute {
        InterfaceRoute(to: CIDR(containing: gateway, prefixLength: 0), via: gateway)
    }

    public var isDefault: Bool { to.prefixLength == 0 }
}
