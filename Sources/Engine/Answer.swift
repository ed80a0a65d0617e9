/// What a node answered to a probe.
public struct Answer: Sendable, Hashable {
    /// The exit status; 0 where the probe could be asked.
    public let status: Int32
    public let output: String
    public let error: String
    private let table: [Substring: Substring]

    public init(status: Int32, output: String, error: String = "") {
        self.status = status
        self.output = output
        self.error = error
        table = status == 0 ? Answer.table(output) : [:]
    }

    public var succeeded: Bool { status == 0 }

    /// The last non-empty line of errors, else of output: what a person is shown as the reason.
    public var lastLine: String {
        for text in [error, output] {
            if let line = text.split(whereSeparator: \.isNewline).last(where: { !$0.allSatisfy(\.isWhitespace) }) {
                return String(line)
            }
        }
        return "exit status \(status)"
    }

    /// The first line whose first column, up to a tab, is this text. The gates of all nodes look up what they share, so it
    /// is found without reading the others.
    public func line(of column: String) -> Substring? { table[column[...]] }

    private static func table(_ output: String) -> [Substring: Substring] {
        let lines = output.utf8.split(separator: UInt8(ascii: "\n"))
        let rows = lines.lazy.compactMap { line in
            line.firstIndex(of: UInt8(ascii: "\t")).map { (Substring(line[..<$0]), Substring(line)) }
        }
        return Dictionary(rows) { first, _ in first }
    }

    // The table follows from the output.

    public static func == (one: Answer, other: Answer) -> Bool {
        one.status == other.status && one.output == other.output && one.error == other.error
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(status)
        hasher.combine(output)
        hasher.combine(error)
    }
}
