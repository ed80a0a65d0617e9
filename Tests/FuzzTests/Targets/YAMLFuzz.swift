import YAML

/// What is read has its places in the text, and what is written is read back as it was.
enum YAMLFuzz {
    /// Small enough that a text of some kilobytes cannot become megabytes.
    private static let limits = YAMLLimits(sizeBytes: 1 << 20, expandedNodes: 1000, expansionRatio: 10)

    static func take(_ bytes: [UInt8]) throws(Broken) {
        try read(bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        try roundTrip(.map([text: .string(text), "list": [.string(text), [.string(text)], [text: .null]]]))
    }

    private static func read(_ bytes: [UInt8]) throws(Broken) {
        let (document, problems) = YAMLDocument.read(bytes, file: "f", limits: limits)
        let places = Places(bytes)
        for problem in problems {
            try must(!"\(problem)".isEmpty, "a problem without words")
            try places.check(problem.mark.line, problem.mark.column, "\(problem)")
            try must(document == nil || problem.isRecoverable, "read in spite of \(problem)")
        }
        guard let document else { return try must(!problems.isEmpty, "neither a document nor a problem") }
        try check(document.root, places)
        try roundTrip(YAMLValue(document.root))
    }

    private static func check(_ node: YAMLNode, _ places: Places) throws(Broken) {
        try places.check(node.mark.line, node.mark.column, "a node")
        for element in node.list ?? [] { try check(element, places) }
        for entry in node.entries ?? [] {
            try places.check(entry.mark.line, entry.mark.column, "a key")
            try check(entry.value, places)
        }
    }

    private static func roundTrip(_ value: YAMLValue) throws(Broken) {
        let text = value.yamlText()
        let again: YAMLDocument
        do {
            again = try YAMLDocument.parse(text, file: "written", limits: YAMLLimits(sizeBytes: 64 << 20))
        } catch { throw Broken(description: "what was written cannot be read: \(error)\n\(text)") }
        try must(isSame(value, YAMLValue(again.root)), "what was written reads otherwise:\n\(text)")
        try must(text == YAMLValue(again.root).yamlText(), "what was written and read is written otherwise")
    }

    /// Texts by their bytes, not by what they look like; numbers that are none are one.
    private static func isSame(_ one: YAMLValue, _ other: YAMLValue) -> Bool {
        switch (one, other) {
        case (.string(let one), .string(let other)): one.utf8.elementsEqual(other.utf8)
        case (.double(let one), .double(let other)): one.isNaN && other.isNaN || one == other && one.sign == other.sign
        case (.list(let one), .list(let other)): one.count == other.count && zip(one, other).allSatisfy(isSame)
        case (.map(let one), .map(let other)):
            one.count == other.count
                && zip(one, other).allSatisfy { $0.key.utf8.elementsEqual($1.key.utf8) && isSame($0.value, $1.value) }
        default: one == other
        }
    }
}
