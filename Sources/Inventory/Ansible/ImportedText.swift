import YAML

/// A part of an inventory that is being written, with what each value comes from as a comment.
struct ImportedMap: Sendable {
    enum Value: Sendable {
        case scalar(YAMLValue)
        /// On the line of its key, in brackets.
        case flow(YAMLValue)
        /// Below its key.
        case block(YAMLValue)
        case map(ImportedMap)
        /// What somebody has to fill in: `validate` refuses it.
        case missing
    }

    struct Entry: Sendable {
        var key: String
        var value: Value
        /// Where it comes from, or what is to be known about it.
        var comment: String?
    }

    private(set) var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }

    mutating func set(_ key: String, _ value: Value, _ comment: String? = nil) {
        if case .map(let map) = value, map.isEmpty { return }
        entries.append(Entry(key: key, value: value, comment: comment))
    }

    // MARK: Text

    func lines(indentation: Int = 0) -> [String] {
        let blanks = String(repeating: " ", count: indentation)
        return entries.flatMap { entry in
            let head = blanks + ImportedMap.scalar(entry.key) + ":"
            let comment = entry.comment.map { "  # " + $0.onOneLine } ?? ""
            switch entry.value {
            case .scalar(let value): return [head + " " + ImportedMap.flow(value) + comment]
            case .flow(let value): return [head + " " + ImportedMap.flow(value) + comment]
            case .missing: return [head + " FILL-IN" + comment]
            case .map(let map): return [head + comment] + map.lines(indentation: indentation + 2)
            case .block(let value):
                let isEmpty = value.map?.isEmpty ?? value.list?.isEmpty ?? true
                if isEmpty { return [head + " " + ImportedMap.flow(value) + comment] }
                let below = value.yamlText().split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                return [head + comment] + below.map { $0.isEmpty ? "" : blanks + "  " + $0 }
            }
        }
    }

    private static func flow(_ value: YAMLValue) -> String {
        switch value {
        case .list(let list): return "[" + list.map(flow).joined(separator: ", ") + "]"
        case .map(let map):
            return "{" + map.map { "\(scalar($0.key)): \(flow($0.value))" }.joined(separator: ", ") + "}"
        case .string(let text): return scalar(text)
        case .null, .bool, .int, .double: return value.yamlText().trimmed
        }
    }

    /// Plain where every reader takes it for this text, also between brackets.
    private static func scalar(_ text: String) -> String {
        let plain = YAMLScalar(text: text, style: .plain)
        let isPlain =
            plain.kind == .string && plain.surprise == nil && text.first != "-" && text.first != "@"
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || "_./@+=-~".utf8.contains(byte)
            } && text.first != "=" && text.first != "~"
            || text.hasPrefix("~/") && !text.contains(" ")
                && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"#:,[]{}\"'&*!|>%`".utf8.contains($0) }
        return isPlain ? text : text.quotedForYAML
    }
}

/// Something of the Ansible files that the inventory does not say, with the reason.
public struct ImportNote: Sendable, Hashable, CustomStringConvertible {
    public var place: SourcePlace
    public var what: String
    public var why: String

    public var description: String { "\(place): note: \(what): \(why)".onOneLine }
}

/// An inventory made of an Ansible one.
public struct ImportedInventory: Sendable, Hashable {
    /// The layout that was recognized, in words.
    public var layout: String
    /// The inventory, with comments.
    public var text: String
    /// What was not mapped, in the order of the files.
    public var notes: [ImportNote]
}
