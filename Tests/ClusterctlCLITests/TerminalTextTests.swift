import Testing

@testable import ClusterctlCLI

struct TerminalTextTests {
    @Test func hasNothingThatATerminalObeys() {
        #expect("a\tb\nc é 日本 👩‍👩‍👧".forTerminal == "a\tb\nc é 日本 👩‍👩‍👧")
        #expect("\u{1B}[2J\u{1B}]0;x\u{7}\r\u{8}\0\u{7F}".forTerminal == "?[2J?]0;x?????")
        #expect(JSONWriter.quoted("é\u{85}\u{A0}\u{7F}\u{1}") == "\"é\\u0085\u{A0}\\u007f\\u0001\"")
        #expect("\u{9B}2J\u{85} \u{A0}é".forTerminal == "?2J? \u{A0}é")
    }
}
