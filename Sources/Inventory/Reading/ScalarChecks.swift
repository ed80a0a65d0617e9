import YAML

extension SchemaCheck {
    mutating func checkText(_ node: YAMLNode, _ form: TextForm, _ type: FieldType, _ path: String) {
        guard let scalar = node.scalar else { return wrongType(node, type, path) }
        // A base-60 look is no danger in an address such as 10:20::1, which is held against its form anyway.
        let isAmbiguous = scalar.surprise != nil && !(scalar.surprise == .baseSixty && form.isStrict)
        if scalar.kind == .null || isAmbiguous {
            return report(ShapeProblem.ambiguousText(what: path, text: scalar.text, scalar.surprise), node.mark)
        }
        if let problem = TextFormCheck.problem(scalar.text, form) { report(problem, node.mark) }
    }

    mutating func checkBoolean(_ node: YAMLNode, _ path: String) {
        guard let scalar = node.scalar else { return wrongType(node, .boolean, path) }
        if scalar.bool != nil { return }
        if scalar.surprise == .oldBoolean || scalar.isQuotedBoolean {
            return report(
                ShapeProblem.notABoolean(what: path, text: scalar.text, isQuoted: scalar.style != .plain), node.mark)
        }
        wrongType(node, .boolean, path)
    }

    /// - Parameter isInRange: nil if the scalar is no such number.
    mutating func checkNumber(
        _ node: YAMLNode, _ type: FieldType, _ path: String, _ isInRange: (YAMLScalar) -> Bool?
    ) {
        guard let scalar = node.scalar else { return wrongType(node, type, path) }
        if scalar.surprise == .oldOctal {
            return report(ShapeProblem.octalNumber(what: path, text: scalar.text), node.mark)
        }
        guard let isInRange = isInRange(scalar) else { return wrongType(node, type, path) }
        if isInRange { return }
        if path == "version" { return report(ShapeProblem.unsupportedVersion(scalar.text), node.mark) }
        report(ShapeProblem.outOfRange(what: path, text: scalar.text, wanted: type.wanted), node.mark)
    }

    mutating func checkDuration(_ node: YAMLNode, _ range: ClosedRange<Duration>, _ path: String) {
        guard let scalar = node.scalar, !node.isNull else { return wrongType(node, .duration(range), path) }
        guard let duration = DurationText.parse(scalar.text) else {
            return report(ValueProblem.badDuration(scalar.text), node.mark)
        }
        if range.contains(duration) { return }
        let wanted = "a duration from \(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))"
        report(ShapeProblem.outOfRange(what: path, text: scalar.text, wanted: wanted), node.mark)
    }

    mutating func checkChoice(_ node: YAMLNode, _ choices: [String], _ path: String) {
        guard let scalar = node.scalar, !node.isNull else { return wrongType(node, .choice(choices), path) }
        if choices.contains(scalar.text) { return }
        let nearest = Nearest.match(scalar.text, in: choices)
        report(ShapeProblem.badChoice(what: path, text: scalar.text, choices: choices, nearest: nearest), node.mark)
    }
}

extension YAMLScalar {
    /// Whether this is a boolean, or was meant as one.
    var looksBoolean: Bool { bool != nil || surprise == .oldBoolean || isQuotedBoolean }

    /// Whether quotes made a text of what was meant as a boolean.
    var isQuotedBoolean: Bool {
        style != .plain && ["true", "false", "yes", "no", "on", "off"].contains(text.lowercased())
    }
}

extension TextForm {
    /// Whether the form leaves no doubt about what the text is.
    fileprivate var isStrict: Bool {
        switch self {
        case .address, .nodeAddress, .cidr, .interfaceAddress, .url, .hostKey, .jumpHost, .sshHost, .k3sVersion,
            .ciliumVersion, .checksum:
            true
        default: false
        }
    }
}
