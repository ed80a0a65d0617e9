import Engine
import Testing

/// A phase that stands or goes with another one beside it, by the events of one run.
@Suite struct StandingTests {
    private static let back = Fixture.file("/back")
    private static let taken = GuardState.rolledBack(Rollback(phase: "first", because: "asked"))

    /// A run that has sent the steps of both phases: of `first` on a, one node at a time, and of `beside` on c.
    private struct Conversation {
        var machine: Machine
        private(set) var requests: [Request] = []
        private var sent: [TaskID: [(id: RequestID, steps: Int)]] = [:]

        init() {
            let first = FixturePhase(
                id: "first", nodes: ["a", "b"], atOnce: 1, steps: [Fixture.file("/first")], canBeTakenBack: true,
                gatePath: "/first")
            let beside = FixturePhase(
                id: "beside", nodes: ["c"], steps: [Fixture.file("/beside")], standsWith: "first", stepsBack: [back])
            let after = FixturePhase(id: "after", nodes: ["c"], steps: [Fixture.file("/after")])
            let order = Order(name: "test", [.init(first), .init(beside), .init(after, after: [.all("beside")])])
            machine = Machine(cluster: "test", order: order, nodes: Fixture.nodes)
            handle(.begin)
            for case .survey(let id, _, _, _) in requests { handle(.surveyed(id, answers: [:], states: [:])) }
            note(machine.agree(at: 0))
        }

        mutating func handle(_ event: Event) { note(machine.handle(event, at: 1)) }

        private mutating func note(_ new: [Request]) {
            requests += new
            for case .apply(let id, let task, _, let steps, _) in new { sent[task, default: []].append((id, steps.count)) }
        }

        func count(_ phase: PhaseID, _ node: NodeName) -> Int { sent[TaskID(phase: phase, node: node)]?.count ?? 0 }
        /// The steps that were sent last are through.
        mutating func through(_ phase: PhaseID, _ node: NodeName, failing answer: Answer? = nil) throws {
            let last = try #require(sent[TaskID(phase: phase, node: node)]?.last)
            let result = answer.map { StepResult.failed($0) } ?? .changed
            handle(.applied(last.id, Array(repeating: result, count: answer == nil ? last.steps : 1)))
        }
        mutating func gateHolds(on node: NodeName) {
            for case .apply(_, let task, _, _, let watch?) in requests where task.node == node {
                handle(.observed(watch.id, .path("/first"), Answer(status: 0, output: "file")))
            }
        }
        /// The guard does what it is told.
        mutating func guardian(_ node: NodeName, _ state: GuardState) throws {
            var last: RequestID?
            for case .guardian(let id, let task, _) in requests where task.node == node { last = id }
            handle(.guarded(try #require(last), state))
        }
        mutating func stepsAreLost() throws {
            let last = try #require(sent[TaskID(phase: "beside", node: "c")]?.last)
            handle(.lost(last.id, LinkFailure(kind: .refused, message: "no route")))
        }
        var outcome: Outcome? {
            for case .finish(let outcome) in requests { return outcome }
            return nil
        }
        var undoings: [NodeName: Failure.Undoing] {
            switch outcome {
            case .failed(let all), .interrupted(_, let all):
                Dictionary(uniqueKeysWithValues: all.map { ($0.task.node, $0.undoing) })
            default: [:]
            }
        }
    }

    @Test func whatComesAfterItWaitsUntilAllOfTheOtherStands() throws {
        var run = Conversation()
        try run.through("beside", "c")
        for node in ["a", "b"] as [NodeName] {
            #expect(run.count("after", "c") == 0, "\(node) may still be taken back")
            try run.through("first", node)
            run.gateHolds(on: node)
            try run.guardian(node, .confirmed(phase: "first"))
        }
        #expect(run.count("after", "c") == 1 && run.count("beside", "c") == 1)
        try run.through("after", "c")
        #expect(run.outcome == .done(changed: 4))
    }

    @Test func itIsTakenBackWithTheOther() throws {
        var run = Conversation()
        try run.through("beside", "c")
        try run.through("first", "a", failing: Answer(status: 1, output: "", error: "no"))
        #expect(run.count("beside", "c") == 1, "not before the other is taken back")
        try run.guardian("a", Self.taken)
        #expect(run.count("beside", "c") == 2)
        #expect(run.outcome == nil)
        try run.through("beside", "c")
        let rollback = Rollback(phase: "beside", because: Rollback.steps)
        #expect(run.undoings["c"] == .takenBack(by: .controller, rollback))
        #expect(run.undoings.count == 2 && run.count("after", "c") == 0 && run.count("first", "b") == 0)
    }

    /// Its steps end later than the other's way back.
    @Test func itIsTakenBackAlsoWhereItIsStillAtWork() throws {
        var run = Conversation()
        try run.through("first", "a", failing: Answer(status: 1, output: "", error: "no"))
        try run.guardian("a", Self.taken)
        #expect(run.outcome == nil)
        try run.through("beside", "c")
        #expect(run.count("beside", "c") == 2)
        try run.through("beside", "c", failing: Answer(status: 1, output: "", error: "the API is gone"))
        #expect(run.undoings["c"] == .leftAsIs(because: "its steps back were not done: the API is gone"))
    }

    @Test func stepsThatFailAreTakenBackByThemselves() throws {
        var run = Conversation()
        try run.through("beside", "c", failing: Answer(status: 1, output: "", error: "no"))
        #expect(run.count("beside", "c") == 2)
        try run.stepsAreLost()
        try run.through("first", "a")
        run.gateHolds(on: "a")
        try run.guardian("a", .confirmed(phase: "first"))
        #expect(run.undoings == ["c": .leftAsIs(because: "its steps back were not done: no route")])
    }

    @Test func aNodeThatCannotBeReachedIsNotAskedToGoBack() throws {
        var run = Conversation()
        try run.stepsAreLost()
        #expect(run.count("beside", "c") == 1)
        try run.through("first", "a")
        run.gateHolds(on: "a")
        try run.guardian("a", .confirmed(phase: "first"))
        #expect(run.undoings == ["c": .leftAsIs(because: "its steps back were not done: no route")])
    }

    @Test(arguments: [true, false]) func whatTheUserEndsGoesBackWithTheOther(isThrough: Bool) throws {
        var run = Conversation()
        if isThrough { try run.through("beside", "c") }
        try run.through("first", "a")
        run.handle(.interrupted)
        if !isThrough { try run.through("beside", "c") }
        #expect(run.count("beside", "c") == 1, "not before the other is taken back")
        try run.guardian("a", Self.taken)
        #expect(run.count("beside", "c") == 2)
        try run.through("beside", "c")
        guard case .interrupted(guarded: [], _)? = run.outcome else {
            Issue.record("\(String(describing: run.outcome))")
            return
        }
        #expect(run.undoings.count == 2)
    }
}
