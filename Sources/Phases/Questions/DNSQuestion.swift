import Engine
import Inventory

/// Which addresses a DNS server has for a name, asked on a node over TCP.
struct DNSQuestion: Sendable {
    let name: String
    let family: IPAddress.Family
    let server: IPAddress

    var probe: Probe { .command(Script.arguments(.askDNS, [server.description, query])) }

    /// Holds when the server has just these addresses of the family.
    func verdict(_ answer: Answer?, _ wanted: [IPAddress], on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not asked \(server) for \(name) yet") }
        guard answer.succeeded, !answer.output.isEmpty else {
            return .waiting("nothing answers for \(name) at \(server): \(answer.reason)")
        }
        guard let message = DNSMessage(hexadecimal: answer.output) else {
            return .waiting("what answers for \(name) at \(server) is no DNS server: \(answer.reason.prefix(40))")
        }
        guard message.status == 0 else {
            return .waiting("\(server) says status \(message.status) of \(name)")
        }
        let found = message.addresses.filter { $0.family == family }
        if Set(found) == Set(wanted.filter { $0.family == family }) { return .holds }
        let words = found.isEmpty ? "nothing" : found.map(\.description).joined(separator: ", ")
        return .waiting("\(server) has \(words) for \(name)")
    }

    /// One question with recursion not desired, the length before it (RFC 1035, 4.1 and 4.2.2), each byte as `\ooo`.
    private var query: String {
        var bytes: [UInt8] = [0x63, 0x74, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name.split(separator: ".") {
            bytes.append(UInt8(truncatingIfNeeded: label.utf8.count))
            bytes += label.utf8
        }
        bytes += [0, 0, family == .ipv4 ? 1 : 28, 0, 1]
        let length = [UInt8(truncatingIfNeeded: bytes.count >> 8), UInt8(truncatingIfNeeded: bytes.count)]
        return (length + bytes).map { byte in
            let digits = String(byte, radix: 8)
            return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
        }.joined()
    }
}

/// An answer of a DNS server (RFC 1035, 4.1), as far as it is about addresses.
struct DNSMessage: Equatable {
    /// 0 where the name is there; 3 where it is not.
    let status: Int
    let addresses: [IPAddress]

    /// Nil where it is no whole answer.
    init?(hexadecimal text: String) {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count.isMultiple(of: 2), text.allSatisfy({ $0.isHexDigit || $0.isWhitespace }) else { return nil }
        var bytes = Bytes(stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
        guard bytes.number(2) != nil, let flags = bytes.number(2), flags & 0x8000 != 0, let questions = bytes.number(2),
            let answers = bytes.number(2), bytes.skip(4)
        else { return nil }
        for _ in 0..<questions {
            guard bytes.skipName(), bytes.skip(4) else { return nil }
        }
        var addresses: [IPAddress] = []
        for _ in 0..<answers {
            guard bytes.skipName(), let type = bytes.number(2), bytes.skip(6), let length = bytes.number(2),
                let data = bytes.take(length)
            else { return nil }
            let bits = data.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
            switch (type, length) {
            case (1, 4): addresses.append(IPAddress(ipv4: UInt32(truncatingIfNeeded: bits)))
            case (28, 16): addresses.append(IPAddress(ipv6: bits))
            default: continue
            }
        }
        status = flags & 0xf
        self.addresses = addresses
    }

    /// What is left of a message.
    private struct Bytes {
        private var rest: ArraySlice<UInt8>
        init(_ bytes: [UInt8]) { rest = bytes[...] }

        mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }

        mutating func skip(_ count: Int) -> Bool { take(count) != nil }

        mutating func number(_ count: Int) -> Int? { take(count).map { $0.reduce(0) { $0 << 8 | Int($1) } } }

        /// Labels up to the empty one, or to a pointer, which ends a name.
        mutating func skipName() -> Bool {
            while let length = number(1) {
                switch length {
                case 0: return true
                case 0xc0...: return skip(1)
                case 1..<0x40: guard skip(length) else { return false }
                default: return false
                }
            }
            return false
        }
    }
}
