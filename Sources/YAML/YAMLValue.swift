/// A value without places or styles: what is written to a file, or kept of a free-form part of an inventory.
public indirect enum YAMLValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([YAMLValue])
    case map(YAMLMap)
}

extension YAMLValue {
    /// The entries if this is a map.
    public var map: YAMLMap? {
        if case .map(let map) = self { map } else { nil }
    }

    /// The elements if this is a list.
    public var list: [YAMLValue]? {
        if case .list(let list) = self { list } else { nil }
    }

    /// The text if this is a string; numbers and booleans are not turned into text.
    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The value at a dotted path such as `["hostFirewall", "enabled"]`, or nil where a step is missing.
    public subscript(path: [String]) -> YAMLValue? {
        var current = self
        for key in path {
            guard let next = current.map?[key] else { return nil }
            current = next
        }
        return current
    }

    /// The maps merged key by key with `over` winning; anything but two maps is replaced as a whole, lists too.
    public func merging(_ over: YAMLValue) -> YAMLValue {
        guard case .map(var result) = self, case .map(let other) = over else { return over }
        for (key, value) in other {
            result[key] = result[key].map { $0.merging(value) } ?? value
        }
        return .map(result)
    }
}

extension YAMLValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(arrayLiteral elements: YAMLValue...) { self = .list(elements) }
    public init(dictionaryLiteral elements: (String, YAMLValue)...) {
        var map = YAMLMap()
        for (key, value) in elements { map[key] = value }
        self = .map(map)
    }
}
