import Engine
import Testing

@testable import ClusterctlCLI

@Suite struct OutcomeTests {
    static let task = TaskID(phase: "cilium", node: "dpu-01")
    static let complete = Rollback(phase: "cilium", because: "deadline")
    static let partial = Rollback(phase: "cilium", because: "deadline", left: "routes")
    static let step = Step(.module("overlay"), because: "a test")

    static func failed(_ cause: Failure.Cause, _ undoing: Failure.Undoing) -> Outcome {
        .failed([Failure(task: task, cause: cause, undoing: undoing, journal: "", lookAt: "")])
    }

    @Test(arguments: [
        ("done", Outcome.done(changed: 3), 0), ("nothing", .nothingToDo, 0), ("declined", .declined, 1),
        ("blocked", .blocked([]), 1), ("stale", .stale([]), 8), ("unreachable", .unreachable([]), 4),
        ("interrupted", .interrupted(guarded: []), 130),
        ("refused", .refused(.init(node: "dpu-01", reason: .moved)), 7),
        ("gate", failed(.gate(waitingFor: "", lastSeen: ""), .takenBack(by: .controller, complete)), 5),
        ("gate, nothing taken back", failed(.gate(waitingFor: "", lastSeen: ""), .leftAsIs(because: "a test")), 1),
        ("guard", failed(.guardFired(heldAtRung: nil), .takenBack(by: .node, complete)), 5),
        ("partly", failed(.guardFired(heldAtRung: nil), .takenBack(by: .node, partial)), 6),
        ("unknown", failed(.guardFired(heldAtRung: nil), .unconfirmed("no route")), 6),
        ("step", failed(.operation(step, Answer(status: 1, output: "")), .leftAsIs(because: "a test")), 1),
        ("link", failed(.link(LinkFailure(kind: .unreachable, message: "")), .leftAsIs(because: "a test")), 4),
    ])
    func exitStatuses(id: String, outcome: Outcome, status: Int32) { #expect(outcome.exitCode.rawValue == status) }

    @Test func theWorstOfSeveralFailuresDecides() {
        let gate = Failure(
            task: Self.task, cause: .guardFired(heldAtRung: nil), undoing: .takenBack(by: .node, Self.complete),
            journal: "", lookAt: "")
        let lost = Failure(
            task: Self.task, cause: .guardFired(heldAtRung: nil), undoing: .unconfirmed("x"), journal: "", lookAt: "")
        #expect(Outcome.failed([gate, lost]).exitCode == ExitStatus.unconfirmed)
    }

    @Test func aRollbackIsToldInASentence() {
        let rollback = Rollback(phase: "cilium", atEpochSeconds: 0, because: "deadline")
        #expect(
            rollback.words(by: .node)
                == "the node took the phase back by itself at 1970-01-01 00:00:00Z (its clock), because no new connection "
                + "confirmed it in time; everything is as it was")
        #expect(Self.partial.words(by: .controller).hasSuffix("could not be put back: routes"))
    }
}
