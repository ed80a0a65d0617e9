import YAML

/// Holds further keys of a K3s configuration against those that servers or agents have.
struct K3sConfigCheck {
    enum Role: String {
        case server
        case agent
    }

    let role: Role
    let path: String

    func check(_ entries: [YAMLEntry], _ findings: inout Findings) {
        for entry in entries {
            // K3s appends to a list with 'key+'.
            let key = entry.key.hasSuffix("+") ? String(entry.key.dropLast()) : entry.key
            let place = SourcePlace(file: findings.file, mark: entry.mark)
            if let problem = problem(with: key) {
                findings.add(problem, at: place)
            } else if let flag = K3sKeys.flags[key] {
                check(entry.value, flag, &findings)
            }
        }
    }

    private func problem(with key: String) -> K3sProblem? {
        if ["token", "agent-token"].contains(key) { return .tokenInClear(at: path.dotted(key)) }
        if let owner = K3sKeys.owned[key] { return .ownedKey(key, owner) }
        let flag = K3sKeys.flags[key]
        switch role {
        case .server:
            if flag?.isServer == true { return nil }
            return .unknownKey(key, role: "server", nearest: Nearest.match(key, in: K3sKeys.serverNames))
        case .agent:
            if flag?.isAgent == true { return nil }
            if flag != nil { return .serverKeyOnAgent(key) }
            return .unknownKey(key, role: "agent", nearest: Nearest.match(key, in: K3sKeys.agentNames))
        }
    }

    private func check(_ node: YAMLNode, _ flag: K3sKeys.Flag, _ findings: inout Findings) {
        let what = path.dotted(flag.name)
        for scalar in node.ambiguousScalars {
            let place = SourcePlace(file: findings.file, mark: scalar.mark)
            guard let content = scalar.scalar else { continue }
            if flag.type == .bool, content.surprise == .oldBoolean {
                findings.add(ShapeProblem.notABoolean(what: what, text: content.text, isQuoted: false), at: place)
            } else {
                findings.add(ShapeProblem.ambiguousText(what: what, text: content.text, content.surprise), at: place)
            }
            return
        }
        if flag.type.admits(node) { return }
        let problem = K3sProblem.valueType(key: what, wanted: flag.type.wanted, found: node.found)
        findings.add(problem, at: SourcePlace(file: findings.file, mark: node.mark))
    }
}

extension K3sKeys.ValueType {
    fileprivate func admits(_ node: YAMLNode) -> Bool {
        switch self {
        case .bool: node.scalar?.bool != nil
        case .int: node.scalar?.int != nil
        case .string: node.scalar.map { $0.kind != .null } ?? false
        case .duration: node.scalar?.kind == .string
        case .list:
            node.list?.allSatisfy { $0.scalar.map { $0.kind != .null } ?? false } ?? (node.scalar?.kind == .string)
        }
    }

    fileprivate var wanted: String {
        switch self {
        case .bool: "true or false"
        case .int: "a whole number"
        case .string: "a text"
        case .duration: "a duration such as 10m0s"
        case .list: "a list of texts"
        }
    }
}
