/// A network: an address whose host bits are all zero, and a prefix length.
public struct CIDR: Sendable, Hashable {
    public let base: IPAddress
    public let prefixLength: Int

    public var family: IPAddress.Family { base.family }

    /// The network of this prefix length that `address` lies in.
    ///
    /// - Precondition: the length is within the width of the family.
    public init(containing address: IPAddress, prefixLength: Int) {
        precondition((0...address.family.width).contains(prefixLength), "prefix length out of range")
        let hostBits = address.family.width - prefixLength
        let bits = hostBits >= 128 ? 0 : (address.bits >> UInt128(hostBits)) << UInt128(hostBits)
        base = address.family == .ipv4 ? IPAddress(ipv4: UInt32(bits)) : IPAddress(ipv6: bits)
        self.prefixLength = prefixLength
    }

    /// The network written in `text`, or nil; `parse` tells why not.
    public init?(_ text: String) {
        guard case .success(let network) = CIDR.parse(text) else { return nil }
        self = network
    }

    /// The number of addresses less one, which always fits.
    private var lastOffset: UInt128 {
        let hostBits = family.width - prefixLength
        return hostBits >= 128 ? UInt128.max : (1 << UInt128(hostBits)) - 1
    }

    public var last: IPAddress {
        family == .ipv4
            ? IPAddress(ipv4: UInt32(base.bits + lastOffset)) : IPAddress(ipv6: base.bits + lastOffset)
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.family == family && CIDR(containing: address, prefixLength: prefixLength).base == base
    }

    public func contains(_ other: CIDR) -> Bool {
        other.prefixLength >= prefixLength && contains(other.base)
    }

    /// Two networks overlap exactly if one contains the other.
    public func overlaps(_ other: CIDR) -> Bool {
        contains(other) || other.contains(self)
    }

    /// The address at this offset from the base, or nil if the network is smaller.
    public func address(at offset: UInt128) -> IPAddress? {
        offset <= lastOffset ? base.advanced(by: offset) : nil
    }

    /// How many networks of prefix length `length` fit in, nil if that exceeds `Int` and 0 if none does.
    public func subnetCount(ofLength length: Int) -> Int? {
        guard length >= prefixLength else { return 0 }
        return length - prefixLength < Int.bitWidth - 1 ? 1 << (length - prefixLength) : nil
    }
}

extension CIDR: CustomStringConvertible {
    public var description: String { "\(base)/\(prefixLength)" }
}

/// Why a text is no network.
public enum CIDRProblem: Error, Sendable, Hashable {
    case noPrefixLength
    case address(IPAddressProblem)
    case badPrefixLength(String, most: Int)
    /// The address has bits beyond the prefix; `right` is the network that it lies in.
    case hostBits(right: CIDR)
}

extension CIDR {
    public static func parse(_ text: String) -> Result<CIDR, CIDRProblem> {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return .failure(.noPrefixLength) }
        let address: IPAddress
        switch IPAddressParser.parse(String(parts[0])) {
        case .success(let parsed): address = parsed
        case .failure(let problem): return .failure(.address(problem))
        }
        let digits = parts[1]
        guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }), digits == "0" || digits.first != "0",
            let length = Int(digits), length <= address.family.width
        else { return .failure(.badPrefixLength(String(digits), most: address.family.width)) }
        let network = CIDR(containing: address, prefixLength: length)
        return network.base == address ? .success(network) : .failure(.hostBits(right: network))
    }
}
