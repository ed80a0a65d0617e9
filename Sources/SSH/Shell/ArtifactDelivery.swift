import Engine
import Synchronization

extension ShellCompiler {
    /// How artifacts stand on a node: a `same` or `differs` frame a step, then an `answer` frame for each artifact among
    /// them that the controller sends, indexed as its step, whose output `PartState` reads.
    public static func artifacts(
        _ steps: [Step], checksums: [ArtifactSource: String], nonce: String
    ) throws(ShellError) -> ShellProgram {
        let words = StepWords(purpose: .survey, checksums: checksums, secrets: [:])
        var lines = ["look", "beats"]
        var slots: [ExpectedFrames.Slot] = []
        for (index, step) in steps.enumerated() {
            guard case .artifact(_, let source, _) = step.operation, !source.isFetchedByNode else { continue }
            guard let checksum = checksums[source] else { throw .missingChecksum(artifact: source.name) }
            lines += try words.lines(for: step.operation, verb: "state \(index)")
            slots += [.state(index), .answer(index)]
            lines.append("ask \(index) part \(quoted([fileName(source.name), checksum]))")
        }
        return try ShellProgram(lines: lines, nonce: nonce, expecting: .exactly(slots))
    }

    static func fileName(_ artifact: String) -> String { String(artifact.map { $0 == "/" ? "_" : $0 }) }
}

extension ArtifactSource {
    /// Whether the node fetches it itself, so that nothing of it passes through the controller.
    public var isFetchedByNode: Bool { if case .mirror = origin { true } else { false } }
}

/// What a node has of an artifact that is not in place yet.
public enum PartState: Sendable, Equatable {
    /// So many bytes have arrived.
    case bytes(Int64)
    /// All of it, verified.
    case whole

    /// nil when it is not what `ShellCompiler.artifacts` prints.
    public init?(_ output: String) {
        let word = output.trimmingPrefix { $0.isWhitespace }.prefix { !$0.isWhitespace }
        if word == "whole" {
            self = .whole
        } else if let bytes = Int64(word), bytes >= 0 {
            self = .bytes(bytes)
        } else {
            return nil
        }
    }
}

/// One attempt to bring an artifact's bytes to a node: a command whose standard input they are.
///
/// Only one writes on a node at a time. The command waits for others that get on, ends an earlier one of the same `run`
/// or one without progress, looks for room, appends, and verifies the checksum when the last byte has come.
public struct ArtifactDelivery: Sendable {
    public let artifact: String
    /// SHA-256, 64 hexadecimal digits.
    public let checksum: String
    public let sizeBytes: Int64
    /// Where the input begins within the artifact, in bytes; nil sends nothing and only asks, with `.moved` for an answer.
    public let offset: Int64?
    /// Where the artifact will be put: its file system, too, needs room.
    public let target: String
    /// An HTTP address at which another node serves the artifact, to be fetched there instead of from the input.
    public let peer: String?
    /// Letters and digits; the same for all attempts of one run.
    public let run: String
    let nonce = ShellProgram.makeNonce()

    public init(
        artifact: String, checksum: String, sizeBytes: Int64, offset: Int64?, target: String, run: String,
        peer: String? = nil
    ) {
        self.artifact = artifact
        self.checksum = checksum
        self.sizeBytes = sizeBytes
        self.offset = offset
        self.target = target
        self.run = run
        self.peer = peer
    }

    /// The command line, to be run as root.
    public var command: String {
        let program = [Prelude.parts, Prelude.delivery, "deliver \"$@\""].joined(separator: "\n")
        let words = [
            nonce, run, ShellCompiler.fileName(artifact), checksum, String(sizeBytes), String(offset ?? -1), target,
            peer ?? "",
        ]
        return "sh -c \(quoted(program)) sh \(quoted(words))"
    }
}

/// How a delivery ended.
public enum DeliveryResult: Sendable, Equatable {
    /// All of it is on the node, verified.
    case whole
    /// The node has so many bytes: what was sent did not begin there, or was cut.
    case moved(toOffset: Int64)
    /// All of it came, was not what the checksum says, and has been removed.
    case wrong(sha256: String)
    /// No room; what had come may have been removed.
    case full(path: String, neededKiB: Int64, freeKiB: Int64)
    /// Standard error says why.
    case failed
}

/// Reads what a delivery's command prints, as it arrives.
public final class DeliveryReader: Sendable {
    private struct State {
        var line: [UInt8] = []
        var sizeBytes = 0
        var result: DeliveryResult?
    }

    private static let lineLimitBytes = 8192
    /// A login's greeting may be before it.
    private static let limitBytes = 256 << 10
    private let artifactSizeBytes: Int64
    private let prefix: String
    private let state = Mutex(State())

    public init(_ delivery: ArtifactDelivery) {
        prefix = delivery.nonce + " "
        artifactSizeBytes = delivery.sizeBytes
    }

    /// nil when the command did not come to its end.
    public var result: DeliveryResult? { state.withLock(\.result) }

    /// For `SSHSession.execute`; stops a command that prints what no delivery does.
    public func take(_ bytes: ArraySlice<UInt8>) -> OutputDecision {
        state.withLock { state in
            state.sizeBytes += bytes.count
            guard state.sizeBytes <= Self.limitBytes else { return .stop }
            for byte in bytes {
                if byte == UInt8(ascii: "\n") {
                    state.result = parse(String(decoding: state.line, as: UTF8.self)) ?? state.result
                    state.line = []
                } else if state.line.count < Self.lineLimitBytes {
                    state.line.append(byte)
                } else {
                    return .stop
                }
            }
            return .goOn
        }
    }

    private func parse(_ line: String) -> DeliveryResult? {
        guard line.hasPrefix(prefix) else { return nil }
        let words = line.dropFirst(prefix.count).split(separator: " ", maxSplits: 3).map(String.init)
        switch words.first {
        case "whole": return .whole
        case "moved":
            guard words.count == 2, let bytes = Int64(words[1]), (0...artifactSizeBytes).contains(bytes) else {
                return nil
            }
            return .moved(toOffset: bytes)
        case "wrong": return .wrong(sha256: words.count > 1 ? words[1] : "")
        case "full":
            guard words.count == 4, let needed = Int64(words[1]), let free = Int64(words[2]) else { return nil }
            return .full(path: words[3], neededKiB: needed, freeKiB: free)
        case "failed": return .failed
        default: return nil
        }
    }
}
