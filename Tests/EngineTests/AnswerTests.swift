import Testing

@testable import Engine

struct AnswerTests {
    @Test func linesAreFoundByTheirFirstColumn() {
        let answer = Answer(status: 0, output: "a\t1\t2\n\tnobody\nb\t\na\t3\nno column\n")
        #expect(answer.line(of: "a") == "a\t1\t2", "the first one")
        #expect(answer.line(of: "b") == "b\t")
        #expect(answer.line(of: "") == "\tnobody")
        #expect(answer.line(of: "no column") == nil)
        #expect(answer.line(of: "c") == nil)
        #expect(Answer(status: 1, output: "a\t1\n").line(of: "a") == nil, "what failed tells nothing")
    }

    @Test func answersAreTheSameByWhatTheySay() {
        let outputs = ["x\ty", "x\ty", "x"]
        #expect(Set(outputs.map { Answer(status: 0, output: $0) }).count == 2)
    }
}
