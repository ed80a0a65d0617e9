/// A part of a parsed document with its place; what an alias stands for has the place of its anchor.
public struct YAMLNode: Sendable, Hashable {
    public indirect enum Content: Sendable, Hashable {
        case scalar(YAMLScalar)
        case list([YAMLNode])
        /// Entries in the order of the text, with distinct keys.
        case map([YAMLEntry])
    }

    public var content: Content
    public var mark: Mark
    /// How many nodes this one is made of when every alias is written out.
    let weight: Int

    public init(content: Content, mark: Mark) {
        self.content = content
        self.mark = mark
        weight =
            switch content {
            case .scalar: 1
            case .list(let list): list.reduce(1) { $0 + $1.weight }
            case .map(let entries): entries.reduce(1) { $0 + 1 + $1.value.weight }
            }
    }

    public var scalar: YAMLScalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    public var list: [YAMLNode]? {
        if case .list(let list) = content { list } else { nil }
    }

    public var entries: [YAMLEntry]? {
        if case .map(let entries) = content { entries } else { nil }
    }

    /// Whether this is a plain `null`, `~` or nothing at all.
    public var isNull: Bool { scalar?.kind == .null }

    /// The value of a key; linear in the number of keys.
    public subscript(key: String) -> YAMLNode? {
        entries?.first { $0.key == key }?.value
    }

    /// Every scalar, keys left out, that YAML 1.1 and 1.2 read differently, in document order.
    public var ambiguousScalars: [YAMLNode] {
        switch content {
        case .scalar(let scalar): scalar.surprise == nil ? [] : [self]
        case .list(let list): list.flatMap(\.ambiguousScalars)
        case .map(let entries): entries.flatMap(\.value.ambiguousScalars)
        }
    }
}

/// A key and its value in a mapping.
public struct YAMLEntry: Sendable, Hashable {
    public var key: String
    /// Where the key stands.
    public var mark: Mark
    public var value: YAMLNode

    public init(key: String, mark: Mark, value: YAMLNode) {
        self.key = key
        self.mark = mark
        self.value = value
    }
}

extension YAMLValue {
    /// The node without its places; scalars that YAML 1.1 would take for something else stay text.
    public init(_ node: YAMLNode) {
        switch node.content {
        case .scalar(let scalar): self = YAMLValue(scalar)
        case .list(let list): self = .list(list.map(YAMLValue.init))
        case .map(let entries):
            var map = YAMLMap()
            for entry in entries { map[entry.key] = YAMLValue(entry.value) }
            self = .map(map)
        }
    }

    private init(_ scalar: YAMLScalar) {
        switch scalar.kind {
        case .null: self = .null
        case .bool: self = .bool(scalar.bool ?? false)
        case .int: self = scalar.int.map(YAMLValue.int) ?? scalar.double.map(YAMLValue.double) ?? .string(scalar.text)
        case .float: self = scalar.double.map(YAMLValue.double) ?? .string(scalar.text)
        case .string: self = .string(scalar.text)
        }
    }
}
