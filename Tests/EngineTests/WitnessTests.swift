import Engine
import Testing

/// Whoever hears SSH on a guarded node before its steps must hear it before the guard is disarmed.
@Suite struct WitnessTests {
    static let probe = Probe.sshBanner(address: "a", port: 22)
    static let heard = [probe: Answer(status: 0, output: "SSH-2.0-x")]
    static let silent = [probe: Answer(status: 1, output: "", error: "no route")]

    struct Asked {
        let id: RequestID
        let node: NodeName
    }

    func machine() -> Machine {
        let phase = FixturePhase(
            id: "risky", nodes: ["a"], steps: [Fixture.file("/risky")], window: 100, gatePath: "/risky", hearer: "b")
        return Machine(cluster: "test", order: Order(name: "test", [.init(phase)]), nodes: ["a", "b"])
    }
    func begun(_ machine: inout Machine) -> [Request] {
        _ = machine.handle(.begin, at: 0)
        _ = machine.handle(.surveyed(1, answers: [:], states: [:]), at: 0)
        _ = machine.handle(.surveyed(2, answers: [:], states: [:]), at: 0)
        return machine.agree(at: 0)
    }
    func asked(_ requests: [Request]) -> Asked? {
        for case .survey(let id, let node, [Self.probe], []) in requests { return Asked(id: id, node: node) }
        return nil
    }
    /// Lets the steps through and the gate hold.
    /// - Parameter deadline: told what wakes the machine at the gate's deadline.
    func through(
        _ machine: inout Machine, _ requests: [Request], deadline: (RequestID) -> Void = { _ in }
    ) throws -> [Request] {
        for case .apply(let id, _, _, let steps, let watch) in requests {
            let applied = machine.handle(.applied(id, steps.map { _ in .changed }), at: 1)
            for case .wake(let id, 30) in applied { deadline(id) }
            let answer = Answer(status: 0, output: "file")
            return machine.handle(.observed(try #require(watch?.id), .path("/risky"), answer), at: 2)
        }
        throw Missing()
    }
    struct Missing: Error {}
    func isConfirming(_ requests: [Request]) -> Bool {
        requests.contains { if case .guardian(_, _, .confirm) = $0 { true } else { false } }
    }

    @Test func isAskedBeforeTheStepsAndAgainBeforeTheConfirmation() throws {
        var machine = machine()
        let before = try #require(asked(begun(&machine)))
        #expect(before.node == "b")
        let applying = machine.handle(.surveyed(before.id, answers: Self.heard, states: [:]), at: 0)
        let held = try through(&machine, applying)
        #expect(!isConfirming(held))
        let after = try #require(asked(held))
        #expect(isConfirming(machine.handle(.surveyed(after.id, answers: Self.heard, states: [:]), at: 3)))
    }

    @Test(arguments: [false, true]) func isNotAskedAgainWhereItHeardNothingBefore(isLost: Bool) throws {
        var machine = machine()
        let before = try #require(asked(begun(&machine)))
        let lost = LinkFailure(kind: .unreachable, message: "no route to b")
        let applying = machine.handle(
            isLost ? .lost(before.id, lost) : .surveyed(before.id, answers: Self.silent, states: [:]), at: 0)
        #expect(isConfirming(try through(&machine, applying)))
    }

    @Test func aPhaseThatOthersDoNotHearAnyMoreIsTakenBackAtTheGatesDeadline() throws {
        var machine = machine()
        let before = try #require(asked(begun(&machine)))
        let applying = machine.handle(.surveyed(before.id, answers: Self.heard, states: [:]), at: 0)
        var deadline: RequestID?
        var requests = try through(&machine, applying) { deadline = $0 }
        var reasons: Set<String> = []
        let holds = Answer(status: 0, output: "file")
        for second in stride(from: 3.0, to: 30, by: 2) {
            let question = try #require(asked(requests))
            let told = machine.handle(.surveyed(question.id, answers: Self.silent, states: [:]), at: second)
            #expect(!isConfirming(told))
            for case .tell(.waiting(_, _, let because)) in told { reasons.insert(because) }
            // The gate is watched anew, because what it saw may not be so any more.
            for case .wake(let wake, _) in told {
                for case .watch(let watch, _, _, _) in machine.handle(.woke(wake), at: second + 1) {
                    requests = machine.handle(.observed(watch, .path("/risky"), holds), at: second + 1)
                }
            }
        }
        #expect(reasons == ["b does not hear SSH on a any more: no route"])
        let end = machine.handle(.woke(try #require(deadline)), at: 31)
        #expect(end.contains { if case .guardian(_, _, .rollback) = $0 { true } else { false } })
        for case .tell(.failed(_, let why)) in end {
            #expect(why.hasSuffix("b does not hear SSH on a any more: no route"))
        }
        let question = try #require(asked(requests))
        #expect(!isConfirming(machine.handle(.surveyed(question.id, answers: Self.heard, states: [:]), at: 32)))
    }

    @Test func nothingIsBegunWhereTheUserEndsTheRunMeanwhile() throws {
        var machine = machine()
        let before = try #require(asked(begun(&machine)))
        _ = machine.handle(.interrupted, at: 1)
        let end = machine.handle(.surveyed(before.id, answers: Self.heard, states: [:]), at: 2)
        for case .apply in end { Issue.record("the steps are begun") }
        for case .finish(let outcome) in end { #expect(outcome == .interrupted(guarded: [], undone: [])) }
        #expect(end.contains { if case .finish = $0 { true } else { false } })
    }
}
