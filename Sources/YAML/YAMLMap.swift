/// A map that keeps its entries in the order in which their keys first came; lookup takes constant time.
public struct YAMLMap: Sendable {
    public private(set) var keys: [String] = []
    private var storage: [String: YAMLValue] = [:]

    public init() {}

    public var count: Int { keys.count }
    public var isEmpty: Bool { keys.isEmpty }

    /// Setting a key that is there keeps its position; setting nil removes the key (linear in the number of keys).
    public subscript(key: String) -> YAMLValue? {
        get { storage[key] }
        set {
            let known = storage[key] != nil
            storage[key] = newValue
            if newValue == nil, known {
                keys.removeAll { $0 == key }
            } else if newValue != nil, !known {
                keys.append(key)
            }
        }
    }
}

extension YAMLMap: Sequence {
    public func makeIterator() -> AnyIterator<(key: String, value: YAMLValue)> {
        var position = keys.makeIterator()
        return AnyIterator {
            guard let key = position.next(), let value = storage[key] else { return nil }
            return (key, value)
        }
    }
}

extension YAMLMap: Hashable {
    /// Two maps are equal if they hold the same entries in the same order.
    public static func == (left: YAMLMap, right: YAMLMap) -> Bool {
        left.keys == right.keys && left.storage == right.storage
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(keys)
        hasher.combine(storage)
    }
}

extension YAMLMap: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, YAMLValue)...) {
        for (key, value) in elements { self[key] = value }
    }
}
