/// The name of a node as the inventory gives it; a DNS label, checked by the inventory's reader.
public struct NodeName: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let rawValue: String

    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { self.rawValue = value }

    public var description: String { rawValue }
    public static func < (left: NodeName, right: NodeName) -> Bool { left.rawValue < right.rawValue }
}

/// The kebab-case name of a phase, the same in code, plan, output and docs.
public struct PhaseID: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let rawValue: String

    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { self.rawValue = value }

    public var description: String { rawValue }
    public static func < (left: PhaseID, right: PhaseID) -> Bool { left.rawValue < right.rawValue }
}
