import Foundation

/// Takes secrets out of text that is to be given away: those that are known by their value, and whatever looks like one.
///
/// Where it is in doubt it takes out, to the end of the line. What it cannot know it cannot take out: a password that stands
/// somewhere without anything that says so.
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

    /// The text without secrets; it has as many lines as before.
    func filtered(_ text: String) -> String {
        var text = text
        for value in known where text.contains(value) { text = text.replacingOccurrences(of: value, with: Self.mark) }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var state = LineState()
        return lines.indices.map { index in
            if index == 0 || Self.isBoundary(lines[index]) {
                let end = lines[(index + 1)...].firstIndex(where: Self.isBoundary) ?? lines.endIndex
                state.hasSecretData = lines[index..<end].contains(where: Self.isKindSecret)
            }
            return state.filtered(String(lines[index]))
        }.joined(separator: "\n")
    }

    /// The text of a file beside the one that is wanted: lines that both have are shown as they are.
    func filtered(_ text: String, beside wanted: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let filtered = filtered(text).split(separator: "\n", omittingEmptySubsequences: false)
        // A known value with an end of line in it changes their number.
        guard lines.count == filtered.count else { return filtered.joined(separator: "\n") }
        let shown = Set(wanted.split(separator: "\n", omittingEmptySubsequences: false))
        return lines.indices.map { shown.contains(lines[$0]) ? lines[$0] : filtered[$0] }.joined(separator: "\n")
    }

    private static func isBoundary(_ line: Substring) -> Bool { line.hasPrefix("---") || line.hasPrefix("==> ") }

    /// Also for lists, in which the kind stands after the data.
    private static func isKindSecret(_ line: Substring) -> Bool {
        guard line.contains("Secret"), line.contains("kind") else { return false }
        return line.filter { !" \t\"'\\".contains($0) }.contains("kind:Secret")
    }
}

/// What lines before mean for the next one.
private struct LineState {
    /// `data` and `stringData` are secret here.
    var hasSecretData = false
    private var isInKey = false
    private var takesNextLine = false
    /// Lines that are indented deeper belong to a value that is secret.
    private var column: Int?
    private var takesList = false
    /// The last `name:` was that of a secret, so that the next `value:` is one.
    private var takesValue = false

    mutating func filtered(_ line: String) -> String {
        if line.contains("-----BEGIN"), line.contains("PRIVATE KEY") {
            isInKey = !line.contains("-----END")
            return SecretFilter.mark
        }
        if isInKey {
            if line.contains("-----END") { isInKey = false }
            return SecretFilter.mark
        }
        let blanks = line.utf8.prefix { $0 == 0x20 || $0 == 0x09 }.count
        if takesNextLine {
            takesNextLine = line.hasSuffix("\\") && !line.hasSuffix(" \\")
            return masked(line, blanks)
        }
        if let column {
            if blanks == line.utf8.count { return line }
            if blanks > column || takesList && blanks == column && line.dropFirst(blanks).hasPrefix("-") {
                return masked(line, blanks)
            }
            self.column = nil
        }
        var scan = SecretScan(line, hasSecretData: hasSecretData, takesValue: takesValue)
        let filtered = scan.filtered()
        takesValue = scan.takesValue
        takesNextLine = scan.takesNextLine
        takesList = scan.isEmptyAtEnd
        // `- name:` has its siblings below `name`.
        if scan.runsToEnd { column = line.utf8.prefix { $0 == 0x20 || $0 == 0x09 || $0 == 0x2d }.count }
        return filtered
    }

    private func masked(_ line: String, _ blanks: Int) -> String {
        let item = line.dropFirst(blanks).hasPrefix("- ") ? "- " : ""
        return line.prefix(blanks) + item + SecretFilter.mark
    }
}

/// One line, gone through word by word for what a secret looks like, or what stands before one.
private struct SecretScan {
    private let bytes: [UInt8]
    private let lower: [UInt8]
    private let hasSecretData: Bool
    private var output: [UInt8] = []
    private var position = 0
    /// There is no user in an address before this.
    private var addressEnd = 0
    private(set) var takesValue: Bool
    private(set) var takesNextLine = false
    /// A secret value goes to the end of the line, and may go on below; it may also begin there.
    private(set) var runsToEnd = false
    private(set) var isEmptyAtEnd = false

    init(_ line: String, hasSecretData: Bool, takesValue: Bool) {
        bytes = Array(line.utf8)
        lower = bytes.map { (65...90).contains($0) ? $0 + 32 : $0 }
        self.hasSecretData = hasSecretData
        self.takesValue = takesValue
    }

    /// What names of secrets end with; digits and a plural's s may follow.
    private static let names = bytes(
        "password", "passwd", "passphrase", "pass", "pwd", "pw", "psk", "secret", "key", "token", "credential", "creds",
        "dockerconfigjson", "authorization", "auth", "cookie", "key-data", "certificate-data", "authority-data")
    /// After these a blank is enough, as in `neighbor 192.0.2.1 password x`.
    private static let spoken = bytes("password", "passwd", "passphrase", "auth_pass", "psk")
    private static let spokenAlone = Set(bytes("auth", "bearer", "basic", "digest"))
    private static let users = Set(bytes("-u", "--user", "--proxy-user"))
    private static let nameWords = Set(bytes("name"))
    private static let valueWords = Set(bytes("value"))
    private static let dataWords = Set(bytes("data", "stringdata"))
    /// What tokens of some services begin with.
    private static let prefixes = [
        "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "tskey-", "AGE-SECRET-KEY-", "hvs.", "AKIA", "$6$", "$y$",
        "$2",
    ].map { Array($0.utf8) }
    private static let prefixStarts = Set(prefixes.map { $0[0] })

    private static func bytes(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    mutating func filtered() -> String {
        while position < bytes.count {
            if let end = userEnd() ?? shape() {
                mask(to: end)
            } else if Self.isWord(bytes[position]) {
                word()
            } else {
                keep(to: position + 1)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private mutating func keep(to end: Int) {
        output += bytes[position..<end]
        position = end
    }

    private mutating func mask(to end: Int) {
        guard end > position else { return }
        output += Array(SecretFilter.mark.utf8)
        position = end
    }

    // MARK: By their shape

    /// The end of a token that begins here.
    private func shape() -> Int? {
        if position > 0, Self.isAlphanumeric(bytes[position - 1]) { return nil }
        let first = bytes[position]
        let rest = bytes[position...]
        if first == UInt8(ascii: "K"), rest.starts(with: "K10".utf8) {
            var end = position + 3
            while end < bytes.count, Self.isHex(bytes[end]) { end += 1 }
            return end - position >= 13 ? wordEnd(end) : nil
        }
        if first == UInt8(ascii: "e"), rest.starts(with: "eyJ".utf8) {
            var end = position
            while end < bytes.count, Self.isWord(bytes[end]) || "+/=".utf8.contains(bytes[end]) { end += 1 }
            return end - position >= 20 ? end : nil
        }
        guard Self.prefixStarts.contains(first), Self.prefixes.contains(where: rest.starts) else { return nil }
        let end = wordEnd(position)
        return end - position >= 12 ? end : nil
    }

    /// The end of the user, or of `user:password`, in an address, where that begins here: the last @ of the word.
    private mutating func userEnd() -> Int? {
        let isAddress = position >= 3 && bytes[(position - 3)..<position].elementsEqual("://".utf8)
        guard isAddress, position >= addressEnd else { return nil }
        let end = wordEnd(position)
        addressEnd = end
        return bytes[position..<end].lastIndex(of: UInt8(ascii: "@"))
    }

    // MARK: By what stands before them

    private mutating func word() {
        let start = position
        var end = start
        while end < bytes.count, Self.isWord(bytes[end]) { end += 1 }
        let word = lower[start..<end]
        keep(to: end)
        var next = end
        while next < bytes.count, "\"'\\])".utf8.contains(bytes[next]), !isLineEnd(next) { next += 1 }
        let isDashed = word.first == UInt8(ascii: "-")
        let isSecret = isSecret(word)
        var separator = next
        while separator < bytes.count, Self.isBlank(bytes[separator]) { separator += 1 }
        if separator < bytes.count, bytes[separator] == UInt8(ascii: ":") || bytes[separator] == UInt8(ascii: "=") {
            named(Array(word), from: start, isSecret: isSecret, separator: separator)
        } else if isDashed && isSecret || Self.spokenAlone.contains(Array(word))
            || Self.spoken.contains(where: { Self.ends(word, $0) })
        {
            // `["--token", "x"]`, `--token x`, and `--token` above x.
            var value = separator
            while value < bytes.count,
                Self.isBlank(bytes[value]) || isDashed && bytes[value] == UInt8(ascii: ",")
            { value += 1 }
            guard value > next || value == bytes.count else { return }
            if value == bytes.count || isLineEnd(value) {
                takesNextLine = value < bytes.count || isDashed
            } else {
                take(from: value, isToBlank: true)
            }
        } else if isAccount(Array(word)) {
            let stop = wordEnd(separator)
            if bytes[separator..<stop].contains(UInt8(ascii: ":")) || word.elementsEqual("-t".utf8) {
                take(from: separator, isToBlank: true)
            }
        }
    }

    /// `-u user:password`, and `-t` of K3s alone: others have it for something else.
    private func isAccount(_ word: [UInt8]) -> Bool {
        if Self.users.contains(word) { return true }
        guard word.elementsEqual("-t".utf8) else { return false }
        let before = String(decoding: lower, as: UTF8.self)
        return before.contains("k3s server") || before.contains("k3s agent")
    }

    /// A word with `:` or `=` behind it.
    private mutating func named(_ word: [UInt8], from start: Int, isSecret: Bool, separator: Int) {
        var value = separator
        while value < bytes.count, ":=>".utf8.contains(bytes[value]) { value += 1 }
        let isAssigned = bytes[separator] == UInt8(ascii: "=")
        let isTight = value < bytes.count && !Self.isBlank(bytes[value])
        while value < bytes.count, Self.isBlank(bytes[value]) { value += 1 }
        if Self.nameWords.contains(word) {
            var end = value
            while end < bytes.count, Self.isQuote(bytes[end]) || bytes[end] == UInt8(ascii: "\\") { end += 1 }
            let from = end
            while end < bytes.count, Self.isWord(bytes[end]) { end += 1 }
            takesValue = self.isSecret(lower[from..<end])
            return
        }
        let isValue = takesValue && Self.valueWords.contains(word)
        if isValue { takesValue = false }
        let isAccount = Self.users.contains(word) && bytes[value...].contains(UInt8(ascii: ":"))
        guard isSecret || isValue || isAccount || hasSecretData && Self.dataWords.contains(word) else { return }
        if value < bytes.count, isLineEnd(value) {
            takesNextLine = true
        } else if value == bytes.count {
            runsToEnd = !isAssigned
            isEmptyAtEnd = !isAssigned
        } else if isAssigned, isTight, start > 0, Self.isQuote(bytes[start - 1]) {
            // `"PASSWORD=a b"`
            keep(to: value)
            mask(
                to: quoteEnd(bytes[start - 1], from: value, backslashes: backslashes(before: start - 1)) ?? bytes.count)
        } else {
            take(from: value, isToBlank: isAssigned && isTight)
        }
    }

    /// Takes out the value that begins here: to its closing quote, else to a blank, or to the end of the line.
    private mutating func take(from value: Int, isToBlank: Bool) {
        var start = value
        while start < bytes.count, bytes[start] == UInt8(ascii: "\\") { start += 1 }
        if start < bytes.count, Self.isQuote(bytes[start]) {
            keep(to: start + 1)
            if let end = quoteEnd(bytes[start], from: start + 1, backslashes: start - value) {
                mask(to: end)
                // The shell takes 'a'"b"c for one word.
                let next = end + 1
                if isToBlank, start == value, next < bytes.count, !",}])".utf8.contains(bytes[next]),
                    wordEnd(next, atQuotes: false) > next
                {
                    mask(to: wordEnd(next, atQuotes: false))
                }
                return
            }
        } else {
            keep(to: value)
            if isToBlank {
                let end = wordEnd(value, atQuotes: false)
                takesNextLine = end == bytes.count && bytes[end - 1] == UInt8(ascii: "\\")
                return mask(to: end)
            }
        }
        runsToEnd = true
        isEmptyAtEnd = "{[".utf8.contains(bytes[value]) && value == bytes.count - 1
        takesNextLine = bytes.last == UInt8(ascii: "\\")
        mask(to: bytes.count)
    }

    private func isSecret(_ word: ArraySlice<UInt8>) -> Bool {
        var word = word
        while let last = word.last, (48...57).contains(last) || last == UInt8(ascii: ".") { word.removeLast() }
        if Self.names.contains(where: { Self.ends(word, $0) }) { return true }
        guard word.last == UInt8(ascii: "s") else { return false }
        return Self.names.contains { Self.ends(word.dropLast(), $0) }
    }

    private static func ends(_ word: ArraySlice<UInt8>, _ end: [UInt8]) -> Bool {
        word.count >= end.count && word.suffix(end.count).elementsEqual(end)
    }

    // MARK: Ends

    /// A backslash that continues the line.
    private func isLineEnd(_ index: Int) -> Bool { index == bytes.count - 1 && bytes[index] == UInt8(ascii: "\\") }

    private func wordEnd(_ start: Int, atQuotes: Bool = true) -> Int {
        var end = start
        while end < bytes.count, !Self.isBlank(bytes[end]), !atQuotes || !"\"'<>".utf8.contains(bytes[end]) { end += 1 }
        return end
    }

    private func backslashes(before index: Int) -> Int {
        bytes[..<index].reversed().prefix { $0 == UInt8(ascii: "\\") }.count
    }

    /// Where the quote that was opened with so many backslashes is closed, with the backslashes left out; nil: not here.
    private func quoteEnd(_ quote: UInt8, from start: Int, backslashes: Int) -> Int? {
        var end = start
        var count = 0
        while end < bytes.count {
            if bytes[end] == UInt8(ascii: "\\") {
                count += 1
            } else {
                if bytes[end] == quote, count <= backslashes {
                    let isDoubled =
                        quote == UInt8(ascii: "'") && end + 1 < bytes.count && bytes[end + 1] == quote && end > start
                    if !isDoubled { return end - count }
                    end += 1
                }
                count = 0
            }
            end += 1
        }
        return nil
    }

    // MARK: Bytes

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }
    private static func isHex(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
    private static func isWord(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "_-.".utf8.contains(byte) }
}
