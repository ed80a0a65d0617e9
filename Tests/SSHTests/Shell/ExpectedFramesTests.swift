import Engine
import Testing

@testable import SSH

struct ExpectedFramesTests {
    private static let nonce = ShellBox.nonce

    struct Row: Sendable, CustomTestStringConvertible {
        var id: String
        var program: ShellProgram
        /// Kind and index of each frame.
        var frames: String
        var error: FrameError?
        var testDescription: String { id }
    }

    private static let rows: [Row] = {
        let steps = ["a", "b"].map { ShellBox.step(.absent(path: $0)) }
        let probes: [Probe] = [.host, .guardState]
        guard let survey = try? ShellCompiler.survey(probes: probes, steps: steps, nonce: nonce),
            let apply = try? ShellCompiler.apply(steps: steps, secrets: [:], nonce: nonce),
            let applyAndWatch = try? ShellCompiler.apply(
                steps: steps, then: (probes, 1, 9), secrets: [:], nonce: nonce),
            let watch = try? ShellCompiler.watch(probes: probes, intervalSeconds: 1, deadlineSeconds: 9, nonce: nonce),
            let collect = try? ShellCompiler.collect(nonce: nonce, ageSeconds: 1),
            let ask = try? ShellCompiler.guardVerb(.report, nonce: nonce)
        else { return [] }
        return [
            Row(id: "survey", program: survey, frames: "answer 0,beat 0,answer 1,same 0,differs 1", error: nil),
            Row(id: "survey lacks a step", program: survey, frames: "answer 0,answer 1,same 0", error: .incomplete),
            Row(id: "survey without anything", program: survey, frames: "", error: .incomplete),
            Row(id: "survey twice the same", program: survey, frames: "answer 0,answer 0", error: .unasked),
            Row(id: "survey in another order", program: survey, frames: "answer 1", error: .unasked),
            Row(
                id: "survey beyond its lists", program: survey,
                frames: "answer 0,answer 1,same 0,same 1,same 2", error: .unasked),
            Row(id: "survey that claims to have changed", program: survey, frames: "changed 0", error: .unasked),
            Row(id: "apply", program: apply, frames: "unchanged 0,changed 1", error: nil),
            Row(id: "apply that fails", program: apply, frames: "failed 0", error: nil),
            Row(id: "apply after a failure", program: apply, frames: "failed 0,changed 1", error: .unasked),
            Row(id: "apply that skips", program: apply, frames: "changed 1", error: .unasked),
            Row(id: "apply that stops", program: apply, frames: "changed 0", error: .incomplete),
            Row(id: "apply that goes on", program: apply, frames: "changed 0,changed 1,changed 2", error: .unasked),
            Row(id: "apply with answers", program: apply, frames: "changed 0,changed 1,answer 0", error: .unasked),
            Row(
                id: "apply and watch", program: applyAndWatch,
                frames: "changed 0,changed 1,answer 1,answer 0,answer 1", error: nil),
            Row(
                id: "watch before the steps", program: applyAndWatch, frames: "changed 0,answer 1", error: .unasked),
            Row(id: "watch after a failure", program: applyAndWatch, frames: "failed 0,answer 1", error: .unasked),
            Row(id: "watch", program: watch, frames: "answer 1,answer 0,answer 1", error: nil),
            Row(id: "watch beyond its list", program: watch, frames: "answer 2", error: .unasked),
            Row(id: "collect", program: collect, frames: "unchanged 0,changed 1,failed 2,broken 0", error: nil),
            Row(id: "collect what never began", program: collect, frames: "absent 0", error: nil),
            Row(id: "collect what began and did not", program: collect, frames: "changed 0,absent 0", error: .unasked),
            Row(id: "collect after the end", program: collect, frames: "broken 0,changed 0", error: .unasked),
            Row(id: "guard", program: ask, frames: "answer 0", error: nil),
            Row(id: "guard without an answer", program: ask, frames: "", error: .incomplete),
            Row(id: "guard with two answers", program: ask, frames: "answer 0,answer 0", error: .unasked),
        ]
    }()

    @Test(arguments: rows) func takesWhatWasAskedFor(_ row: Row) {
        var expected = row.program.expected
        var error: FrameError?
        do throws(FrameError) {
            for words in row.frames.split(separator: ",").map({ $0.split(separator: " ") }) {
                guard let kind = Frame.Kind(rawValue: String(words[0])), let index = Int(words[1]) else { continue }
                try expected.take(Frame(kind: kind, index: index, status: 0, output: "", error: ""))
            }
            try expected.end()
        } catch let found { error = found }
        #expect(error == row.error)
    }

    @Test func hasRows() { #expect(Self.rows.count > 20) }
}
