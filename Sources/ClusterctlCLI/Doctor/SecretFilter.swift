import Foundation

/// Takes secrets out of text that is to be given away: those that are known by their value, and whatever looks like one.
///
/// What it cannot know it cannot take out: a password that stands somewhere without anything that says so.
struct SecretFilter: Sendable {
    static let mark = "(secret)"
    /// Shorter ones would take words out of every text.
    static let shortest = 6

    /// Longest first, as one may be a part of another.
    private let known: [String]

    init(known: some Sequence<String>) {
        var all: Set<String> = []
        for value in known {
            let value = value.trimmingCharacters(in: .whitespacesAndNewlines)
            all.insert(value)
            // K10HASH::USER:PASSWORD: the password alone is as good as the whole.
            if let colon = value.range(of: "::") {
                let rest = value[colon.upperBound...]
                all.insert(String(rest))
                if let password = rest.firstIndex(of: ":") { all.insert(String(rest[rest.index(after: password)...])) }
            }
        }
        self.known = all.filter { $0.utf8.count >= SecretFilter.shortest }.sorted {
            ($1.utf8.count, $0) < ($0.utf8.count, $1)
        }
    }

    func filtered(_ text: String) -> String {
        var text = text
        for value in known where text.contains(value) { text = text.replacingOccurrences(of: value, with: Self.mark) }
        var isInKey = false
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            if line.contains("-----BEGIN"), line.contains("PRIVATE KEY") {
                isInKey = !line.contains("-----END")
                return Self.mark
            }
            if isInKey {
                if line.contains("-----END") { isInKey = false }
                return Self.mark
            }
            return Self.withoutForms(String(line))
        }.joined(separator: "\n")
    }

    private static func withoutForms(_ line: String) -> String {
        var scan = SecretScan(line)
        return scan.filtered()
    }
}

/// One line, gone through byte by byte for what a secret looks like, or what stands before one.
private struct SecretScan {
    private let bytes: [UInt8]
    private let lower: [UInt8]
    private var output: [UInt8] = []
    private var position = 0

    init(_ line: String) {
        bytes = Array(line.utf8)
        lower = bytes.map { (65...90).contains($0) ? $0 + 32 : $0 }
    }

    /// Names of what is secret; each also at the end of a longer name, such as `restic_password`.
    private static let names: [[UInt8]] = [
        "authorization", "password", "passwd", "passphrase", "auth_pass", "secret-key", "secret_key", "secretkey",
        "secret_access_key", "access-key", "access_key", "accesskey", "session-token", "api-key", "api_key", "apikey",
        "private-key", "private_key", "psk", "token", "client-key-data", "client-certificate-data",
        "certificate-authority-data",
    ].map { Array($0.utf8) }
    /// After these a blank is enough, as in `neighbor 10.0.0.1 password x` and in `--token x`.
    private static let spoken: [[UInt8]] = ["password", "auth_pass", "--token", "--agent-token", "bearer", "basic"]
        .map { Array($0.utf8) }
    /// By their first byte, so that most bytes of a log are looked at once.
    private static let namesByFirst = Dictionary(grouping: names) { $0[0] }
    private static let spokenByFirst = Dictionary(grouping: spoken) { $0[0] }

    mutating func filtered() -> String {
        while position < bytes.count {
            if let end = shape() ?? userEnd() {
                output += Array(SecretFilter.mark.utf8)
                position = end
            } else if let start = valueStart() {
                output += bytes[position..<start]
                let end = valueEnd(start)
                output += Array(SecretFilter.mark.utf8)
                position = end
            } else {
                output.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    // MARK: By their shape

    /// The end of a token of K3s or of a service account that begins here.
    private func shape() -> Int? {
        let first = bytes[position]
        if first == UInt8(ascii: "K"), bytes[position...].starts(with: "K10".utf8) {
            var end = position + 3
            while end < bytes.count, Self.isHex(bytes[end]) { end += 1 }
            return end - position >= 13 ? valueEnd(end, isQuoted: nil) : nil
        }
        guard first == UInt8(ascii: "e"), bytes[position...].starts(with: "eyJ".utf8), !isInWord(position) else {
            return nil
        }
        var end = position
        while end < bytes.count, Self.isWord(bytes[end]) || bytes[end] == UInt8(ascii: ".") { end += 1 }
        return end - position >= 20 ? end : nil
    }

    /// The end of `user:password` in an address, where that begins here.
    private func userEnd() -> Int? {
        guard position >= 3, bytes[position - 1] == UInt8(ascii: "/"), bytes[position - 2] == UInt8(ascii: "/"),
            bytes[position - 3] == UInt8(ascii: ":")
        else { return nil }
        var end = position
        var hasColon = false
        while end < bytes.count, !" \t/\"'<>".utf8.contains(bytes[end]) {
            if bytes[end] == UInt8(ascii: "@") { return hasColon ? end : nil }
            if bytes[end] == UInt8(ascii: ":") { hasColon = true }
            end += 1
        }
        return nil
    }

    // MARK: By what stands before them

    /// Where the value begins of a name that begins here; nil where there is none, or it is said to be none.
    private func valueStart() -> Int? {
        let first = lower[position]
        if let name = Self.spokenByFirst[first]?.first(where: { lower[position...].starts(with: $0) }),
            !isInWord(position)
        {
            let end = position + name.count
            if end < bytes.count, Self.isBlank(bytes[end]) { return value(after: end) }
        }
        guard let name = Self.namesByFirst[first]?.first(where: { lower[position...].starts(with: $0) }) else {
            return nil
        }
        var end = position + name.count
        if end < bytes.count, Self.isQuote(bytes[end]) { end += 1 }
        while end < bytes.count, Self.isBlank(bytes[end]) { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: ":") || bytes[end] == UInt8(ascii: "=") else { return nil }
        guard let start = value(after: end + 1) else { return nil }
        // `Authorization: Bearer x`
        for word in ["bearer", "basic"] where lower[start...].starts(with: Array(word.utf8)) {
            return value(after: start + word.utf8.count) ?? start
        }
        return start
    }

    /// Past blanks and a quote; nil where nothing stands there.
    private func value(after end: Int) -> Int? {
        var start = end
        while start < bytes.count, Self.isBlank(bytes[start]) { start += 1 }
        if start < bytes.count, Self.isQuote(bytes[start]) { start += 1 }
        guard start < bytes.count, !Self.isQuote(bytes[start]), !"{[,}".utf8.contains(bytes[start]) else { return nil }
        return start
    }

    /// Up to the closing quote where one is open, else up to what cannot be part of it.
    private func valueEnd(_ start: Int) -> Int {
        let before = start > 0 ? bytes[start - 1] : 0
        return valueEnd(start, isQuoted: Self.isQuote(before) ? before : nil)
    }

    private func valueEnd(_ start: Int, isQuoted quote: UInt8?) -> Int {
        var end = start
        while end < bytes.count {
            if let quote {
                if bytes[end] == quote, bytes[end - 1] != UInt8(ascii: "\\") { break }
            } else if " \t,}\"'".utf8.contains(bytes[end]) {
                break
            }
            end += 1
        }
        return end
    }

    // MARK: Bytes

    private func isInWord(_ position: Int) -> Bool { position > 0 && Self.isWord(bytes[position - 1]) }
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }
    private static func isHex(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte) }
    private static func isWord(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-")
    }
}
