import YAML

/// Holds a document against the description of its fields and reports everything that does not fit.
///
/// What fits is taken up afterwards by the readers in this folder, which skip what was reported here.
struct SchemaCheck {
    private(set) var findings: Findings

    init(file: String) { findings = Findings(file: file) }

    /// - Parameter path: the dotted path of the node, for messages.
    mutating func check(_ node: YAMLNode, _ type: FieldType, path: String) {
        switch type {
        case .text(let form): checkText(node, form, type, path)
        case .boolean: checkBoolean(node, path)
        case .integer(let range): checkNumber(node, type, path) { $0.int.map(range.contains) }
        case .number(let range): checkNumber(node, type, path) { $0.double.map(range.contains) }
        case .duration(let range): checkDuration(node, range, path)
        case .choice(let choices): checkChoice(node, choices, path)
        case .list(let element), .nonEmptyList(let element):
            guard let list = node.list else { return wrongType(node, type, path) }
            check(list, of: element, in: node, type, path)
        case .oneOrMore(let element):
            guard let list = node.list else { return check(node, element, path: path) }
            check(list, of: element, in: node, type, path)
        case .object(let object): check(node, object, path)
        case .map(let keys, let values): checkMap(node, keys: keys, values: values, path)
        case .free(let form): checkFree(node, form, path)
        case .either(let types): checkEither(node, types, path)
        case .secret(let kind): checkSecret(node, kind, path)
        }
    }

    private mutating func check(
        _ list: [YAMLNode], of element: FieldType, in node: YAMLNode, _ type: FieldType, _ path: String
    ) {
        if list.isEmpty, !type.admitsEmptyList { wrongType(node, type, path, found: "an empty list") }
        for (index, item) in list.enumerated() { check(item, element, path: "\(path)[\(index)]") }
    }

    private mutating func check(_ node: YAMLNode, _ object: ObjectType, _ path: String) {
        guard let entries = node.isNull ? [] : node.entries else {
            return wrongType(node, .object(object), path)
        }
        let owner = path.isEmpty ? object.name : "'\(path)'"
        var found: Set<String> = []
        for entry in entries {
            guard let field = object.field(entry.key) else {
                let names = object.fields.map(\.name)
                let nearest = Nearest.match(entry.key, in: names)
                report(ShapeProblem.unknownKey(entry.key, owner: owner, nearest: nearest, known: names), entry.mark)
                continue
            }
            found.insert(entry.key)
            // A key that nothing stands behind counts as left out, unless it is a map that may be empty.
            if entry.value.isNull, entry.value.scalar?.text.isEmpty == true, !field.type.mayBeEmpty {
                report(
                    ShapeProblem.wrongType(
                        what: "'\(path.dotted(entry.key))'", wanted: field.type.wanted, found: "empty"),
                    entry.value.mark)
                continue
            }
            check(entry.value, field.type, path: path.dotted(entry.key))
        }
        checkCompleteness(of: node, object, owner: owner, found: found)
    }

    private mutating func checkCompleteness(
        of node: YAMLNode, _ object: ObjectType, owner: String, found: Set<String>
    ) {
        if object.isChoice, found.count != 1 {
            let choices = object.fields.map(\.name)
            let chosen = choices.filter(found.contains)
            if found.isEmpty, !(node.entries ?? []).isEmpty { return }
            return report(ShapeProblem.chooseOne(owner: owner, choices: choices, found: chosen), node.mark)
        }
        for group in object.exclusive {
            let chosen = group.filter(found.contains)
            if chosen.count > 1 {
                report(ShapeProblem.chooseOne(owner: owner, choices: group, found: chosen), node.mark)
            }
        }
        for field in object.fields
        where field.isRequired && !field.isMissedElsewhere && !found.contains(field.name) {
            report(ShapeProblem.missingKey(field.name, owner: owner, example: field.example), node.mark)
        }
    }

    private mutating func checkMap(_ node: YAMLNode, keys: TextForm, values: FieldType, _ path: String) {
        guard let entries = node.isNull ? [] : node.entries else {
            return wrongType(node, .map(keys: keys, values: values), path)
        }
        for entry in entries {
            if let problem = TextFormCheck.problem(entry.key, keys) {
                report(problem, entry.mark)
            } else if keys == .labelKey, ReservedLabels.isReserved(entry.key) {
                let isRole = entry.key.hasPrefix("node-role.kubernetes.io/")
                report(NodeProblem.reservedLabel(entry.key, isRole: isRole), entry.mark)
            }
            check(entry.value, values, path: path.dotted(entry.key))
        }
    }

    private mutating func checkEither(_ node: YAMLNode, _ types: [FieldType], _ path: String) {
        if node.list != nil || node.isNull { return wrongType(node, .either(types), path) }
        let isMap = node.entries != nil
        // Where a text may stand too, only what reads as a boolean is one.
        let isText = node.scalar.map { !$0.looksBoolean } ?? false
        let fitting = types.filter { $0.isMap == isMap }
        guard let type = fitting.first(where: { !(isText && $0.isBoolean) }) ?? fitting.first else {
            return wrongType(node, .either(types), path)
        }
        check(node, type, path: path)
    }

    /// What is no reference is taken for the secret itself, and not shown.
    private mutating func checkSecret(_ node: YAMLNode, _ kind: SecretKind, _ path: String) {
        if let scalar = node.scalar, !node.isNull {
            if kind.mayBeAsked && scalar.text == SecretKind.asked { return }
            return report(SecretProblem.inClear(at: path, kind), node.mark)
        }
        let inClear = (node.entries ?? []).filter { ["value", "token", "secret", "password"].contains($0.key) }
        for entry in inClear { report(SecretProblem.inClear(at: path.dotted(entry.key), kind), entry.mark) }
        if inClear.isEmpty { check(node, InventoryFields.secret, path) }
    }

    private mutating func checkFree(_ node: YAMLNode, _ form: FreeForm, _ path: String) {
        guard let entries = node.isNull ? [] : node.entries else { return wrongType(node, .free(form), path) }
        switch form {
        case .k3sServer, .k3sAgent:
            let check = K3sConfigCheck(role: form == .k3sServer ? .server : .agent, path: path)
            check.check(entries, &findings)
        case .ciliumValues:
            CiliumValuesCheck.check(entries, &findings)
        case .chartValues:
            ChartValuesCheck.check(node, path, &findings)
        }
    }

    mutating func report(_ problem: some InventoryProblem, _ mark: Mark) {
        findings.add(problem, at: SourcePlace(file: findings.file, mark: mark))
    }

    mutating func wrongType(_ node: YAMLNode, _ type: FieldType, _ path: String, found: String? = nil) {
        let found = found ?? node.found
        let what = path.isEmpty ? "the inventory" : "'\(path)'"
        report(ShapeProblem.wrongType(what: what, wanted: type.wanted, found: found), node.mark)
    }
}

extension FieldType {
    /// Whether `key:` with nothing behind it means an empty map.
    fileprivate var mayBeEmpty: Bool {
        switch self {
        case .map, .free, .object: true
        default: false
        }
    }

    fileprivate var admitsEmptyList: Bool {
        if case .list = self { true } else { false }
    }

    fileprivate var isBoolean: Bool {
        if case .boolean = self { true } else { false }
    }

    fileprivate var isMap: Bool {
        switch self {
        case .object, .map, .free: true
        default: false
        }
    }
}

extension String {
    func dotted(_ key: String) -> String { isEmpty ? key : "\(self).\(key)" }
}

extension YAMLNode {
    /// What stands here, for messages.
    var found: String {
        switch content {
        case .list: "a list"
        case .map: "a map"
        case .scalar(let scalar):
            switch scalar.kind {
            case .null: "empty"
            case .bool, .int, .float: scalar.text
            case .string: "the text '\(scalar.text)'"
            }
        }
    }
}
