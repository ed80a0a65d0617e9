/// Writes the reference page from the description of the fields.
enum MarkdownReference {
    static func text() -> String {
        var page = """
            # Inventory reference

            Every key of an inventory. This page is written from the description that the reader itself uses; a test
            holds it to that, and `UPDATE_CASES=1 swift test --filter InventoryTests` writes it anew.

            Durations are a whole number and `ms`, `s`, `m` or `h`, such as `90s`. Names and addresses of nodes may have
            ranges and lists in brackets: `"rack1-[01-20]"` with `"10.42.67.[101-120]"`, `"r[1-2]-[a,b]"`,
            `"fd00::[1-1f]"` (IPv6 counts in hexadecimal). What stands rightmost changes fastest, and names and
            addresses are paired in order. Relative paths count from the folder of the inventory.

            A setting of a node wins over that of its group (`defaults.dpus`, ...), which wins over `defaults.all`,
            which wins over the top level. Labels and K3s keys are merged key by key; lists are replaced.


            """
        var written: Set<String> = []
        var queue = [InventoryFields.root]
        while !queue.isEmpty {
            let object = queue.removeFirst()
            guard written.insert(object.definitionName).inserted else { continue }
            page += section(object)
            queue += object.fields.flatMap(\.type.objects)
        }
        return page + "\n## Diagnostics\n\n" + diagnostics()
    }

    private static func section(_ object: ObjectType) -> String {
        var text = "## \(object.name.prefix(1).uppercased() + object.name.dropFirst())\n\n"
        if object.isChoice { text += "Exactly one of these.\n\n" }
        for group in object.exclusive {
            text += "At most one of \(group.map { "`\($0)`" }.joined(separator: ", ")).\n\n"
        }
        text += "| key | holds | meaning | default |\n| --- | --- | --- | --- |\n"
        for field in object.fields {
            let standard = field.isRequired ? "**required**" : field.standard ?? ""
            let example = field.example.map { " (`\($0)`)" } ?? ""
            let cells = ["`\(field.name)`", field.type.reference, field.summary + example, standard]
            text +=
                "| " + cells.map { $0.split(separator: "|").joined(separator: "\\|") }.joined(separator: " | ") + " |\n"
        }
        return text + "\n"
    }

    private static func diagnostics() -> String {
        let codes = DiagnosticCode.allCases.filter { !$0.isOfLintAlone && !$0.isOfImportAlone }
        let lines = codes.map { "- `\($0.rawValue)` (\($0.severity.rawValue))" }
        return "What reading an inventory can report; every report says why it matters and what to write instead.\n\n"
            + lines.joined(separator: "\n") + "\n"
    }
}

extension FieldType {
    /// The maps with fixed keys that this type is made of.
    fileprivate var objects: [ObjectType] {
        switch self {
        case .object(let object): [object]
        case .list(let type), .nonEmptyList(let type), .oneOrMore(let type), .map(_, let type): type.objects
        case .either(let types): types.flatMap(\.objects)
        case .secret: [InventoryFields.secret]
        case .text, .boolean, .integer, .number, .duration, .choice, .free: []
        }
    }

    /// What the reference says that a key holds.
    fileprivate var reference: String {
        switch self {
        case .object(let object): "[\(object.name)](#\(object.anchor))"
        case .either(let types): types.map(\.reference).joined(separator: ", or ")
        case .secret(let kind):
            (kind.mayBeAsked ? "`ask`, or " : "") + FieldType.object(InventoryFields.secret).reference
        case .list(let type), .nonEmptyList(let type): "a list: \(type.reference)"
        case .oneOrMore(let type): "\(type.reference), or a list of those"
        case .map(_, let type): "a map: \(type.reference)"
        case .free(.k3sServer): "keys of `k3s server`'s configuration"
        case .free(.k3sAgent): "keys of `k3s agent`'s configuration"
        case .free(.ciliumValues): "values of Cilium's chart"
        case .free(.chartValues): "values of the chart"
        case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: ", ")
        case .text, .boolean, .integer, .number, .duration: wanted
        }
    }
}

extension ObjectType {
    /// The anchor that the usual renderers give the heading.
    fileprivate var anchor: String { name.lowercased().split(separator: " ").joined(separator: "-") }
}
