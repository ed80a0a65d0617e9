import Testing
import YAML

struct YAMLDocumentTests {
    @Test func keepsOrderAndPlaces() throws {
        let root = try YAMLDocument.parse("b: 1\na:\n  - x\n  - {é: y, z: [1, 2]}\n", file: "t.yaml").root
        let entries = try #require(root.entries)
        #expect(entries.map(\.key) == ["b", "a"])
        #expect(entries.map(\.mark) == [Mark(line: 1, column: 1), Mark(line: 2, column: 1)])
        let inner = try #require(root["a"]?.list?[1].entries)
        #expect(inner.map(\.mark) == [Mark(line: 4, column: 6), Mark(line: 4, column: 12)])
        #expect(inner[1].value.mark == Mark(line: 4, column: 15))
    }

    struct Scalar: Sendable, CustomTestStringConvertible {
        var text: String
        var kind: YAMLScalar.Kind
        var surprise: YAMLScalar.Surprise?
        var testDescription: String { text }
    }

    @Test(arguments: [
        Scalar(text: "null", kind: .null), Scalar(text: "~", kind: .null), Scalar(text: "true", kind: .bool),
        Scalar(text: "False", kind: .bool), Scalar(text: "yes", kind: .string, surprise: .oldBoolean),
        Scalar(text: "Off", kind: .string, surprise: .oldBoolean), Scalar(text: "12", kind: .int),
        Scalar(text: "-7", kind: .int), Scalar(text: "0x1F", kind: .int), Scalar(text: "0o17", kind: .int),
        Scalar(text: "0123", kind: .int, surprise: .oldOctal), Scalar(text: "08", kind: .int, surprise: .oldOctal),
        Scalar(text: "1.5", kind: .float), Scalar(text: "1e3", kind: .float), Scalar(text: ".inf", kind: .float),
        Scalar(text: "1.19.4", kind: .string), Scalar(text: "10:30", kind: .string, surprise: .baseSixty),
        Scalar(text: "10.0.0.1", kind: .string), Scalar(text: "'12'", kind: .string),
        Scalar(text: "\"yes\"", kind: .string), Scalar(text: "!!str 12", kind: .string),
        Scalar(text: "+", kind: .string),
        Scalar(text: "1e", kind: .string), Scalar(text: "nothing", kind: .string),
    ])
    func resolvesScalarsAsTheCoreSchemaDoes(_ wanted: Scalar) throws {
        let scalar = try #require(try YAMLDocument.parse("a: \(wanted.text)", file: "t").root["a"]?.scalar)
        #expect(scalar.kind == wanted.kind)
        #expect(scalar.surprise == wanted.surprise)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var text: String
        var kind: YAMLProblem.Kind
        var mark: Mark
        init(_ id: String, _ text: String, _ kind: YAMLProblem.Kind, _ line: Int, _ column: Int) {
            (testDescription, self.text, self.kind, mark) = (id, text, kind, Mark(line: line, column: column))
        }
    }

    @Test(arguments: [
        Refusal("duplicate", "a: 1\nb: 2\na: 3", .duplicateKey("a", first: Mark(line: 1, column: 1)), 3, 1),
        Refusal("quoted duplicate", "a: 1\n\"a\": 3", .duplicateKey("a", first: Mark(line: 1, column: 1)), 2, 1),
        Refusal("nul", "a: \u{0}", .nulCharacter, 1, 4),
        Refusal("two documents", "a: 1\n---\nb: 2", .severalDocuments, 2, 1),
        Refusal("merge key", "a: &x {b: 1}\nc:\n  <<: *x", .mergeKey, 3, 3),
        Refusal("list as key", "? [a, b]\n: 1", .keyIsNoText, 1, 3),
        Refusal("tag", "a: !secret x", .unknownTag("!secret"), 1, 4),
        Refusal("unknown anchor", "a: *x", .unknownAnchor("x"), 1, 4),
        Refusal("alias in itself", "a: &x [1, *x]", .recursiveAlias("x"), 1, 11),
        Refusal("tab", "a:\n\tb: 1", .tab, 2, 1),
        Refusal(
            "open bracket", "a: [1, 2\nb: 3", .syntax("did not find expected ',' or ']' while parsing a flow sequence"),
            2, 2),
        Refusal("control character", "a: é\u{1}", .syntax("control characters are not allowed"), 1, 5),
        Refusal(
            "no end of the last line", "a:\n  {b: c",
            .syntax("did not find expected ',' or '}' while parsing a flow mapping"), 2, 8),
        Refusal("behind all line breaks", "a: b\rc: d\r\n\u{2028}e: \u{0}", .nulCharacter, 4, 4),
    ])
    func refuses(_ refusal: Refusal) {
        #expect(throws: YAMLError(file: "t", problems: [YAMLProblem(refusal.kind, at: refusal.mark)])) {
            try YAMLDocument.parse(refusal.text, file: "t")
        }
    }

    @Test func refusesWhatIsNotUTF8WithItsPlace() {
        let bytes = Array("a: 1\né: ".utf8) + [0xff, 0x41]
        #expect(throws: YAMLError(file: "t", problems: [YAMLProblem(.notUTF8, at: Mark(line: 2, column: 4))])) {
            try YAMLDocument.parse(bytes, file: "t")
        }
    }

    @Test func reportsAllRecoverableProblemsAtOnceAndKeepsTheRest() {
        let (document, problems) = YAMLDocument.read(Array("a: 1\na: 2\n[x]: 1\nb: !t 3\n".utf8), file: "t")
        #expect(problems.map(\.mark.line) == [2, 3, 4])
        #expect(document?.root.entries?.map(\.key) == ["a", "b"])
        #expect(document?.root["a"]?.scalar?.int == 1)
    }

    @Test func acceptsDepthUpToTheLimitOnly() throws {
        let limits = YAMLLimits(depth: 8)
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try YAMLDocument.parse(nested(8), file: "t", limits: limits)
        let problem = YAMLProblem(.tooDeep(limit: 8), at: Mark(line: 1, column: 9))
        #expect(throws: YAMLError(file: "t", problems: [problem])) {
            try YAMLDocument.parse(nested(9), file: "t", limits: limits)
        }
    }

    @Test func refusesAliasBombs() throws {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let error = try #require(throws: YAMLError.self) { try YAMLDocument.parse(text, file: "t") }
        guard case .aliasExpansion = error.problems.first?.kind else {
            Issue.record("not refused for its aliases: \(error)")
            return
        }
    }

    @Test func followsAliases() throws {
        let root = try YAMLDocument.parse("a: &x {b: 1}\nc: *x", file: "t").root
        #expect(YAMLValue(root) == ["a": ["b": 1], "c": ["b": 1]])
    }

    @Test func refusesTextsBeyondTheSizeLimit() {
        let problem = YAMLProblem(.tooLarge(bytes: 5, limit: 4), at: Mark(line: 1, column: 1))
        #expect(throws: YAMLError(file: "t", problems: [problem])) {
            try YAMLDocument.parse("a: 12", file: "t", limits: YAMLLimits(sizeBytes: 4))
        }
    }

    @Test(arguments: ["", "# nothing\n", "---\n", "\u{feff}a: 1\n"])
    func readsOddButLegalTexts(_ text: String) throws {
        let root = try YAMLDocument.parse(text, file: "t").root
        #expect(root.isNull || root["a"]?.scalar?.int == 1)
    }
}

struct SeveralDocumentsTests {
    private func read(_ text: String, limits: YAMLLimits = .standard) -> ([String], [YAMLProblem]) {
        let (documents, problems) = YAMLDocument.readAll(Array(text.utf8), file: "t", limits: limits)
        return (documents.map { YAMLValue($0.root).yamlText() }, problems)
    }

    @Test func readsThemInOrderWithTheirPlaces() {
        #expect(read("a: 1\n---\nb: 2\n").0 == ["a: 1\n", "b: 2\n"])
        #expect(read("").0.isEmpty && read("# nothing\n").0.isEmpty)
        let second = YAMLDocument.readAll(Array("a: 1\n---\nb: 2\n".utf8), file: "t").documents.last
        #expect(second?.root["b"]?.mark == Mark(line: 3, column: 4))
    }

    @Test func keepsWhatStandsBeforeAMistake() {
        let (documents, problems) = read("a: 1\n---\nb: [\n---\nc: 3\n")
        #expect(documents == ["a: 1\n"] && problems.count == 1)
    }

    @Test func knowsAnchorsOfTheSameDocumentAlone() {
        let (documents, problems) = read("a: &x 1\n---\nb: *x\n")
        #expect(documents == ["a: 1\n"] && problems.map(\.kind) == [.unknownAnchor("x")])
    }

    @Test func countsAliasesOfAllDocumentsTogether() {
        let one = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\nb: [*a, *a, *a, *a]\n---\n"
        let limits = YAMLLimits(expandedNodes: 100)
        #expect(read(one, limits: limits).1.isEmpty)
        #expect(read(one + one + one, limits: limits).1.map(\.kind) == [.aliasExpansion(limit: 100)])
    }
}
