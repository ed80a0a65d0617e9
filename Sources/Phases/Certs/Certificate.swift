import Foundation

/// What is of interest in an X.509 certificate: whose it is, and until when (RFC 5280, section 4.1).
///
/// Nodes send their certificates as they are, so that neither openssl nor a certain version of K3s has to be there.
public struct Certificate: Sendable, Equatable {
    /// The common name of its subject, in printable ASCII; empty where it has none.
    public let subject: String
    /// Seconds since 1970.
    public let notBefore: Int
    public let notAfter: Int

    /// Nil where it is none.
    public init?(der: [UInt8]) {
        var outer = DER(der)
        guard var certificate = outer.sequence(), var body = certificate.sequence() else { return nil }
        body.skip(0xa0)  // the version, where it is said
        guard body.skip(0x02), body.skip(0x30), body.skip(0x30), var validity = body.sequence(),
            let notBefore = validity.time(), let notAfter = validity.time(), var subject = body.sequence()
        else { return nil }
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.subject = Certificate.commonName(&subject)
    }

    /// Nil where it is none.
    public init?(base64 text: some StringProtocol) {
        guard text.utf8.count < 65536, let data = Data(base64Encoded: String(text)) else { return nil }
        self.init(der: Array(data))
    }

    /// The first certificate of a PEM text in base64, as K3s keeps that of its listener.
    public init?(base64OfPEM text: some StringProtocol) {
        guard text.utf8.count < 65536, let data = Data(base64Encoded: String(text)) else { return nil }
        let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let begin = lines.firstIndex(of: "-----BEGIN CERTIFICATE-----"),
            let end = lines[begin...].firstIndex(of: "-----END CERTIFICATE-----")
        else { return nil }
        self.init(base64: lines[lines.index(after: begin)..<end].joined())
    }

    private static func commonName(_ names: inout DER) -> String {
        while var set = names.element(0x31) {
            guard var attribute = set.sequence(), let type = attribute.element(0x06) else { continue }
            guard Array(type.rest) == [0x55, 0x04, 0x03], let value = attribute.any() else { continue }
            let isPrintable = { (byte: UInt8) in byte >= 0x20 && byte < 0x7f }
            let text = value.content.rest.prefix(200).map { isPrintable($0) ? $0 : UInt8(ascii: "?") }
            return String(decoding: text, as: UTF8.self)
        }
        return ""
    }
}

/// The distinguished encoding rules, as far as certificates need them.
private struct DER {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }
    private init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next element, whatever it is; nil at the end, and where what follows is none.
    mutating func any() -> (tag: UInt8, content: DER)? {
        var after = rest
        guard let tag = after.popFirst(), let first = after.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            let count = Int(first & 0x7f)
            guard (1...4).contains(count), after.count >= count else { return nil }
            length = after.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            after = after.dropFirst(count)
        }
        guard length <= after.count else { return nil }
        rest = after.dropFirst(length)
        return (tag, DER(after.prefix(length)))
    }

    /// The next element, where it has this tag; else nothing is read.
    mutating func element(_ tag: UInt8) -> DER? {
        guard rest.first == tag else { return nil }
        return any()?.content
    }

    mutating func sequence() -> DER? { element(0x30) }

    @discardableResult
    mutating func skip(_ tag: UInt8) -> Bool { element(tag) != nil }

    /// UTCTime, whose years are those from 1950 to 2049, or GeneralizedTime.
    mutating func time() -> Int? {
        guard let (tag, content) = any(), tag == 0x17 || tag == 0x18 else { return nil }
        let digits = content.rest.dropLast().map { Int($0) - 48 }
        let yearDigits = tag == 0x17 ? 2 : 4
        guard content.rest.last == UInt8(ascii: "Z"), digits.count == yearDigits + 10,
            digits.allSatisfy((0...9).contains)
        else { return nil }
        var year = digits[..<yearDigits].reduce(0) { $0 * 10 + $1 }
        if tag == 0x17 { year += year < 50 ? 2000 : 1900 }
        let parts = stride(from: yearDigits, to: digits.count, by: 2).map { digits[$0] * 10 + digits[$0 + 1] }
        guard (1...12).contains(parts[0]), (1...31).contains(parts[1]), parts[2] < 24, parts[3] < 60, parts[4] < 61
        else { return nil }
        return DER.days(year, parts[0], parts[1]) * 86400 + parts[2] * 3600 + parts[3] * 60 + parts[4]
    }

    /// Days from 1970-01-01 to this day of the Gregorian calendar.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719468
    }
}
