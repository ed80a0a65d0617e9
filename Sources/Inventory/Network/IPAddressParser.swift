/// Why a text is no IP address.
public enum IPAddressProblem: Error, Sendable, Hashable {
    case empty
    case zone
    case brackets
    case prefixLength
    case leadingZero(String)
    case octetTooLarge(String)
    case wrongOctetCount(Int)
    case badCharacter(Character)
    case groupTooLong(String)
    case wrongGroupCount(Int)
    case severalDoubleColons
    case strayColon
}

/// Reads addresses as RFC 4291 writes them, and nothing looser: no octal, no short forms, no zones.
public enum IPAddressParser {
    public static func parse(_ text: String) -> Result<IPAddress, IPAddressProblem> {
        guard !text.isEmpty else { return .failure(.empty) }
        if text.contains("%") { return .failure(.zone) }
        if text.contains("[") || text.contains("]") { return .failure(.brackets) }
        if text.contains("/") { return .failure(.prefixLength) }
        do throws(IPAddressProblem) {
            return .success(text.contains(":") ? try ipv6(text) : IPAddress(ipv4: try ipv4(text)))
        } catch {
            return .failure(error)
        }
    }

    private static func ipv4(_ text: String) throws(IPAddressProblem) -> UInt32 {
        if let bad = text.first(where: { !("0"..."9").contains($0) && $0 != "." }) { throw .badCharacter(bad) }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts.allSatisfy({ !$0.isEmpty }) else {
            throw .wrongOctetCount(parts.count { !$0.isEmpty })
        }
        var bits: UInt32 = 0
        for part in parts {
            if part.count > 1, part.first == "0" { throw .leadingZero(String(part)) }
            guard let octet = UInt8(part) else { throw .octetTooLarge(String(part)) }
            bits = bits << 8 | UInt32(octet)
        }
        return bits
    }

    private static func ipv6(_ text: String) throws(IPAddressProblem) -> IPAddress {
        let halves = try split(text)
        let head = try groups(halves.head, mayEndInIPv4: halves.tail == nil)
        guard let tailText = halves.tail else {
            guard head.count == 8 else { throw .wrongGroupCount(head.count) }
            return IPAddress(ipv6: number(head))
        }
        let tail = try groups(tailText, mayEndInIPv4: true)
        guard head.count + tail.count <= 7 else { throw .wrongGroupCount(head.count + tail.count) }
        let zeros = [UInt16](repeating: 0, count: 8 - head.count - tail.count)
        return IPAddress(ipv6: number(head + zeros + tail))
    }

    /// The text before and after `::`; the second is nil where there is no `::`.
    private static func split(_ text: String) throws(IPAddressProblem) -> (head: Substring, tail: Substring?) {
        var index = text.startIndex
        var place: String.Index?
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == ":", next < text.endIndex, text[next] == ":" {
                if place != nil { throw .severalDoubleColons }
                place = index
                index = text.index(after: next)
            } else {
                index = next
            }
        }
        guard let place else { return (text[...], nil) }
        return (text[..<place], text[text.index(place, offsetBy: 2)...])
    }

    private static func groups(_ text: Substring, mayEndInIPv4: Bool) throws(IPAddressProblem) -> [UInt16] {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var result: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if part.isEmpty { throw .strayColon }
            if mayEndInIPv4, index == parts.count - 1, part.contains(".") {
                let bits = try ipv4(String(part))
                result += [UInt16(bits >> 16), UInt16(bits & 0xffff)]
                continue
            }
            if let bad = part.first(where: { !$0.isHexDigit || !$0.isASCII }) { throw .badCharacter(bad) }
            guard part.count <= 4, let group = UInt16(part, radix: 16) else { throw .groupTooLong(String(part)) }
            result.append(group)
        }
        return result
    }

    private static func number(_ groups: [UInt16]) -> UInt128 {
        groups.reduce(0) { $0 << 16 | UInt128($1) }
    }
}
