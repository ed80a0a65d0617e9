/// The description of an inventory for other programs and for people.
public enum InventorySchema {
    /// A JSON Schema (draft 2020-12) for editors; what it accepts may still fail checks that need more than one value.
    public static func json() -> String {
        var writer = JSONSchemaWriter()
        let root = writer.schema(for: .object(InventoryFields.root))
        guard case .map(let entries) = root else { preconditionFailure("the schema of a map is a map") }
        let head: [(key: String, value: JSONText)] = [
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            ("title", .string("clusterctl inventory")),
        ]
        return JSONText.map(head + entries + [("$defs", .map(writer.definitions))]).text() + "\n"
    }

    /// The reference page of the inventory.
    public static func markdown() -> String { MarkdownReference.text() }
}

/// Turns the description of the fields into JSON Schema; maps that occur more than once become definitions.
struct JSONSchemaWriter {
    private(set) var definitions: [(key: String, value: JSONText)] = []

    mutating func schema(for type: FieldType) -> JSONText {
        switch type {
        case .text(let form): return text(form)
        case .boolean: return .map([("type", .string("boolean"))])
        case .integer(let range):
            return .map([
                ("type", .string("integer")), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ])
        case .number(let range):
            return .map([
                ("type", .string("number")), ("minimum", .number(range.lowerBound)),
                ("maximum", .number(range.upperBound)),
            ])
        case .duration: return .map([("type", .string("string")), ("pattern", .string("^[0-9]{1,9}(ms|s|m|h)$"))])
        case .choice(let choices): return .map([("enum", .strings(choices))])
        case .list(let element): return list(element, isEmptyAllowed: true)
        case .nonEmptyList(let element): return list(element, isEmptyAllowed: false)
        case .oneOrMore(let element):
            return .map([("anyOf", .list([schema(for: element), list(element, isEmptyAllowed: false)]))])
        case .either(let types):
            var schemas: [JSONText] = []
            for type in types { schemas.append(schema(for: type)) }
            return .map([("anyOf", .list(schemas))])
        case .object(let object): return reference(to: object)
        case .secret(let kind):
            let source = reference(to: InventoryFields.secret)
            let asked = JSONText.map([("const", .string(SecretKind.asked))])
            return kind.mayBeAsked ? .map([("anyOf", .list([asked, source]))]) : source
        case .map(let keys, let values):
            return .map([
                ("type", .strings(["object", "null"])), ("propertyNames", text(keys)),
                ("additionalProperties", schema(for: values)),
            ])
        case .free(let form): return free(form)
        }
    }

    private func text(_ form: TextForm) -> JSONText {
        switch form {
        case .component: return .map([("enum", .strings(K3sKeys.components))])
        case .architecture: return .map([("enum", .strings(Architecture.allCases.map(\.rawValue)))])
        default: break
        }
        // A version such as 1.19 is a number to YAML, and labels may be numbers and booleans in the file.
        let types = form == .labelValue ? JSONText.strings(["string", "number", "boolean"]) : .string("string")
        return .map([("type", types)] + (form.pattern.map { [("pattern", .string($0))] } ?? []))
    }

    private mutating func list(_ element: FieldType, isEmptyAllowed: Bool) -> JSONText {
        let items = schema(for: element)
        return .map(
            [("type", .string("array")), ("items", items)] + (isEmptyAllowed ? [] : [("minItems", .integer(1))]))
    }

    private mutating func reference(to object: ObjectType) -> JSONText {
        if object.name == InventoryFields.root.name { return map(object) }
        let name = object.definitionName
        if !definitions.contains(where: { $0.key == name }) {
            definitions.append((name, .bool(true)))
            let schema = map(object)
            if let index = definitions.firstIndex(where: { $0.key == name }) { definitions[index].value = schema }
        }
        return .map([("$ref", .string("#/$defs/\(name)"))])
    }

    private mutating func map(_ object: ObjectType) -> JSONText {
        var properties: [(key: String, value: JSONText)] = []
        for field in object.fields {
            var description = field.summary + "."
            if let standard = field.standard { description += " Default: \(standard)." }
            var entries: [(key: String, value: JSONText)] = [("description", .string(description))]
            if case .map(let own) = schema(for: field.type) { entries += own }
            properties.append((field.name, .map(entries)))
        }
        let required = object.fields.filter(\.isRequired).map(\.name)
        var entries: [(key: String, value: JSONText)] = [
            ("type", .strings(required.isEmpty && !object.isChoice ? ["object", "null"] : ["object"])),
            ("properties", .map(properties)), ("additionalProperties", .bool(false)),
        ]
        if !required.isEmpty { entries.append(("required", .strings(required))) }
        if object.isChoice { entries += [("minProperties", .integer(1)), ("maxProperties", .integer(1))] }
        if !object.exclusive.isEmpty {
            // At most one of a group: not two of it.
            let pairs = object.exclusive.flatMap { group in
                group.indices.flatMap { first in
                    group[(first + 1)...].map { JSONText.map([("required", .strings([group[first], $0]))]) }
                }
            }
            entries.append(("not", .map([("anyOf", .list(pairs))])))
        }
        return .map(entries)
    }

    private func free(_ form: FreeForm) -> JSONText {
        switch form {
        case .k3sServer, .k3sAgent:
            let names = form == .k3sServer ? K3sKeys.serverNames : K3sKeys.agentNames
            let own = names.filter { K3sKeys.owned[$0] == nil }
            return .map([
                ("type", .strings(["object", "null"])),
                ("propertyNames", .map([("enum", .strings(own + own.map { $0 + "+" }))])),
            ])
        case .ciliumValues, .chartValues: return .map([("type", .strings(["object", "null"]))])
        }
    }
}

extension ObjectType {
    /// The name as one word, for a definition or an anchor.
    var definitionName: String { name.lowercased().split(separator: " ").filter { $0 != "a" }.joined(separator: "-") }
}
