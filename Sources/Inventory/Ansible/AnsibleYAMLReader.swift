import YAML

/// Reads inventories and files of variables in YAML.
enum AnsibleYAMLReader {
    /// What ansible-vault begins an encrypted file with.
    static let vault = "$ANSIBLE_VAULT;"

    /// The hosts and groups of a file.
    static func inventory(_ file: AnsibleFile, _ inventory: inout AnsibleInventory, _ findings: inout Findings) {
        guard let text = read(file, &findings) else { return }
        guard let groups = text.root.entries else {
            if text.root.isNull { return }
            return findings.add(
                AnsibleProblem.shape(what: "the file", wanted: "a map of groups"), at: text.place(text.root.mark))
        }
        for group in groups { add(group, text, &inventory, &findings) }
    }

    private static func add(
        _ entry: YAMLEntry, _ text: Text, _ inventory: inout AnsibleInventory, _ findings: inout Findings
    ) {
        let name = entry.key
        inventory.addGroup(name)
        if entry.value.isNull { return }
        guard let keys = entry.value.entries else {
            let problem = AnsibleProblem.shape(
                what: "group '\(name)'", wanted: "a map of 'hosts', 'vars' and 'children'")
            return findings.add(problem, at: text.place(entry.value.mark))
        }
        for key in keys {
            guard ["hosts", "vars", "children"].contains(key.key) else {
                findings.add(AnsibleProblem.unexpectedKey(group: name, key: key.key), at: text.place(key.mark))
                continue
            }
            if key.value.isNull { continue }
            guard let entries = key.value.entries else {
                let problem = AnsibleProblem.shape(what: "'\(key.key)' of group '\(name)'", wanted: "a map by name")
                findings.add(problem, at: text.place(key.value.mark))
                continue
            }
            switch key.key {
            case "hosts": add(hosts: entries, to: name, text, &inventory, &findings)
            case "vars": inventory.add(text.variables(entries), toGroup: name)
            default:
                for child in entries {
                    inventory.addChild(child.key, to: name)
                    add(child, text, &inventory, &findings)
                }
            }
        }
    }

    private static func add(
        hosts: [YAMLEntry], to group: String, _ text: Text, _ inventory: inout AnsibleInventory,
        _ findings: inout Findings
    ) {
        for host in hosts {
            let place = text.place(host.mark)
            guard let names = AnsibleRange.names(host.key) else {
                findings.add(AnsibleProblem.range(host.key), at: place)
                continue
            }
            guard host.value.isNull || host.value.entries != nil else {
                let problem = AnsibleProblem.shape(what: "host '\(host.key)'", wanted: "a map of variables")
                findings.add(problem, at: text.place(host.value.mark))
                continue
            }
            let variables = text.variables(host.value.entries ?? [])
            for name in names {
                guard inventory.addHost(name, to: group, at: place) else {
                    return findings.addOnce(AnsibleProblem.tooManyHosts(limit: AnsibleInventory.limit), at: place)
                }
                inventory.add(variables, toHost: name)
            }
        }
    }

    /// The variables of a file, and whether all of it is encrypted.
    static func variables(_ file: AnsibleFile, _ findings: inout Findings) -> (
        variables: [AnsibleVariable], isSealed: Bool
    ) {
        if file.bytes.starts(with: vault.utf8) { return ([], true) }
        guard let text = read(file, &findings) else { return ([], false) }
        guard let entries = text.root.entries else {
            if !text.root.isNull {
                let problem = AnsibleProblem.shape(what: "the file", wanted: "a map of variables")
                findings.add(problem, at: text.place(text.root.mark))
            }
            return ([], false)
        }
        return (text.variables(entries), false)
    }

    private static func read(_ file: AnsibleFile, _ findings: inout Findings) -> Text? {
        let (document, problems) = YAMLDocument.read(file.bytes, file: file.path)
        var sealed: Set<Mark> = []
        var raw: Set<Mark> = []
        for problem in problems {
            switch problem.kind {
            case .unknownTag("!vault"), .unknownTag("!vault-encrypted"): sealed.insert(problem.mark)
            case .unknownTag("!unsafe"): raw.insert(problem.mark)
            default: findings.add(ShapeProblem.yaml(problem), at: SourcePlace(file: file.path, mark: problem.mark))
            }
        }
        return document.map { Text(file: file.path, root: $0.root, sealed: sealed, raw: raw) }
    }

    private struct Text {
        let file: String
        let root: YAMLNode
        let sealed: Set<Mark>
        let raw: Set<Mark>

        func place(_ mark: Mark) -> SourcePlace { SourcePlace(file: file, mark: mark) }

        func variables(_ entries: [YAMLEntry]) -> [AnsibleVariable] {
            entries.map { entry in
                AnsibleVariable(
                    name: entry.key, node: entry.value, place: place(entry.mark),
                    isSealed: !sealed.isEmpty && Text.has(sealed, entry.value), isRaw: raw.contains(entry.value.mark))
            }
        }

        private static func has(_ marks: Set<Mark>, _ node: YAMLNode) -> Bool {
            if marks.contains(node.mark) { return true }
            return switch node.content {
            case .scalar: false
            case .list(let list): list.contains { has(marks, $0) }
            case .map(let entries): entries.contains { has(marks, $0.value) }
            }
        }
    }
}
