import Engine
import Testing

/// Ctrl-C, by the events of one run: two phases on one node, and what is asked for after each event.
@Suite struct InterruptTests {
    static let taken = GuardState.rolledBack(Rollback(phase: "first", because: "asked"))
    static let task = TaskID(phase: "first", node: "a")

    /// A run that has sent the steps of its first phase.
    struct Conversation {
        var machine: Machine
        var apply: RequestID = 0
        var steps = 0
        var watch: RequestID?

        /// - Parameter window: of the guard; nil where the phase is not taken back at all.
        init(window: Int? = 20, gatePath: String? = "/first") throws {
            let first = FixturePhase(
                id: "first", nodes: ["a"], steps: [Fixture.file("/first")], window: window, gatePath: gatePath)
            let second = FixturePhase(id: "second", nodes: ["a"], steps: [Fixture.file("/second")])
            let order = Order(name: "test", [.init(first), .init(second, after: [.all("first")])])
            machine = Machine(cluster: "test", order: order, nodes: ["a"])
            _ = machine.handle(.begin, at: 0)
            _ = machine.handle(.surveyed(1, answers: [:], states: [:]), at: 0)
            for request in machine.agree(at: 0) {
                if case .apply(let id, _, _, let sent, let then) = request {
                    (apply, steps, watch) = (id, sent.count, then?.id)
                }
            }
            try #require(apply > 0)
        }

        mutating func stepsAreThrough(at now: Double) -> [Request] {
            machine.handle(.applied(apply, Array(repeating: .changed, count: steps)), at: now)
        }
        mutating func gateHolds(at now: Double) throws -> [Request] {
            let answer = Answer(status: 0, output: "file")
            return machine.handle(.observed(try #require(watch), .path("/first"), answer), at: now)
        }
    }

    /// What is asked for, in a word each; what is only told is left out.
    func words(_ requests: [Request]) -> [String] {
        requests.compactMap { request in
            switch request {
            case .apply: "apply"
            case .guardian(_, _, let verb): "\(verb)"
            case .stop: "stop"
            case .finish: "finish"
            case .survey, .review, .watch, .lease, .wake, .tell: nil
            }
        }
    }
    func outcome(_ requests: [Request]) -> Outcome? {
        requests.compactMap { if case .finish(let outcome) = $0 { outcome } else { nil } }.last
    }
    func guardian(_ requests: [Request]) -> RequestID? {
        requests.compactMap { if case .guardian(let id, _, _) = $0 { id } else { nil } }.last
    }
    func told(_ requests: [Request]) -> (takingBack: [TaskID], finishing: [TaskID])? {
        for case .tell(.interrupted(let takingBack, let finishing)) in requests { return (takingBack, finishing) }
        return nil
    }

    @Test func aPhaseWhoseGateIsWaitedForIsTakenBack() throws {
        var run = try Conversation()
        _ = run.stepsAreThrough(at: 1)
        let first = run.machine.handle(.interrupted, at: 2)
        #expect(words(first) == ["stop", "rollback"])
        #expect(told(first)?.takingBack == [Self.task] && told(first)?.finishing == [])
        let end = run.machine.handle(.guarded(try #require(guardian(first)), Self.taken), at: 3)
        guard case .interrupted(guarded: [], let undone) = outcome(end), let failure = undone.first else {
            Issue.record("\(end)")
            return
        }
        #expect(failure.task == Self.task && failure.cause == .interrupted)
        #expect(failure.undoing == .takenBack(by: .controller, Rollback(phase: "first", because: "asked")))
    }

    @Test func stepsUnderWayAreLetThroughAndThenTakenBack() throws {
        var run = try Conversation()
        let first = run.machine.handle(.interrupted, at: 1)
        #expect(words(first) == [])
        #expect(told(first)?.takingBack == [Self.task])
        let through = run.stepsAreThrough(at: 2)
        #expect(words(through) == ["stop", "rollback"], "the watch that would go on after the steps is not needed")
        let end = run.machine.handle(.guarded(try #require(guardian(through)), Self.taken), at: 3)
        #expect(words(end) == ["finish"], "the second phase is not begun")
    }

    @Test(arguments: [nil, "/first"]) func whatIsNotTakenBackIsFinishedAndNothingNewBegins(gatePath: String?) throws {
        var run = try Conversation(window: nil, gatePath: gatePath)
        let first = run.machine.handle(.interrupted, at: 1)
        #expect(told(first)?.takingBack == [] && told(first)?.finishing == [Self.task])
        let end = run.stepsAreThrough(at: 2)
        #expect(words(end).filter { $0 != "stop" } == ["finish"])
        #expect(outcome(end) == .interrupted(guarded: [], undone: []))
    }

    @Test func aConfirmationUnderWayIsWaitedFor() throws {
        var run = try Conversation()
        _ = run.stepsAreThrough(at: 1)
        let confirming = try run.gateHolds(at: 2)
        #expect(words(confirming) == ["stop", "confirm"])
        let first = run.machine.handle(.interrupted, at: 3)
        #expect(words(first) == [] && told(first)?.finishing == [Self.task])
        let end = run.machine.handle(.guarded(try #require(guardian(confirming)), .confirmed(phase: "first")), at: 4)
        #expect(words(end) == ["finish"], "the second phase is not begun")
        #expect(outcome(end) == .interrupted(guarded: [], undone: []))
    }

    @Test func theSecondEndsTheRunAndNamesWhatIsLeftToItsGuard() throws {
        var run = try Conversation()
        _ = run.machine.handle(.interrupted, at: 1)
        let second = run.machine.handle(.interrupted, at: 1.5)
        #expect(outcome(second) == .interrupted(guarded: [Self.task], undone: []))
    }

    @Test func beforeAnythingIsChangedTheFirstEndsTheRun() {
        let phase = FixturePhase(id: "first", nodes: ["a"], steps: [Fixture.file("/first")])
        var machine = Machine(cluster: "test", order: Order(name: "test", [.init(phase)]), nodes: ["a"])
        _ = machine.handle(.begin, at: 0)
        #expect(outcome(machine.handle(.interrupted, at: 1)) == .interrupted(guarded: [], undone: []))
    }

    @Test func aNodeThatIsBeingWaitedForIsLeftToItsGuardWhenItDoesNotComeBack() throws {
        var run = try Conversation()
        let lost = LinkFailure(kind: .unreachable, message: "no route")
        _ = run.machine.handle(.lost(run.apply, lost), at: 1)
        var requests = run.machine.handle(.interrupted, at: 2)
        #expect(words(requests) == ["rollback"])
        var now = 2.0
        while outcome(requests) == nil, now < 1000 {
            now += 10
            requests =
                if let id = guardian(requests) {
                    run.machine.handle(.lost(id, lost), at: now)
                } else {
                    run.machine.handle(.woke(try #require(waking(requests))), at: now)
                }
        }
        guard case .failed(let failures) = outcome(requests), case .unconfirmed = failures.first?.undoing else {
            Issue.record("\(requests)")
            return
        }
    }

    private func waking(_ requests: [Request]) -> RequestID? {
        requests.compactMap { if case .wake(let id, _) = $0 { id } else { nil } }.last
    }

    @Test func stepsThatAreOnTheirWayAgainAreWaitedFor() throws {
        var run = try Conversation()
        let lost = run.machine.handle(.lost(run.apply, LinkFailure(kind: .unreachable, message: "no route")), at: 1)
        let again = run.machine.handle(.woke(try #require(waking(lost))), at: 3)
        for case .apply(let id, _, _, _, _) in again { run.apply = id }
        #expect(words(run.machine.handle(.interrupted, at: 4)) == [])
        let through = run.stepsAreThrough(at: 5)
        #expect(words(through).last == "rollback")
        let end = run.machine.handle(.guarded(try #require(guardian(through)), Self.taken), at: 6)
        guard case .interrupted(guarded: [], let undone) = outcome(end) else {
            Issue.record("\(end)")
            return
        }
        #expect(undone.count == 1)
    }

    @Test func whatCouldNotBePutBackIsAFailureAndNoMereInterruption() throws {
        var run = try Conversation()
        _ = run.stepsAreThrough(at: 1)
        let first = run.machine.handle(.interrupted, at: 2)
        let partly = GuardState.rolledBack(Rollback(phase: "first", because: "asked", left: "routes"))
        let end = run.machine.handle(.guarded(try #require(guardian(first)), partly), at: 3)
        guard case .failed(let failures) = outcome(end) else {
            Issue.record("\(end)")
            return
        }
        #expect(failures.map(\.cause) == [.interrupted])
    }
}
