extension Prelude {
    /// One function of the prelude, without its comments.
    struct Function: Sendable, Equatable {
        let name: String
        let text: String
        /// Everything in it that could be a function's name.
        var words: Set<String> { Set(names(in: text)) }
    }

    /// All functions in the order of their texts. Each begins at the start of a line, `name() {` or `name() (`, and
    /// ends on that line or at the first line that is its closing bracket alone.
    static let functions: [Function] = read(text)

    private static let positions: [String: Int] = Dictionary(
        uniqueKeysWithValues: functions.enumerated().map { ($0.element.name, $0.offset) })

    /// The positions of the functions that each may call.
    private static let calls: [[Int]] = functions.map { function in
        names(in: function.text).compactMap { positions[$0] }
    }

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
            wanted.formUnion(
                isAttempt ? names(in: line) : names(in: String(decoding: line.utf8.prefix(80), as: UTF8.self)))
        }
        var open: [Int] = []
        for word in wanted {
            open += [word, word + "_state", word + "_apply", "answer_" + word].compactMap { positions[$0] }
        }
        var isFound = [Bool](repeating: false, count: functions.count)
        while let position = open.popLast() {
            guard !isFound[position] else { continue }
            isFound[position] = true
            open += calls[position].filter { !isFound[$0] }
        }
        return isFound.indices.filter { isFound[$0] }.map { functions[$0].text }.joined(separator: "\n")
    }

    /// Byte by byte: this is done at every start, and looking for characters takes twenty times as long.
    static func read(_ text: String) -> [Function] {
        var functions: [Function] = []
        var lines: [ArraySlice<UInt8>] = []
        var name: String?
        for line in Array(text.utf8).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.first(where: { $0 != UInt8(ascii: " ") }) == UInt8(ascii: "#") { continue }
            if name == nil, let end = position(of: "() ", in: line) {
                name = String(decoding: line[..<end], as: UTF8.self)
            }
            guard let begun = name else { continue }
            let code = withoutComment(line)
            lines.append(code)
            let isWhole = lines.count == 1 && code.suffix(3).elementsEqual("; }".utf8)
            guard isWhole || code.elementsEqual("}".utf8) || code.elementsEqual(")".utf8) else { continue }
            let whole = lines.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
            functions.append(Function(name: begun, text: whole))
            name = nil
            lines = []
        }
        return functions
    }

    /// Only the words about a function, behind its opening bracket or its end, are comments in mid-line.
    private static func withoutComment(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        for bracket in ["() { #", "() ( #", "; } #"] as [StaticString] {
            if let start = position(of: bracket, in: line) { return line[..<(start + bracket.utf8CodeUnitCount - 2)] }
        }
        return line
    }

    private static func position(of word: StaticString, in line: ArraySlice<UInt8>) -> Int? {
        let count = word.utf8CodeUnitCount
        guard line.count >= count else { return nil }
        return word.withUTF8Buffer { word in
            (line.startIndex...(line.endIndex - count)).first { start in
                line[start] == word[0] && line[start..<(start + count)].elementsEqual(word)
            }
        }
    }

    /// Everything in the text that could be a function's name.
    private static func names(in text: String) -> [String] {
        text.utf8.split { byte in
            !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) && byte != UInt8(ascii: "_")
        }.map { String(Substring($0)) }
    }
}
