import YAML

/// Turns the hosts and variables of an Ansible inventory into an inventory, value by value, and keeps account of what was
/// not taken.
struct AnsibleMapping {
    /// A value with the variable that it comes from.
    struct Found {
        var value: AnsibleValue
        var variable: AnsibleVariable

        var origin: String { variable.origin }
        var text: String? { value.text.map(\.trimmed).flatMap { $0.isEmpty ? nil : $0 } }
        var yaml: YAMLValue { value.yaml ?? .null }
    }

    let inventory: AnsibleInventory
    let layout: AnsibleLayout
    let options: AnsibleImport.Options
    private let variables: [String: AnsibleInventory.Variables]
    private var evaluations: [String: AnsibleEvaluation] = [:]
    private(set) var notes: [ImportNote]
    private var noted: Set<ImportNote> = []
    /// The variables that something was made of, or that were reported.
    private var used: Set<String> = []

    init(
        _ inventory: AnsibleInventory, _ layout: AnsibleLayout, _ options: AnsibleImport.Options, _ notes: [ImportNote]
    ) {
        self.inventory = inventory
        self.layout = layout
        self.options = options
        self.notes = notes
        variables = inventory.variables()
    }

    var nodes: [String] { layout.controlPlane + layout.workers }
    var primary: String { layout.controlPlane[0] }

    // MARK: Variables

    /// The value of the first of these variables that the host has, if all of it is known.
    ///
    /// - Parameter isQuiet: whether nothing is said where it is not known, because something else stands in for it
    mutating func take(_ names: [String], of host: String, isQuiet: Bool = false) -> Found? {
        used.formUnion(names)
        for name in names {
            guard let variable = variables[host]?[name], !variable.node.isNull else { continue }
            let value = evaluate(variable, of: host)
            if value.isKnown { return Found(value: value, variable: variable) }
            if !isQuiet { leave(variable, Self.unknown(variable)) }
        }
        return nil
    }

    /// As `take`, for what is one for the whole cluster: the primary's, or else the first node's that has one.
    mutating func shared(_ names: String...) -> Found? {
        used.formUnion(names)
        for host in nodes {
            guard names.contains(where: { variables[host]?[$0] != nil }) else { continue }
            guard let found = take(names, of: host) else { return nil }
            let name = found.variable.name
            let differs = nodes.contains { other in
                variables[other]?[name].map { YAMLValue($0.node) != YAMLValue(found.variable.node) } ?? false
            }
            if differs { leave(found.variable, "it differs between nodes; that of \(host) was taken") }
            return found
        }
        return nil
    }

    /// The raw variable, where its value is of no matter.
    mutating func raw(_ names: String...) -> AnsibleVariable? {
        used.formUnion(names)
        for host in nodes {
            if let variable = raw(anyOf: names, of: host) { return variable }
        }
        return nil
    }

    func raw(_ name: String, of host: String) -> AnsibleVariable? { variables[host]?[name] }

    func raw(anyOf names: [String], of host: String) -> AnsibleVariable? {
        for name in names {
            if let variable = variables[host]?[name] { return variable }
        }
        return nil
    }

    mutating func use(_ names: some Sequence<String>) { used.formUnion(names) }

    /// A value of which parts may be holes.
    mutating func evaluate(_ variable: AnsibleVariable, of host: String) -> AnsibleValue {
        let evaluation = evaluations[host] ?? AnsibleEvaluation(inventory, all: variables, host: host)
        evaluations[host] = evaluation
        let value = evaluation.value(of: variable)
        // What is part of something that is known, or of arguments, is taken with it.
        if value.isKnown || value.text != nil { used.formUnion(evaluation.consulted) }
        return value
    }

    static func unknown(_ variable: AnsibleVariable) -> String {
        variable.isSealed ? "it is encrypted by ansible-vault" : "a template that is not evaluated here"
    }

    mutating func leave(_ variable: AnsibleVariable, _ why: String) {
        note(variable.place, "'\(variable.name)' was not mapped", why)
    }

    mutating func note(_ place: SourcePlace, _ what: String, _ why: String) {
        let note = ImportNote(place: place, what: what.onOneLine, why: why.onOneLine)
        if noted.insert(note).inserted { notes.append(note) }
    }

    /// Every variable that nothing asked for, once by its name.
    private mutating func leaveTheRest() {
        var seen = used
        for variable in inventory.allVariables where seen.insert(variable.name).inserted {
            if AnsibleLeftOver.isOfAnsible(variable.name) { continue }
            leave(variable, AnsibleLeftOver.reason(variable.name))
        }
    }

    // MARK: The inventory

    mutating func imported() -> ImportedInventory {
        var root = ImportedMap()
        root.set("version", .scalar(1))
        setName(&root)
        let nodes = importedNodes()
        root.set("ssh", .map(nodes.ssh))
        let arguments = importedArguments()
        root.set("k3s", .map(k3s(arguments)))
        root.set("network", .map(network(arguments)))
        root.set("cilium", .map(cilium()))
        root.set("endpoint", .map(endpoint(nodes)))
        root.set("defaults", .map(defaults(arguments)))
        for (group, hosts) in groups(nodes, arguments) { root.set(group, .map(hosts)) }
        setBGP(&root)
        leaveTheRest()
        notes = notes.sortedByPlace
        return ImportedInventory(layout: layout.kind.rawValue, text: text(root), notes: notes)
    }

    private mutating func setName(_ root: inout ImportedMap) {
        let found = shared("cluster_context", "k3s_cluster_name", "cluster_name")
        if let name = options.name { return root.set("name", .scalar(.string(name))) }
        if let found, let text = found.text, TextFormCheck.problem(text, .clusterName) == nil {
            return root.set("name", .scalar(.string(text)), found.origin)
        }
        root.set("name", .scalar("cluster"), "Ansible has no name for it")
    }

    private func text(_ root: ImportedMap) -> String {
        var lines = [
            "# Made by 'clusterctl import ansible' of \(place(of: primary).file.onOneLine) (\(layout.kind.rawValue)). After '#' stands",
            "# where a value comes from; what was not mapped is listed at the end. Next is 'clusterctl validate FILE'.",
            "# This is for a new cluster. clusterctl does not take over one that Ansible made: on machines that have one it",
            "# stops, and removing K3s there destroys that cluster and what is in it.",
        ]
        if !layout.isK3s {
            lines.append(
                "# What kubespray sets up is no K3s: this is for a new cluster on these machines, not for the one on them."
            )
        }
        lines += root.lines()
        if !notes.isEmpty {
            lines += ["", "# Not mapped:"]
            lines += notes.map { "#   \($0.place.file):\($0.place.line) \($0.what): \($0.why)".onOneLine }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    func place(of host: String) -> SourcePlace {
        inventory.hosts[host]?.place ?? SourcePlace(file: "", line: 1, column: 1)
    }
}

extension [ImportNote] {
    fileprivate var sortedByPlace: [ImportNote] {
        sorted { ($0.place, $0.what, $0.why) < ($1.place, $1.what, $1.why) }
    }
}
