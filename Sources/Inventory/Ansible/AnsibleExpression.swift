/// An expression of Jinja: literals, names, `[...]` and `.`, filters, `+` and `~`, comparisons, `and`, `or`, `not`, `is`,
/// `x if y else z`. What has none of these forms is unknown.
struct AnsibleExpression {
    enum Token: Hashable {
        case name(String)
        case text(String)
        case number(Int)
        case sign(String)
    }

    private struct Stuck: Error {}

    private let tokens: [Token]
    private var position = 0
    private var depth = 0
    private static let tokenLimit = 400

    /// Nil for an expression that has other signs, or is too long.
    init?(_ text: String) {
        guard let tokens = Self.tokens(text), tokens.count <= Self.tokenLimit else { return nil }
        self.tokens = tokens
    }

    /// - Parameters:
    ///   - named: what a name stands for
    ///   - entry: the entry of a value at a key
    mutating func parse(
        named: (String) -> AnsibleValue, entry: (AnsibleValue, AnsibleValue) -> AnsibleValue
    ) -> AnsibleValue {
        do throws(Stuck) {
            let value = try choice(named, entry)
            return position == tokens.count ? value : .unknown
        } catch {
            return .unknown
        }
    }

    private typealias Named = (String) -> AnsibleValue
    private typealias Entry = (AnsibleValue, AnsibleValue) -> AnsibleValue

    private mutating func choice(_ named: Named, _ entry: Entry) throws(Stuck) -> AnsibleValue {
        depth += 1
        defer { depth -= 1 }
        guard depth < 24 else { throw Stuck() }
        let value = try either(named, entry)
        guard takes(.name("if")) else { return value }
        let condition = try either(named, entry)
        let other = takes(.name("else")) ? try choice(named, entry) : .text("")
        return condition.isTrue.map { $0 ? value : other } ?? .unknown
    }

    private mutating func either(_ named: Named, _ entry: Entry) throws(Stuck) -> AnsibleValue {
        var value = try both(named, entry)
        while takes(.name("or")) {
            let other = try both(named, entry)
            value =
                value.isTrue == true
                ? value : value.isTrue == false ? other : other.isTrue == true ? .bool(true) : .unknown
        }
        return value
    }

    private mutating func both(_ named: Named, _ entry: Entry) throws(Stuck) -> AnsibleValue {
        var value = try negation(named, entry)
        while takes(.name("and")) {
            let other = try negation(named, entry)
            value =
                value.isTrue == false
                ? value : value.isTrue == true ? other : other.isTrue == false ? .bool(false) : .unknown
        }
        return value
    }

    private mutating func negation(_ named: Named, _ entry: Entry) throws(Stuck) -> AnsibleValue {
        guard takes(.name("not")) else { return try comparison(named, entry) }
        depth += 1
        defer { depth -= 1 }
        guard depth < 24 else { throw Stuck() }
        return try negation(named, entry).isTrue.map { .bool(!$0) } ?? .unknown
    }

    private mutating func comparison(_ named: Named, _ entry: Entry) throws(Stuck) -> AnsibleValue {
        let value = try sum(named, entry)
        if takes(.name("is")) {
            let isNegated = takes(.name("not"))
            guard case .name(let test)? = next() else { throw Stuck() }
            let holds: Bool?
            switch test {
            case "defined": holds = value == .unknown ? nil : value != .undefined
            case "undefined": holds = value == .unknown ? nil : value == .undefined
            default: holds = nil
            }
            return holds.map { .bool($0 != isNegated) } ?? .unknown
        }
        for sign in ["==", "!=", ">=", "<=", ">", "<"] where takes(.sign(sign)) {
            return Self.compare(value, sign, try sum(named, entry))
        }
        if takes(.name("in")) {
            guard case .list(let list) = try sum(named, entry), value.isKnown, list.allSatisfy(\.isKnown) else {
                return .unknown
            }
            return .bool(list.contains(value))
        }
        return value
    }

    private static func compare(_ left: AnsibleValue, _ sign: String, _ right: AnsibleValue) -> AnsibleValue {
        guard left.isKnown, right.isKnown else { return .unknown }
        if sign == "==" { return .bool(left == right) }
        if sign == "!=" { return .bool(left != right) }
        guard case .number(let left) = left, case .number(let right) = right else { return .unknown }
        switch sign {
        case ">=": return .bool(left >= right)
        case "<=": return .bool(left <= right)
        case ">": return .bool(left > right)
        default: return .bool(left < right)
        }
    }

    private mutating func sum(_ named: Named, _ entry: Entry) throws(Stuck) -> AnsibleValue {
        var value = try filtered(named, entry)
        while true {
            if takes(.sign("~")) {
                let other = try filtered(named, entry)
                guard let left = value.text, let right = other.text else {
                    value = .unknown
                    continue
                }
                value = Self.joined(left, right)
            } else if takes(.sign("+")) {
                switch (value, try filtered(named, entry)) {
                case (.list(let left), .list(let right)) where left.count + right.count <= AnsibleInventory.limit:
                    value = .list(left + right)
                case (.text(let left), .text(let right)): value = Self.joined(left, right)
                case (.text(let left), .unknown): value = .text(left + String(AnsibleValue.hole))
                case (.number(let left), .number(let right)):
                    let (sum, overflow) = left.addingReportingOverflow(right)
                    value = overflow ? .unknown : .number(sum)
                default: value = .unknown
                }
            } else {
                return value
            }
        }
    }

    private static func joined(_ left: String, _ right: String) -> AnsibleValue {
        left.utf8.count + right.utf8.count < 1 << 18 ? .text(left + right) : .unknown
    }

    private mutating func filtered(_ named: Named, _ entry: Entry) throws(Stuck) -> AnsibleValue {
        var value = try primary(named, entry)
        while true {
            if takes(.sign("[")) {
                let key = try choice(named, entry)
                guard takes(.sign("]")) else { throw Stuck() }
                value = entry(value, key)
            } else if takes(.sign(".")) {
                guard case .name(let name)? = next() else { throw Stuck() }
                value = entry(value, .text(name))
            } else if takes(.sign("|")) {
                guard case .name(var name)? = next() else { throw Stuck() }
                while takes(.sign(".")), case .name(let part)? = next() { name += "." + part }
                value = AnsibleFilter.apply(
                    name, to: value, takes(.sign("(")) ? try arguments(named, entry) : [], entry)
            } else if takes(.sign("(")) {
                _ = try arguments(named, entry)
                value = .unknown
            } else {
                return value
            }
        }
    }

    private mutating func arguments(_ named: Named, _ entry: Entry) throws(Stuck) -> [AnsibleValue] {
        var arguments: [AnsibleValue] = []
        while !takes(.sign(")")) {
            if !arguments.isEmpty, !takes(.sign(",")) { throw Stuck() }
            // `attribute='x'` counts as its value.
            if case .name? = peek(), position + 1 < tokens.count, tokens[position + 1] == .sign("=") { position += 2 }
            arguments.append(try choice(named, entry))
        }
        return arguments
    }

    private mutating func primary(_ named: Named, _ entry: Entry) throws(Stuck) -> AnsibleValue {
        switch next() {
        case .text(let text): return .text(text)
        case .number(let number): return .number(number)
        case .name("true"), .name("True"): return .bool(true)
        case .name("false"), .name("False"): return .bool(false)
        case .name("none"), .name("None"): return .null
        case .name(let name): return named(name)
        case .sign("("):
            let value = try choice(named, entry)
            guard takes(.sign(")")) else { throw Stuck() }
            return value
        case .sign("["):
            var list: [AnsibleValue] = []
            while !takes(.sign("]")) {
                if !list.isEmpty, !takes(.sign(",")) { throw Stuck() }
                list.append(try choice(named, entry))
            }
            return .list(list)
        case .sign, nil: throw Stuck()
        }
    }

    // MARK: Tokens

    private func peek() -> Token? { position < tokens.count ? tokens[position] : nil }

    private mutating func next() -> Token? {
        defer { position += 1 }
        return peek()
    }

    private mutating func takes(_ token: Token) -> Bool {
        guard peek() == token else { return false }
        position += 1
        return true
    }

    static func tokens(_ text: String) -> [Token]? {
        var tokens: [Token] = []
        var rest = text[...]
        while let first = rest.first {
            if first.isWhitespace {
                rest = rest.dropFirst()
            } else if first == "'" || first == "\"" {
                let inner = rest.dropFirst()
                guard let close = inner.firstIndex(of: first), !inner[..<close].contains("\\") else { return nil }
                tokens.append(.text(String(inner[..<close])))
                rest = inner[inner.index(after: close)...]
            } else if first.isASCII, first.isLetter || first == "_" {
                let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
                tokens.append(.name(String(name)))
                rest = rest[name.endIndex...]
            } else if first.isASCII, first.isNumber {
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                guard let number = Int(digits) else { return nil }
                tokens.append(.number(number))
                rest = rest[digits.endIndex...]
            } else if let sign = ["==", "!=", ">=", "<="].first(where: rest.hasPrefix) {
                tokens.append(.sign(sign))
                rest = rest.dropFirst(2)
            } else if "[]().,|+~<>=-".contains(first) {
                tokens.append(.sign(String(first)))
                rest = rest.dropFirst()
            } else {
                return nil
            }
        }
        return tokens
    }
}

/// The filters that are simple enough.
enum AnsibleFilter {
    static func apply(
        _ name: String, to value: AnsibleValue, _ arguments: [AnsibleValue],
        _ entry: (AnsibleValue, AnsibleValue) -> AnsibleValue
    ) -> AnsibleValue {
        switch name {
        case "default", "d":
            let isEmpty = arguments.count > 1 && arguments[1].isTrue == true && value.isTrue == false
            return value == .undefined || isEmpty ? arguments.first ?? .text("") : value
        case "list": if case .list = value { return value } else { return .unknown }
        case "bool": return value.bool.map(AnsibleValue.bool) ?? .unknown
        case "int": return value.number.map(AnsibleValue.number) ?? .unknown
        case "string": return value.text.map(AnsibleValue.text) ?? .unknown
        case "lower": return value.text.map { .text($0.lowercased()) } ?? .unknown
        case "upper": return value.text.map { .text($0.uppercased()) } ?? .unknown
        case "trim": return value.text.map { .text($0.trimmed) } ?? .unknown
        case "first": if case .list(let list) = value { return list.first ?? .undefined } else { return .unknown }
        case "last": if case .list(let list) = value { return list.last ?? .undefined } else { return .unknown }
        case "length", "count": if case .list(let list) = value { return .number(list.count) } else { return .unknown }
        case "join":
            guard let texts = value.texts, value.isKnown else { return .unknown }
            return .text(texts.joined(separator: arguments.first?.text ?? ""))
        case "unique":
            guard case .list(let list) = value, value.isKnown else { return .unknown }
            var seen: Set<AnsibleValue> = []
            return .list(list.filter { seen.insert($0).inserted })
        case "map":
            guard case .list(let list) = value, arguments.count == 3, arguments[0] == .text("extract"),
                arguments[1] == .hostVariables
            else { return .unknown }
            return .list(list.map { entry(entry(.hostVariables, $0), arguments[2]) })
        default: return .unknown
        }
    }
}
