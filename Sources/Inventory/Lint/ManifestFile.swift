/// A file that `lint --manifests` looks at.
public struct ManifestFile: Sendable {
    public enum Content: Sendable {
        case bytes([UInt8])
        /// Why it could not be read, in the words of the operating system.
        case unreadable(String)
    }

    /// What findings show.
    public var path: String
    public var content: Content

    public init(path: String, content: Content) {
        self.path = path
        self.content = content
    }
}
