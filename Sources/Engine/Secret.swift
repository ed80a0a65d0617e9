/// A value that prints as `(secret)` wherever it goes and is read only where it is put into a program's standard input.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    public init(_ text: String) { self.text = text }

    public var description: String { "(secret)" }
    public var debugDescription: String { "(secret)" }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The text itself. Only the shell compiler asks for it, and what takes secrets out of texts.
    public func reveal() -> String { text }
}

/// Where the content of a secret file comes from; the plan knows this and never the content.
public enum SecretSource: Sendable, Hashable {
    /// Read by the controller when the run starts, from what the inventory refers to; `what` names it in the plan.
    case provided(what: String)
    /// Made on the node from its random device when the file is not there: so many bytes, printed as hexadecimal digits.
    case generated(bytes: Int)
    /// The content of the same kind of file on another node, read when it is needed.
    case copied(from: NodeName, path: String)
}
