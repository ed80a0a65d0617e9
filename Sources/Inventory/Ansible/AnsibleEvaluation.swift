import YAML

/// Fills in the templates of one host's variables as far as that is simple: names, `groups` and `hostvars`, literals, a
/// few filters, `x if y else z`, and `{% if %}`. Everything else is unknown, and never guessed.
final class AnsibleEvaluation {
    private let inventory: AnsibleInventory
    private let all: [String: AnsibleInventory.Variables]
    let host: String
    /// Templates may name each other so that they grow without end.
    private var steps = 0
    /// The variables that templates have asked for.
    private(set) var consulted: Set<String> = []
    private static let stepLimit = 20_000
    private static let lengthLimit = 1 << 18
    private static let depthLimit = 24

    init(_ inventory: AnsibleInventory, all: [String: AnsibleInventory.Variables], host: String) {
        self.inventory = inventory
        self.all = all
        self.host = host
    }

    /// What a variable of the host stands for.
    func value(of variable: AnsibleVariable) -> AnsibleValue {
        steps = 0
        consulted = []
        return value(of: variable, depth: 0)
    }

    private func value(of variable: AnsibleVariable, depth: Int) -> AnsibleValue {
        variable.isSealed ? .unknown : value(of: variable.node, isRaw: variable.isRaw, depth: depth)
    }

    private func value(of node: YAMLNode, isRaw: Bool, depth: Int) -> AnsibleValue {
        steps += 1
        guard steps < Self.stepLimit, depth < Self.depthLimit else { return .unknown }
        switch node.content {
        case .list(let list): return .list(list.map { value(of: $0, isRaw: isRaw, depth: depth + 1) })
        case .map(let entries):
            return .map(
                entries.map { .init(key: $0.key, value: value(of: $0.value, isRaw: isRaw, depth: depth + 1)) })
        case .scalar(let scalar): return value(of: scalar, isRaw: isRaw, depth: depth)
        }
    }

    private func value(of scalar: YAMLScalar, isRaw: Bool, depth: Int) -> AnsibleValue {
        // Ansible reads YAML 1.1.
        if scalar.surprise == .oldBoolean, let bool = AnsibleValue.text(scalar.text).bool { return .bool(bool) }
        switch scalar.kind {
        case .null: return .null
        case .bool: return .bool(scalar.bool == true)
        case .int: return scalar.int.map(AnsibleValue.number) ?? .text(scalar.text)
        case .float: return .text(scalar.text)
        case .string: return isRaw ? .text(scalar.text) : template(scalar.text, depth: depth)
        }
    }

    // MARK: Templates

    private func template(_ text: String, depth: Int) -> AnsibleValue {
        guard text.contains("{{") || text.contains("{%") || text.contains("{#") else { return .text(text) }
        guard let pieces = TemplatePiece.pieces(text) else { return .unknown }
        // A template that is one expression keeps its type.
        let spoken = pieces.filter { !$0.isBlank }
        if spoken.count == 1, case .expression(let expression) = spoken[0] { return evaluate(expression, depth: depth) }
        var rendered = ""
        // What encloses a piece: whether its branch is taken, nil where that is not known, and whether an earlier one was.
        var branches: [(isTaken: Bool?, isDecided: Bool?)] = []
        for piece in pieces {
            let isReached =
                branches.contains { $0.isTaken == false } ? false : branches.contains { $0.isTaken == nil } ? nil : true
            switch piece {
            case .literal(let literal) where isReached == true: rendered += literal
            case .expression(let expression) where isReached == true:
                rendered += evaluate(expression, depth: depth).text ?? String(AnsibleValue.hole)
            case .literal, .expression:
                // What may stand there is a hole, once.
                if isReached == nil, rendered.last != AnsibleValue.hole { rendered.append(AnsibleValue.hole) }
            case .condition(let condition):
                let holds = evaluate(condition, depth: depth).isTrue
                branches.append((holds, holds))
            case .orCondition(let condition):
                guard let last = branches.popLast() else { return .unknown }
                let holds = evaluate(condition, depth: depth).isTrue
                branches.append(
                    last.isDecided == true ? (false, true) : last.isDecided == nil ? (nil, nil) : (holds, holds))
            case .otherwise:
                guard let last = branches.popLast() else { return .unknown }
                branches.append((last.isDecided.map { !$0 }, true))
            case .end:
                guard branches.popLast() != nil else { return .unknown }
            case .other: return .unknown
            }
            if rendered.utf8.count > Self.lengthLimit { return .unknown }
        }
        return branches.isEmpty ? .text(rendered) : .unknown
    }

    private func evaluate(_ expression: String, depth: Int) -> AnsibleValue {
        steps += 1
        guard steps < Self.stepLimit, depth < Self.depthLimit,
            var parser = AnsibleExpression(expression)
        else { return .unknown }
        return parser.parse { name in
            self.named(name, depth: depth + 1)
        } entry: { value, key in
            self.entry(key, of: value, depth: depth + 1)
        }
    }

    /// What a name stands for.
    private func named(_ name: String, depth: Int) -> AnsibleValue {
        if let variable = all[host]?[name] {
            consulted.insert(name)
            return value(of: variable, depth: depth)
        }
        switch name {
        case "inventory_hostname": return .text(host)
        case "inventory_hostname_short": return .text(String(host.prefix { $0 != "." }))
        case "groups": return .groups
        case "hostvars": return .hostVariables
        case "group_names":
            return .list(
                inventory.groupNames.filter { $0 != "all" && inventory.members(of: $0).contains(host) }
                    .sorted().map(AnsibleValue.text))
        // Where they are not set Ansible has none either: they are settings, not facts.
        case "ansible_host", "ansible_port", "ansible_user": return .undefined
        default:
            // Facts of the machines, and what Ansible itself sets.
            return name.hasPrefix("ansible_")
                || ["playbook_dir", "inventory_dir", "inventory_file", "role_path", "omit"]
                    .contains(name)
                ? .unknown : .undefined
        }
    }

    /// A key of a map, an index of a list.
    private func entry(_ key: AnsibleValue, of value: AnsibleValue, depth: Int) -> AnsibleValue {
        switch (value, key) {
        case (.groups, .text(let name)):
            guard inventory.groups[name] != nil else { return .undefined }
            return .list(inventory.members(of: name).map(AnsibleValue.text))
        case (.hostVariables, .text(let name)):
            return inventory.hosts[name] == nil ? .undefined : .variables(ofHost: name)
        case (.variables(let host), .text(let name)):
            guard depth < Self.depthLimit else { return .unknown }
            let other = AnsibleEvaluation(inventory, all: all, host: host)
            other.steps = steps
            defer { steps = other.steps }
            return other.named(name, depth: depth + 1)
        case (.map(let entries), .text(let name)): return entries.first { $0.key == name }?.value ?? .undefined
        case (.list(let list), .number(let index)):
            let position = index < 0 ? list.count + index : index
            return list.indices.contains(position) ? list[position] : .undefined
        case (.undefined, _): return .undefined
        default: return .unknown
        }
    }
}

/// The parts of a template.
enum TemplatePiece: Hashable {
    case literal(String)
    case expression(String)
    case condition(String)
    case orCondition(String)
    case otherwise
    case end
    /// A statement that is not evaluated here.
    case other

    var isBlank: Bool {
        if case .literal(let text) = self { text.allSatisfy(\.isWhitespace) } else { false }
    }

    /// Nil where a brace does not end.
    static func pieces(_ text: String) -> [TemplatePiece]? {
        var pieces: [TemplatePiece] = []
        var rest = text[...]
        while let open = nextOpening(rest) {
            var literal = String(rest[..<open])
            let kind = rest[rest.index(after: open)]
            let end = kind == "{" ? "}}" : kind == "%" ? "%}" : "#}"
            rest = rest[rest.index(open, offsetBy: 2)...]
            guard let close = rest.firstRange(of: end) else { return nil }
            var inner = rest[..<close.lowerBound]
            rest = rest[close.upperBound...]
            // A dash takes away the blanks on its side.
            if inner.first == "-" {
                inner = inner.dropFirst()
                while literal.last?.isWhitespace == true { literal.removeLast() }
            }
            if inner.last == "-" {
                inner = inner.dropLast()
                rest = rest.drop { $0.isWhitespace }
            }
            if !literal.isEmpty { pieces.append(.literal(literal)) }
            switch kind {
            case "{": pieces.append(.expression(inner.trimmed))
            case "%": pieces.append(statement(inner.trimmed))
            default: break
            }
        }
        if !rest.isEmpty { pieces.append(.literal(String(rest))) }
        return pieces
    }

    private static func statement(_ text: String) -> TemplatePiece {
        if text.hasPrefix("if ") { return .condition(String(text.dropFirst(3))) }
        if text.hasPrefix("elif ") { return .orCondition(String(text.dropFirst(5))) }
        return text == "else" ? .otherwise : text == "endif" ? .end : .other
    }

    private static func nextOpening(_ text: Substring) -> String.Index? {
        var rest = text
        while let brace = rest.firstIndex(of: "{") {
            let next = rest.index(after: brace)
            guard next < rest.endIndex else { return nil }
            if "{%#".contains(rest[next]) { return brace }
            rest = rest[next...]
        }
        return nil
    }
}
