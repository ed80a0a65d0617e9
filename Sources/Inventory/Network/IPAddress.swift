/// An IPv4 or IPv6 address which was parsed strictly and prints in its one canonical form (RFC 5952).
///
/// IPv4-mapped addresses (`::ffff:a.b.c.d`) are IPv4 addresses. There are no zones.
public struct IPAddress: Sendable, Hashable {
    public enum Family: String, Sendable, Hashable, CaseIterable {
        case ipv4 = "IPv4"
        case ipv6 = "IPv6"

        /// The number of bits of an address: 32 or 128.
        public var width: Int { self == .ipv4 ? 32 : 128 }
    }

    public let family: Family
    /// The address as a number; for IPv4 only the lower 32 bits are used.
    public let bits: UInt128

    public init(ipv4 bits: UInt32) {
        family = .ipv4
        self.bits = UInt128(bits)
    }

    /// Makes an IPv6 address, or the IPv4 address that it maps.
    public init(ipv6 bits: UInt128) {
        let isMapped = bits >> 32 == 0xffff
        family = isMapped ? .ipv4 : .ipv6
        self.bits = isMapped ? bits & 0xffff_ffff : bits
    }

    /// The address written in `text`, or nil; `IPAddressParser` tells why not.
    public init?(_ text: String) {
        guard case .success(let address) = IPAddressParser.parse(text) else { return nil }
        self = address
    }

    /// The address `offset` further on, or nil beyond the end of the address space.
    public func advanced(by offset: UInt128) -> IPAddress? {
        let (sum, overflow) = bits.addingReportingOverflow(offset)
        guard !overflow, family == .ipv6 || sum <= UInt128(UInt32.max) else { return nil }
        return family == .ipv4 ? IPAddress(ipv4: UInt32(sum)) : IPAddress(ipv6: sum)
    }
}

extension IPAddress: Comparable {
    /// IPv4 before IPv6, then by number.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.family == right.family ? left.bits < right.bits : left.family == .ipv4
    }
}

extension IPAddress {
    public var isLoopback: Bool { family == .ipv4 ? bits >> 24 == 127 : bits == 1 }
    public var isUnspecified: Bool { bits == 0 }
    public var isMulticast: Bool { family == .ipv4 ? bits >> 28 == 0xe : bits >> 120 == 0xff }
    public var isLinkLocal: Bool { family == .ipv4 ? bits >> 16 == 0xa9fe : bits >> 118 == 0x3fa }
    public var isLimitedBroadcast: Bool { family == .ipv4 && bits == 0xffff_ffff }

    /// The address as it stands in a URL: IPv6 in brackets.
    public var inURL: String { family == .ipv6 ? "[\(description)]" : description }
}

extension IPAddress: CustomStringConvertible {
    public var description: String {
        family == .ipv4 ? ipv4Text : ipv6Text
    }

    private var ipv4Text: String {
        [24, 16, 8, 0].map { String((bits >> UInt128($0)) & 0xff) }.joined(separator: ".")
    }

    /// RFC 5952: lower case, no leading zeros, the first of the longest runs of two or more zero groups shortened.
    private var ipv6Text: String {
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0)) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count, end - start >= 2 { best = start..<end }
            start = max(end, start + 1)
        }
        func hex(_ part: ArraySlice<UInt16>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
        return best.isEmpty
            ? hex(groups[...]) : hex(groups[..<best.lowerBound]) + "::" + hex(groups[best.upperBound...])
    }
}
