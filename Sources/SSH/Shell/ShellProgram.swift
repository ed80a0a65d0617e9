import Engine

/// A complete POSIX shell program for the standard input of one `sh -s`; its text may hold secrets and is never logged.
public struct ShellProgram: Sendable, CustomStringConvertible, CustomReflectable {
    /// What goes to the node's standard input, as UTF-8.
    public let bytes: [UInt8]
    /// The word that starts each of its frames.
    public let nonce: String
    /// Whether it is heard of every two seconds while it runs; otherwise each of its answers takes half a minute at most.
    public let showsLife: Bool
    /// What can be its answer.
    public let expected: ExpectedFrames
    /// Whether nothing in it is secret, so that other users of the node may see it.
    let mayBeSeen: Bool

    /// More would not go into one SSH packet with all libraries and servers.
    private static let commandLimitBytes = 28 << 10

    /// A command line that runs it, where nothing in it is secret and it is short: what comes on standard input costs a
    /// round trip more, and shells that read it byte by byte. Needs a login that is root's already, as sudo logs
    /// command lines.
    public var commandLine: String? {
        guard mayBeSeen, bytes.count < Self.commandLimitBytes else { return nil }
        let line = "sh -c \(quoted(text))"
        return line.utf8.count < Self.commandLimitBytes ? line : nil
    }

    /// The same as text.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    public var description: String { "(shell program \(nonce), \(bytes.count) bytes)" }
    public var customMirror: Mirror { Mirror(self, children: ["nonce": nonce]) }

    /// Everything is one function that the last line calls, so that a text which was cut on its way does nothing.
    init(
        lines: [String], nonce: String, expecting expected: ExpectedFrames, showsLife: Bool = true,
        mayBeSeen: Bool = false
    ) throws(ShellError) {
        precondition(ShellProgram.isNonce(nonce), "a nonce is 8 to 64 letters and digits")
        let body = ([Prelude.text(for: lines), "begin \(quoted(nonce))"] + lines + ["finish"]).joined(separator: "\n")
        bytes = Array("clusterctl_program() {\n\(body)\n}\nclusterctl_program </dev/null\n".utf8)
        self.nonce = nonce
        self.expected = expected
        self.showsLife = showsLife
        self.mayBeSeen = mayBeSeen
        guard !bytes.contains(0) else { throw .zeroByte }
    }

    /// A fresh nonce of 32 hexadecimal digits.
    public static func makeNonce() -> String {
        var random = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(random.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    static func isNonce(_ text: String) -> Bool {
        (8...64).contains(text.utf8.count) && text.utf8.allSatisfy(isLetterOrDigit)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}

/// Why steps cannot be written as a shell program; always a mistake in what was given, never of the node.
public enum ShellError: Error, Sendable, Equatable {
    /// No shell word can carry a zero byte.
    case zeroByte
    /// The content of this secret was not given to `apply`.
    case missingSecret(SecretSource)
    /// The checksum of this artifact was not resolved before `apply`.
    case missingChecksum(artifact: String)
    /// The manifest does not carry its own digest as annotation, so a later run could not compare.
    case objectWithoutDigest(String)
    /// A checkpoint's path or unit with a line break, or a secret within its undo, cannot be kept by the guard.
    case unsafeCheckpoint(PhaseID, reason: String)
}

extension ShellError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .zeroByte: "a text with a zero byte cannot be sent to a node"
        case .missingSecret(.provided(let what)): "the secret '\(what)' was not read before it was needed"
        case .missingSecret(.copied(let node, let path)): "\(path) was not read from \(node) before it was needed"
        case .missingSecret(.generated): "a generated secret was asked of the controller"
        case .missingChecksum(let artifact): "the checksum of \(artifact) was not found out before it was needed"
        case .objectWithoutDigest(let name): "\(name) does not carry its digest as annotation"
        case .unsafeCheckpoint(let phase, let reason): "the checkpoint of \(phase) cannot be kept: \(reason)"
        }
    }
}

/// The text as one shell word that means exactly this text in every POSIX shell.
func quoted(_ text: String) -> String {
    let quote = UInt8(ascii: "'")
    guard text.utf8.contains(quote) else { return "'\(text)'" }
    // By bytes: as a character, "'" would be one with a combining mark that follows it.
    let parts = text.utf8.split(separator: quote, omittingEmptySubsequences: false)
    return "'" + parts.map { String(Substring($0)) }.joined(separator: "'\\''") + "'"
}

/// The text as a person would type it into a shell: as it is where no shell reads anything into it, else quoted.
public func shellWord(_ text: String) -> String {
    func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: "_@%+=:,./-".utf8.contains(byte)
        }
    }
    // Only at the beginning, where a shell puts the home directory, which is what is meant.
    let rest = text.hasPrefix("~/") ? text.dropFirst(2) : text[...]
    return !rest.isEmpty && rest.utf8.allSatisfy(isPlain) ? text : quoted(text)
}

/// A command line of quoted words.
func quoted(_ words: [String]) -> String { words.map { quoted($0) }.joined(separator: " ") }
