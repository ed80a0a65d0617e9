extension Prelude {
    /// One function of the prelude, without its comments, and the names of those that it may call.
    struct Function: Sendable, Equatable {
        let name: String
        let text: String
        let words: Set<String>
    }

    /// All functions in the order of their texts. Each begins at the start of a line, `name() {` or `name() (`, and
    /// ends on that line or at the first line that is its closing bracket alone.
    static let functions: [Function] = read(text)

    private static let positions: [String: Int] = Dictionary(
        uniqueKeysWithValues: functions.enumerated().map { ($0.element.name, $0.offset) })

    /// The functions that a program of these lines needs: less for the node to read, which costs some shells more than
    /// the work itself, and less to send.
    ///
    /// A line names an operation or a question that the prelude turns into a function's name, `file` into `file_state`
    /// and `file_apply`, so that each name among its first words counts as itself and with these endings.
    static func text(for lines: [String]) -> String {
        var wanted: Set<String> = ["begin", "finish"]
        for line in lines {
            // The words of an undo's step stand before its operation and may be several.
            let isAttempt = line.hasPrefix("attempt ")
            for word in isAttempt ? names(in: line) : names(in: line.prefix(80)) {
                for name in [word, word + "_state", word + "_apply", "answer_" + word] where positions[name] != nil {
                    wanted.insert(name)
                }
            }
        }
        var found: Set<Int> = []
        var open = wanted.compactMap { positions[$0] }
        while let position = open.popLast() {
            guard found.insert(position).inserted else { continue }
            open += functions[position].words.compactMap { positions[$0] }.filter { !found.contains($0) }
        }
        return found.sorted().map { functions[$0].text }.joined(separator: "\n")
    }

    static func read(_ text: String) -> [Function] {
        var functions: [Function] = []
        var lines: [Substring] = []
        var name: Substring?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.drop(while: { $0 == " " }).first == "#" { continue }
            if name == nil, let start = line.firstRange(of: "() ") { name = line[..<start.lowerBound] }
            guard let begun = name else { continue }
            let code = withoutComment(line)
            lines.append(code)
            let isWhole = lines.count == 1 && code.hasSuffix("; }")
            guard isWhole || code == "}" || code == ")" else { continue }
            let whole = lines.joined(separator: "\n")
            functions.append(Function(name: String(begun), text: whole, words: Set(names(in: whole))))
            name = nil
            lines = []
        }
        return functions
    }

    /// Only the words about a function, behind its opening bracket or its end, are comments in mid-line.
    private static func withoutComment(_ line: Substring) -> Substring {
        for bracket in ["() { # ", "() ( # ", "; } # "] {
            if let range = line.firstRange(of: bracket) { return line[..<line.index(range.upperBound, offsetBy: -3)] }
        }
        return line
    }

    /// Everything in the text that could be a function's name.
    private static func names(in text: some StringProtocol) -> [String] {
        text.utf8.split { byte in
            !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) && byte != UInt8(ascii: "_")
        }.map { String(decoding: $0, as: UTF8.self) }
    }
}
