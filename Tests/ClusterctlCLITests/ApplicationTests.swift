import Engine
import SSH
import Testing

@testable import ClusterctlCLI

/// What is concluded from a program that died: a table of what is sent again and what is not.
@Suite struct ApplicationTests {
    static let file = Step(.file(path: "/f", content: .text("x"), mode: .publicFile), because: "a test")
    static let once = Step(.command(Command(name: "once", arguments: ["x"])), because: "a test")
    static let asked = Step(.command(Command(name: "asked", arguments: ["x"], unless: ["y"])), because: "a test")
    static let armed = Step(
        .checkpoint(Checkpoint(phase: "p", paths: [], units: [], undo: [], windowSeconds: 9)), because: "a test")

    static func frame(_ kind: Frame.Kind) -> Frame {
        switch kind {
        case .failed: parsed("nonce000 failed 0 9 0 0\n")
        case .changed: parsed("nonce000 changed 0 0 0 0\n")
        default: parsed("nonce000 unchanged 0 0 0 0\n")
        }
    }

    private static func parsed(_ text: String) -> Frame {
        var parser = FrameParser(nonce: "nonce000")
        guard let frame = try? parser.feed(Array(text.utf8)[...]).first else { preconditionFailure(text) }
        return frame
    }

    static func sent(_ steps: [Step]) -> Application {
        var application = Application(steps, on: "n")
        application.run = Application.Run(
            nonce: "nonce000", sentAt: .now, positions: application.positionsToSend)
        return application
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let id: String
        let steps: [Step]
        let frames: [Frame.Kind]
        var hasRestarted = false
        /// Which steps the next program has; nil where there is none.
        let again: [Int]?
        var testDescription: String { id }
    }

    @Test(arguments: [
        Case(id: "before the first step ended", steps: [file, file], frames: [], again: [0, 1]),
        Case(id: "in the middle", steps: [file, file, file], frames: [.changed], again: [0, 1, 2]),
        Case(id: "in a command that can be asked", steps: [file, asked], frames: [.changed], again: [0, 1]),
        Case(id: "in a command that cannot", steps: [file, once, file], frames: [.changed], again: nil),
        Case(id: "after a command that cannot", steps: [once, file], frames: [.changed], again: [1]),
        Case(id: "after its last step", steps: [once, file], frames: [.changed, .changed], again: nil),
        Case(id: "after a failure", steps: [file, file], frames: [.failed], again: nil),
        Case(
            id: "by a reboot, where the guard takes all back", steps: [armed, once, file],
            frames: [.unchanged, .changed], hasRestarted: true, again: [0, 1, 2]),
        Case(
            id: "by a reboot without a guard", steps: [once, file], frames: [.changed], hasRestarted: true, again: [1]),
        Case(
            id: "by a reboot, with a command that cannot be asked among those that were not heard of",
            steps: [file, file, once], frames: [.changed], hasRestarted: true, again: nil),
    ])
    func sendsAgainWhatMayBeSentAgain(row: Case) {
        var application = Self.sent(row.steps)
        let results = application.died(row.frames.map(Self.frame), hasRestarted: row.hasRestarted)
        #expect((results == nil ? application.positionsToSend : nil) == row.again)
        #expect(application.run == nil)
    }

    @Test func saysThatAnOutcomeIsNotKnown() {
        var application = Self.sent([Self.file, Self.once, Self.file])
        let results = application.died([Self.frame(.changed)], hasRestarted: true)
        #expect(results?.count == 2 && results?.first == .changed)
        #expect(
            results?.last
                == .failed(
                    Answer(
                        status: 1, output: "",
                        error: "the node was started anew while this ran: whether it took effect is not known\n")))
    }

    @Test func whatADeadProgramMayHaveChangedCountsAsChanged() {
        var application = Self.sent([Self.once, Self.file, Self.file])
        let results = application.died([Self.frame(.changed)], hasRestarted: false)
        #expect(results == nil)
        let rest = [Self.frame(.unchanged), Self.frame(.unchanged)]
        #expect(application.results(rest, of: [1, 2]) == [.changed, .changed, .unchanged])
    }

    @Test func whatANodeHasForgottenCountsAsChanged() {
        var application = Self.sent([Self.file, Self.file, Self.file])
        let results = application.died([Self.frame(.unchanged)], hasRestarted: true)
        #expect(results == nil)
        let again = (0..<3).map { _ in Self.frame(.unchanged) }
        #expect(application.results(again, of: [0, 1, 2]) == [.unchanged, .changed, .changed])
    }

    @Test func givesUpOnStepsThatKillTheirProgramEachTime() {
        var application = Self.sent([Self.file])
        for _ in 1..<Application.maximumDeaths {
            let results = application.died([], hasRestarted: false)
            #expect(results == nil)
            application.run = Application.Run(nonce: "nonce000", sentAt: .now, positions: [0])
        }
        guard case .failed(let answer)? = application.died([], hasRestarted: false)?.last else {
            Issue.record("it goes on for ever")
            return
        }
        #expect(answer.error == "the program was ended from outside while this was done, the 3. time in a row\n")
    }
}
