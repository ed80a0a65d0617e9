import Foundation
import YAML

/// Walks a value along a schema: unknown fields, missing ones, wrong types and values outside an enumeration.
///
/// Stricter than the schemas are: a field that `properties` does not name is refused even where nothing forbids it.
struct SchemaWalk {
    let schema: [String: Any]
    let definitions: [String: [String: Any]]

    init(_ schema: [String: Any], definitions: [String: [String: Any]] = [:]) {
        self.schema = schema
        self.definitions = definitions
    }

    func problems(_ value: YAMLValue, beyond allowed: Set<String> = []) -> [String] {
        walk(value, schema, "").filter { !allowed.contains($0.path) }.map { "\($0.path): \($0.what)" }
    }

    private typealias Problem = (path: String, what: String)

    private func walk(_ value: YAMLValue, _ schema: [String: Any], _ path: String) -> [Problem] {
        if let reference = schema["$ref"] as? String, let name = reference.split(separator: "/").last {
            return walk(value, definitions[String(name)] ?? [:], path)
        }
        for key in ["oneOf", "anyOf"] {
            if let choices = schema[key] as? [[String: Any]], !choices.isEmpty {
                return choices.map { walk(value, $0, path) }.min { $0.count < $1.count } ?? []
            }
        }
        let types = (schema["type"] as? String).map { [$0] } ?? schema["type"] as? [String] ?? []
        if !types.isEmpty, !types.contains(where: { fits(value, $0) }) {
            return [(path, "is no \(types.joined(separator: " or "))")]
        }
        if let choices = schema["enum"] as? [Any], let text = value.string,
            !choices.contains(where: { $0 as? String == text })
        {
            return [(path, "'\(text)' is not allowed")]
        }
        switch value {
        case .map(let map): return walk(map, schema, path)
        case .list(let list):
            let items = schema["items"] as? [String: Any] ?? [:]
            return list.enumerated().flatMap { walk($0.element, items, "\(path)[\($0.offset)]") }
        default: return []
        }
    }

    private func walk(_ map: YAMLMap, _ schema: [String: Any], _ path: String) -> [Problem] {
        let properties = schema["properties"] as? [String: Any]
        let others = schema["additionalProperties"] as? [String: Any]
        let isOpen = properties == nil || schema["x-kubernetes-preserve-unknown-fields"] as? Bool == true
        var problems: [Problem] = []
        for (key, value) in map {
            let inner = path.isEmpty ? key : "\(path).\(key)"
            if let property = properties?[key] as? [String: Any] {
                problems += walk(value, property, inner)
            } else if let others {
                problems += walk(value, others, inner)
            } else if !isOpen {
                problems.append((inner, "is not known"))
            }
        }
        for key in schema["required"] as? [String] ?? [] where map[key] == nil {
            problems.append((path, "lacks \(key)"))
        }
        return problems
    }

    private func fits(_ value: YAMLValue, _ type: String) -> Bool {
        switch value {
        case .null: type == "null"
        case .bool: type == "boolean"
        case .int: type == "integer" || type == "number"
        case .double: type == "number"
        case .string: type == "string"
        case .list: type == "array"
        case .map: type == "object"
        }
    }

    /// A value as Foundation's JSON has it.
    static func plain(_ value: YAMLValue) -> Any {
        switch value {
        case .null: NSNull()
        case .bool(let bool): bool
        case .int(let int): int
        case .double(let double): double
        case .string(let text): text
        case .list(let list): list.map(plain)
        case .map(let map): Dictionary(uniqueKeysWithValues: map.map { ($0.key, plain($0.value)) })
        }
    }
}
