import Testing

@testable import SSH

struct PreludeFunctionsTests {
    @Test func readsFunctionsWithoutTheirComments() {
        let text = """
            # About all of them.

            one() { # what it does
                two "$1" # not taken for a comment: it could stand in a text
                # a line of its own
            }
            two() { echo three; } # of whom
            three() (
                four
            )
            """
        let functions = Prelude.read(text)
        #expect(functions.map(\.name) == ["one", "two", "three"])
        #expect(functions[0].text == "one() {\n    two \"$1\" # not taken for a comment: it could stand in a text\n}")
        #expect(functions[1].text == "two() { echo three; }")
        #expect(functions[2].words == ["three", "four"])
    }

    @Test func leavesNothingOut() {
        let begun = Prelude.text.split(separator: "\n").filter { line in
            line.contains("() ") && line.first.map { $0.isLetter || $0 == "_" } == true
        }
        #expect(Prelude.functions.count == begun.count)
        #expect(Prelude.functions.allSatisfy { $0.text.hasSuffix("}") || $0.text.hasSuffix(")") })
    }

    /// What a program is given holds every function that its functions name, so that none is missed at run time.
    @Test(arguments: [
        ["ask 0 path '/p'"], ["state 0 file '/p' 0644 00"], ["step 0 unit 'u' enabled running"],
        ["attempt 'it'\\''s ours' absent '/x'"], ["step 0 object 'd'"], ["checkpoint 0 'p' 0 'x'"],
        ["    ask 0 http 'u'", "watch 1 9 round"], ["relayed='x'", "ask 0 serve 'n'"], ["ask 0 unserve 't'"],
    ])
    func givesWhatIsNeededAndNoMore(lines: [String]) {
        let given = Prelude.read(Prelude.text(for: lines))
        let names = Set(given.map(\.name))
        let known = Set(Prelude.functions.map(\.name))
        for function in given { #expect(function.words.intersection(known).isSubset(of: names), "\(function.name)") }
        #expect(names.isSuperset(of: ["begin", "finish"]))
        #expect(given.count < Prelude.functions.count)
    }

    @Test func findsAnOperationBehindTheWordsOfAnUndo() {
        let names = Prelude.read(Prelude.text(for: ["attempt 'it is ours' absent '/x'"])).map(\.name)
        #expect(names.contains("absent_apply") && names.contains("attempt") && !names.contains("file_apply"))
    }
}
