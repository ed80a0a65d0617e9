/// A run of addresses of one family: a network, or from one address to another, both included.
public enum AddressBlock: Sendable, Hashable {
    case network(CIDR)
    /// The second is not below the first.
    case range(IPAddress, IPAddress)

    /// The block written as `192.0.2.0/28` or `192.0.2.10-192.0.2.20`, or nil; also where a block of IPv6 has addresses
    /// in it that stand for IPv4 (`::ffff:0:0/96`).
    public init?(_ text: String) {
        if text.contains("/") {
            guard let network = CIDR(text), !AddressBlock.hasMapped(network.base, prefixLength: network.prefixLength)
            else { return nil }
            self = .network(network)
            return
        }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = IPAddress(String(parts[0])), let last = IPAddress(String(parts[1])),
            first.family == last.family, first.bits <= last.bits,
            first.family == .ipv4 || first.bits >> 32 > 0xffff || last.bits >> 32 < 0xffff
        else { return nil }
        self = .range(first, last)
    }

    private static func hasMapped(_ base: IPAddress, prefixLength: Int) -> Bool {
        guard base.family == .ipv6, prefixLength < 96 else { return false }
        let shift = UInt128(128 - prefixLength)
        return prefixLength == 0 || base.bits >> shift == (0xffff << 32) >> shift
    }

    public var first: IPAddress {
        switch self {
        case .network(let network): network.base
        case .range(let first, _): first
        }
    }

    public var last: IPAddress {
        switch self {
        case .network(let network): network.last
        case .range(_, let last): last
        }
    }

    public var family: IPAddress.Family { first.family }

    public func contains(_ address: IPAddress) -> Bool {
        address.family == family && first.bits <= address.bits && address.bits <= last.bits
    }

    public func overlaps(_ other: AddressBlock) -> Bool {
        family == other.family && first.bits <= other.last.bits && other.first.bits <= last.bits
    }

    /// The fewest networks that have exactly these addresses, in order.
    public var networks: [CIDR] {
        if case .network(let network) = self { return [network] }
        var networks: [CIDR] = []
        var next: IPAddress? = first
        while let base = next, base.bits <= last.bits {
            var length = family.width
            while length > 0 {
                let wider = CIDR(containing: base, prefixLength: length - 1)
                guard wider.base == base, wider.last.bits <= last.bits else { break }
                length -= 1
            }
            let network = CIDR(containing: base, prefixLength: length)
            networks.append(network)
            next = network.last.advanced(by: 1)
        }
        return networks
    }
}

extension AddressBlock: CustomStringConvertible {
    public var description: String {
        switch self {
        case .network(let network): network.description
        case .range(let first, let last): "\(first)-\(last)"
        }
    }
}
