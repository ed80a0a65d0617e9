import YAML

/// What a variable stands for once its templates are filled in, as far as that could be done.
indirect enum AnsibleValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(Int)
    case text(String)
    case list([AnsibleValue])
    case map([Entry])
    /// Nothing of that name is set.
    case undefined
    /// A template that is not evaluated here, or something that only the machines know.
    case unknown
    /// Jinja's `groups` and `hostvars`, and one entry of the latter.
    case groups
    case hostVariables
    case variables(ofHost: String)

    struct Entry: Sendable, Hashable {
        var key: String
        var value: AnsibleValue
    }

    /// Stands in a text for a part that is not known.
    static let hole: Character = "\u{FFFC}"

    /// The text that a template puts in its place; numbers and truths as Python writes them.
    var text: String? {
        switch self {
        case .text(let text): text
        case .number(let number): String(number)
        case .bool(let bool): bool ? "True" : "False"
        case .null: ""
        case .list, .map, .undefined, .unknown, .groups, .hostVariables, .variables: nil
        }
    }

    /// Whether no part of it is unknown.
    var isKnown: Bool {
        switch self {
        case .text(let text): !text.contains(AnsibleValue.hole)
        case .list(let list): list.allSatisfy(\.isKnown)
        case .map(let entries): entries.allSatisfy(\.value.isKnown)
        case .null, .bool, .number: true
        case .undefined, .unknown, .groups, .hostVariables, .variables: false
        }
    }

    /// As Ansible's `bool` filter and YAML 1.1 take it.
    var bool: Bool? {
        switch self {
        case .bool(let bool): bool
        case .number(let number): number == 1 ? true : number == 0 ? false : nil
        case .text(let text):
            switch text.lowercased() {
            case "true", "yes", "on", "y", "t", "1": true
            case "false", "no", "off", "n", "f", "0", "": false
            default: nil
            }
        default: nil
        }
    }

    var number: Int? {
        switch self {
        case .number(let number): number
        case .text(let text): Int(text)
        default: nil
        }
    }

    /// As Python takes it in a condition; nil where it is not known.
    var isTrue: Bool? {
        switch self {
        case .null, .undefined: false
        case .bool(let bool): bool
        case .number(let number): number != 0
        case .text(let text): text.contains(AnsibleValue.hole) ? nil : !text.isEmpty
        case .list(let list): !list.isEmpty
        case .map(let entries): !entries.isEmpty
        case .groups, .hostVariables, .variables: true
        case .unknown: nil
        }
    }

    /// The texts of a list, or of one text; nil for anything else.
    var texts: [String]? {
        guard case .list(let list) = self else { return text.map { $0.isEmpty ? [] : [$0] } }
        let texts = list.compactMap(\.text)
        return texts.count == list.count ? texts : nil
    }

    /// For a file; nil where a part is not known.
    var yaml: YAMLValue? {
        switch self {
        case .null: return .null
        case .bool(let bool): return .bool(bool)
        case .number(let number): return .int(number)
        case .text(let text): return isKnown ? .string(text) : nil
        case .list(let list):
            let values = list.compactMap(\.yaml)
            return values.count == list.count ? .list(values) : nil
        case .map(let entries):
            var map = YAMLMap()
            for entry in entries {
                guard let value = entry.value.yaml else { return nil }
                map[entry.key] = value
            }
            return .map(map)
        case .undefined, .unknown, .groups, .hostVariables, .variables: return nil
        }
    }
}
