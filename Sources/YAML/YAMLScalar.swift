/// A scalar as it was written, and what the core schema of YAML 1.2 takes it for.
public struct YAMLScalar: Sendable, Hashable {
    public enum Style: Sendable, Hashable {
        case plain
        case quoted
        /// A literal (`|`) or folded (`>`) block.
        case block
    }

    public enum Kind: String, Sendable, Hashable {
        case null, bool, int, float, string
    }

    /// A plain scalar that YAML 1.1 readers take for something other than YAML 1.2 ones do.
    public enum Surprise: Sendable, Hashable {
        /// `yes`, `no`, `on`, `off`, `y`, `n`: booleans in 1.1, text in 1.2.
        case oldBoolean
        /// `0123`: octal in 1.1, decimal in 1.2.
        case oldOctal
        /// `1:30`: a number of base 60 in 1.1, text in 1.2.
        case baseSixty
    }

    public var text: String
    public var style: Style
    public var kind: Kind
    public var surprise: Surprise?

    /// - Parameter isText: the scalar carries the tag `!!str`.
    public init(text: String, style: Style, isText: Bool = false) {
        self.text = text
        self.style = style
        let isPlain = style == .plain && !isText
        surprise = isPlain ? ScalarForms.surprise(text) : nil
        kind = isPlain ? ScalarForms.kind(text) : .string
    }

    /// The boolean if the core schema takes this for one.
    public var bool: Bool? {
        kind == .bool ? text.lowercased() == "true" : nil
    }

    /// The whole number if the core schema takes this for one that fits; octal-looking ones have none.
    public var int: Int? {
        guard kind == .int, surprise == nil else { return nil }
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8) }
        return Int(text)
    }

    /// The number if the core schema takes this for one; octal-looking ones have none.
    public var double: Double? {
        guard kind == .int || kind == .float, surprise == nil else { return nil }
        switch text.lowercased() {
        case ".inf", "+.inf": return .infinity
        case "-.inf": return -.infinity
        case ".nan": return .nan
        default: return int.map(Double.init) ?? Double(text.hasSuffix(".") ? text + "0" : text)
        }
    }
}

/// The forms of plain scalars: chapter 10.3 of YAML 1.2.2, and where YAML 1.1's types differ from it.
enum ScalarForms {
    static func kind(_ text: String) -> YAMLScalar.Kind {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "false", "False", "FALSE": return .bool
        default: break
        }
        guard let first = text.utf8.first, isDigit(first) || "+-.".utf8.contains(first) else { return .string }
        if isInt(text) { return .int }
        return isFloat(text) ? .float : .string
    }

    static func surprise(_ text: String) -> YAMLScalar.Surprise? {
        if text.utf8.count <= 3, ["yes", "no", "on", "off", "y", "n"].contains(text.lowercased()) {
            return .oldBoolean
        }
        let digits = unsigned(text)
        guard let first = digits.utf8.first, isDigit(first) else { return nil }
        if first == UInt8(ascii: "0"), digits.utf8.count > 1, digits.utf8.allSatisfy(isDigit) { return .oldOctal }
        return isBaseSixty(digits) ? .baseSixty : nil
    }

    /// Whether some reader of YAML 1.1 or 1.2 could take the plain text for something other than this text.
    static func isTextForEveryone(_ text: String) -> Bool {
        let oldBooleans: Set = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        guard let first = text.unicodeScalars.first, first.properties.isAlphabetic || first == "/" || first == "_"
        else {
            return false
        }
        return !oldBooleans.contains(text.lowercased())
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private static func unsigned(_ text: String) -> Substring {
        text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
    }

    private static func isInt(_ text: String) -> Bool {
        if text.hasPrefix("0x") {
            return text.utf8.count > 2 && text.dropFirst(2).allSatisfy { $0.isASCII && $0.isHexDigit }
        }
        if text.hasPrefix("0o") {
            return text.utf8.count > 2 && text.dropFirst(2).allSatisfy { ("0"..."7").contains($0) }
        }
        let digits = unsigned(text).utf8
        return !digits.isEmpty && digits.allSatisfy(isDigit)
    }

    /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, an infinity, or `.nan`.
    private static func isFloat(_ text: String) -> Bool {
        if [".nan", ".NaN", ".NAN"].contains(text) { return true }
        var rest = unsigned(text)
        if [".inf", ".Inf", ".INF"].contains(String(rest)) { return true }
        let whole = takeDigits(&rest)
        var fraction = 0
        if rest.first == "." {
            rest.removeFirst()
            fraction = takeDigits(&rest)
        }
        guard whole + fraction > 0 else { return false }
        if rest.first == "e" || rest.first == "E" {
            rest.removeFirst()
            if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
            guard takeDigits(&rest) > 0 else { return false }
        }
        return rest.isEmpty
    }

    private static func takeDigits(_ text: inout Substring) -> Int {
        let digits = text.utf8.prefix(while: isDigit).count
        text = text[text.utf8.index(text.startIndex, offsetBy: digits)...]
        return digits
    }

    private static func isBaseSixty(_ text: Substring) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count > 1, let head = parts.first, !head.isEmpty, head.utf8.allSatisfy(isDigit) else {
            return false
        }
        return parts.dropFirst().allSatisfy { part in
            part.utf8.allSatisfy(isDigit) && (1...2).contains(part.utf8.count) && (Int(part) ?? 60) < 60
        }
    }
}
