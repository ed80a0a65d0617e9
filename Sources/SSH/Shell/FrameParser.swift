import Engine

/// One answer of a shell program.
public struct Frame: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// To a probe, a guard's verb, or a question for a secret or a part.
        case answer
        /// How a step stands, in a survey.
        case same, differs
        /// What became of a step.
        case unchanged, changed, failed
        /// What became of a run that is collected and has no end: it never began, or it died.
        case absent, broken
        /// Nothing was begun: the node is another run's.
        case overtaken
        /// A sign of life without content.
        case beat
    }
    public let kind: Kind
    /// Position of the probe or step in the list that the program was made of.
    public let index: Int
    public let status: Int32
    /// May be a secret where one was asked for.
    public let output: String
    public let error: String

    /// For `answer` frames: what is put into the facts.
    public var answer: Answer { Answer(status: status, output: output, error: error) }

    /// For `same` and `differs` frames; a description is one line in parentheses, anything else a file's present text.
    public var stepState: StepState? {
        switch kind {
        case .same: .same
        case .differs: .differs(current: Frame.described(output))
        case .answer, .unchanged, .changed, .failed, .absent, .broken, .overtaken, .beat: nil
        }
    }

    private static func described(_ text: String) -> String {
        let line = text.hasSuffix("\n") ? String(text.dropLast()) : text
        let isDescription = line.hasPrefix("(") && line.hasSuffix(")") && !line.contains(where: \.isNewline)
        return isDescription ? line : text
    }
}

/// Why bytes are not the answer of the program that was sent.
public enum FrameError: Error, Sendable, Equatable {
    /// Not a frame's header; the start of it, made printable.
    case garbage(String)
    /// A header with another program's nonce.
    case foreign
    /// More bytes than a frame may have.
    case tooLong(bytes: Int)
    /// More frames, or more in all, than any answer to what was asked.
    case tooMuch
    /// Bytes after the end.
    case afterEnd
    /// A frame that is no answer to what was asked, or not yet.
    case unasked
    /// The program ended properly, without an answer to all that was asked.
    case incomplete
}

extension FrameError: CustomStringConvertible {
    /// What came, and after a line break what can be done about it.
    public var description: String {
        switch self {
        case .garbage(let text):
            "the node said '\(text)' where an answer was to come\n"
                + "whatever the login's start files (.bashrc, .profile, ForceCommand) print must go: "
                + "`ssh NODE true` has to print nothing"
        case .foreign: "the node gave the answer to another question"
        case .tooLong(let bytes): "the node's answer has a part of \(bytes) bytes, which is never asked for"
        case .tooMuch: "the node's answer does not end: it is longer than anything that was asked for"
        case .afterEnd: "the node went on after the end of its answer"
        case .unasked: "the node gave an answer to what it was not asked"
        case .incomplete: "the node's answer ended early"
        }
    }
}

/// Cuts a program's standard output into frames, with bounded memory; the lengths in the headers alone decide where a
/// frame ends, so nothing that a command prints can pass for one.
public struct FrameParser: Sendable {
    /// Output and errors of one frame together; the prelude cuts well below that.
    static let frameLimit = 1_200_000
    static let headerLimit = 200
    /// All frames of one answer together, in bytes, where an answer is kept until its end.
    public static let answerLimit = 64 << 20

    private let nonce: String
    private var buffer: [UInt8] = []
    private var used = 0
    private var header: Header?
    private var framesLeft: Int
    private var bytesLeft: Int

    /// Whether the program's last line has come; an answer without it was cut.
    public private(set) var ended = false

    /// - Parameter maximumFrames: how many frames can be an answer to what was asked, signs of life included.
    public init(nonce: String, maximumFrames: Int = 100_000, maximumBytes: Int = answerLimit) {
        self.nonce = nonce
        framesLeft = maximumFrames
        bytesLeft = maximumBytes
    }

    /// Takes the next bytes, however they were cut on the way, and gives the frames that are complete now.
    public mutating func feed(_ bytes: ArraySlice<UInt8>) throws(FrameError) -> [Frame] {
        guard !(ended && !bytes.isEmpty) else { throw .afterEnd }
        buffer += bytes
        var frames: [Frame] = []
        while !ended {
            if header == nil { header = try nextHeader() }
            guard let next = header, buffer.count - used >= next.length else { break }
            framesLeft -= 1
            bytesLeft -= next.length
            guard framesLeft >= 0, bytesLeft >= 0 else { throw .tooMuch }
            frames.append(frame(next))
            header = nil
        }
        buffer.removeFirst(used)
        used = 0
        guard !(ended && !buffer.isEmpty) else { throw .afterEnd }
        return frames
    }

    private struct Header: Sendable {
        let kind: Frame.Kind
        let index: Int
        let status: Int32
        let outputLength: Int
        let errorLength: Int
        var length: Int { outputLength + errorLength }
    }

    private mutating func nextHeader() throws(FrameError) -> Header? {
        let rest = buffer[used...]
        guard let newline = rest.prefix(FrameParser.headerLimit).firstIndex(of: UInt8(ascii: "\n")) else {
            guard rest.count < FrameParser.headerLimit else { throw .garbage(FrameParser.printable(rest)) }
            return nil
        }
        let line = rest[rest.startIndex..<newline]
        used = newline + 1
        let fields = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        if fields == [Substring(nonce), "end"] {
            ended = true
            return nil
        }
        guard fields.count == 6, let kind = Frame.Kind(rawValue: String(fields[1])), let index = Int(fields[2]),
            let status = Int32(fields[3]), let output = Int(fields[4]), let error = Int(fields[5]),
            index >= 0, output >= 0, error >= 0
        else { throw .garbage(FrameParser.printable(line)) }
        guard fields[0] == nonce else { throw .foreign }
        guard output <= FrameParser.frameLimit, error <= FrameParser.frameLimit,
            output + error <= FrameParser.frameLimit
        else { throw .tooLong(bytes: max(output, error)) }
        return Header(kind: kind, index: index, status: status, outputLength: output, errorLength: error)
    }

    private mutating func frame(_ header: Header) -> Frame {
        let output = buffer[used..<(used + header.outputLength)]
        let error = buffer[(used + header.outputLength)..<(used + header.length)]
        used += header.length
        return Frame(
            kind: header.kind, index: header.index, status: header.status,
            output: String(decoding: output, as: UTF8.self), error: String(decoding: error, as: UTF8.self))
    }

    private static func printable(_ bytes: ArraySlice<UInt8>) -> String {
        String(String(decoding: bytes.prefix(80), as: UTF8.self).map { $0.isASCII && !$0.isNewline ? $0 : "." })
    }
}
