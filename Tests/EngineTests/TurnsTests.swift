import Engine
import Simulation
import Testing

/// A phase whose steps name their node, so that they can be done for several nodes on one of them.
private struct TurnPhase: Phase {
    let id: PhaseID
    var title: String { id.rawValue }
    var nodes: [NodeName] = ["b", "c", "d"]
    var atOnce = Int.max
    var ends: PhaseID?
    var placed: NodeName?
    var hasGate = false
    var window: Int?
    var order: @Sendable (Facts) -> [NodeName]?

    init(_ id: PhaseID, order: @escaping @Sendable (Facts) -> [NodeName]? = { _ in nil }) {
        self.id = id
        self.order = order
    }

    func place(_ node: NodeName) -> NodeName { placed ?? node }
    func turns(_ facts: Facts) -> [NodeName] { order(facts) ?? nodes }
    func apply(_ node: NodeName) -> [Step] { [Fixture.file("/\(id)-\(node)")] }
    func undo(_ node: NodeName) -> Undo {
        window.map { .restore(first: [], guardWindowSeconds: $0) } ?? .nothing(because: "a fixture")
    }
    func gate(_ node: NodeName) -> Gate? {
        guard hasGate else { return nil }
        let probe = Probe.path("/open-\(node)")
        return Gate(waitingFor: "\(node) to be open", asks: [Ask(node, probe)], deadlineSeconds: 30, lookAt: "") {
            $0[node, probe]?.output == "file" ? .holds : .waiting("it is shut")
        }
    }
}

/// What is begun elsewhere for a node, done on it, and ended elsewhere, as draining, changing and uncordoning are.
@Suite struct TurnsTests {
    private static let nodes: [NodeName] = ["a", "b", "c", "d"]

    private static func order(atOnce: Int = 1, turns: [NodeName]? = nil) -> Order {
        var begin = TurnPhase("begin") { _ in turns }
        begin.placed = "a"
        begin.atOnce = atOnce
        var change = TurnPhase("change")
        change.hasGate = true
        change.window = 20
        var end = TurnPhase("end")
        end.placed = "a"
        end.ends = "begin"
        return Order(
            name: "test",
            [.init(begin), .init(change, after: [.sameNode("begin")]), .init(end, after: [.sameNode("change")])])
    }

    /// - Parameter open: the nodes whose gate holds.
    private static func simulator(open: [NodeName] = ["b", "c", "d"]) -> Simulator {
        var fleet = MemoryFleet(nodes, answer: Fixture.answer)
        for node in open { fleet[node].contents.files["/open-\(node)"] = "x" }
        return Simulator(fleet)
    }

    private static func machine(_ order: Order, limit: Set<NodeName>? = nil) -> Machine {
        Machine(cluster: "test", order: order, nodes: nodes, limit: limit)
    }

    private static func applied(_ simulator: Simulator) -> [String] {
        simulator.requests.compactMap {
            if case .apply(_, let task, let place, _, _) = $0 {
                task.node == place ? "\(task.phase) \(task.node)" : "\(task.phase) \(task.node) on \(place)"
            } else {
                nil
            }
        }
    }

    /// A survey's answer where no step is done yet, and no guard armed.
    private static func nothingIsDone(_ id: RequestID, _ probes: [Probe], _ steps: [Step]) -> Event {
        let answers = Dictionary(uniqueKeysWithValues: probes.map { ($0, Answer(status: 0, output: "none")) })
        let states = Dictionary(uniqueKeysWithValues: steps.map { ($0, StepState.differs(current: "")) })
        return .surveyed(id, answers: answers, states: states)
    }

    private static func turn(_ node: NodeName) -> [String] {
        ["begin \(node) on a", "change \(node)", "end \(node) on a"]
    }

    @Test func aTurnLastsUntilWhatItBeganIsEnded() {
        var simulator = Self.simulator()
        #expect(simulator.run(Self.machine(Self.order())) == .done(changed: 9))
        #expect(Self.applied(simulator) == Self.turn("b") + Self.turn("c") + Self.turn("d"))
        #expect(simulator.fleet["a"].contents.files["/begin-c"] == "x", "done where it was to be done")
    }

    @Test(arguments: [1, 2, 3])
    func asManyHaveTheirTurnAsMay(atOnce: Int) {
        var simulator = Self.simulator()
        #expect(simulator.run(Self.machine(Self.order(atOnce: atOnce))) == .done(changed: 9))
        var out = 0
        var most = 0
        for line in Self.applied(simulator) {
            if line.hasPrefix("begin") { out += 1 }
            most = max(most, out)
            if line.hasPrefix("end") { out -= 1 }
        }
        #expect(most == atOnce)
    }

    @Test func factsGiveTheOrderOfTheTurns() {
        var simulator = Self.simulator()
        #expect(simulator.run(Self.machine(Self.order(turns: ["d", "b", "c"]))) == .done(changed: 9))
        #expect(Self.applied(simulator) == Self.turn("d") + Self.turn("b") + Self.turn("c"))
    }

    @Test func secondRunFindsNothingToDo() {
        var first = Self.simulator()
        _ = first.run(Self.machine(Self.order()))
        var second = Simulator(first.fleet)
        #expect(second.run(Self.machine(Self.order())) == .nothingToDo)
    }

    @Test func whatWasBegunIsEndedAlsoWhereTheRunFailsInBetween() {
        var simulator = Self.simulator(open: ["b", "d"])
        guard case .failed(let failures) = simulator.run(Self.machine(Self.order())) else {
            Issue.record("it did not fail")
            return
        }
        #expect(failures.map(\.task.description) == ["change on c"])
        #expect(Self.applied(simulator) == Self.turn("b") + Self.turn("c"), "nothing of d is begun")
        #expect(simulator.fleet["c"].contents.files["/change-c"] == nil, "taken back")
    }

    @Test func theNextRunGoesOnWhereAKilledOneStopped() {
        // Begun, and not ended: the node's turn goes on before another one's begins.
        var fleet = Self.simulator().fleet
        fleet["a"].contents.files["/begin-b"] = "x"
        var simulator = Simulator(fleet)
        #expect(simulator.run(Self.machine(Self.order())) == .done(changed: 8))
        #expect(
            Self.applied(simulator) == ["change b", "end b on a"] + Self.turn("c") + Self.turn("d"))
    }

    @Test func whatAKilledRunBeganIsEndedWhereTheNextOneFails() {
        var fleet = Self.simulator(open: []).fleet
        fleet["a"].contents.files["/begin-b"] = "x"
        var simulator = Simulator(fleet)
        guard case .failed = simulator.run(Self.machine(Self.order())) else {
            Issue.record("it did not fail")
            return
        }
        #expect(Self.applied(simulator) == ["change b", "end b on a"])
    }

    @Test func aFailureAtTheBeginningIsEndedToo() {
        let refused = Answer(status: 1, output: "", error: "a budget does not allow it")
        var fleet = MemoryFleet(
            Self.nodes, answer: Fixture.answer,
            failing: { _, step in step == Fixture.file("/begin-b") ? refused : nil })
        for node in Self.nodes { fleet[node].contents.files["/open-\(node)"] = "x" }
        var simulator = Simulator(fleet)
        guard case .failed(let failures) = simulator.run(Self.machine(Self.order())) else {
            Issue.record("it did not fail")
            return
        }
        #expect(failures.map(\.cause) == [.operation(Fixture.file("/begin-b"), refused)])
        #expect(Self.applied(simulator) == ["begin b on a", "end b on a"])
    }

    @Test func limitIsAboutTheNodeThatItIsDoneFor() {
        var simulator = Self.simulator()
        #expect(simulator.run(Self.machine(Self.order(), limit: ["c"])) == .done(changed: 3))
        #expect(Self.applied(simulator) == Self.turn("c"))
    }

    @Test func theUserEndsTheRunInTheMiddleOfATurn() throws {
        var machine = Self.machine(Self.order())
        var queue = machine.handle(.begin, at: 0)
        var sent: [String] = []
        var outcome: Outcome?
        while outcome == nil, !queue.isEmpty {
            let request = queue.removeFirst()
            switch request {
            case .survey(let id, _, let probes, let steps):
                queue += machine.handle(Self.nothingIsDone(id, probes, steps), at: 0)
            case .review: queue += machine.agree(at: 0)
            case .apply(let id, let task, _, let steps, _):
                sent.append("\(task.phase) \(task.node)")
                queue += machine.handle(.applied(id, steps.map { _ in .changed }), at: 1)
                // While the gate of b is waited for.
                if task.phase == "change" { queue += machine.handle(.interrupted, at: 2) }
            case .guardian(let id, let task, .rollback):
                sent.append("take back \(task.node)")
                queue += machine.handle(.guarded(id, .rolledBack(Rollback(phase: "change", because: "asked"))), at: 3)
            case .finish(let end): outcome = end
            default: break
            }
        }
        #expect(sent == ["begin b", "change b", "take back b", "end b"])
        guard case .interrupted(guarded: [], let undone) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(undone.map(\.task.description) == ["change on b"])
    }

    @Test func theUserEndsTheRunWhileTheEndOfATurnIsTriedAgain() {
        var machine = Self.machine(Self.order(), limit: ["b"])
        var queue = machine.handle(.begin, at: 0)
        var sent: [String] = []
        var outcome: Outcome?
        while outcome == nil, !queue.isEmpty {
            let request = queue.removeFirst()
            switch request {
            case .survey(let id, _, let probes, let steps):
                queue += machine.handle(Self.nothingIsDone(id, probes, steps), at: 0)
            case .review: queue += machine.agree(at: 0)
            case .apply(let id, let task, _, let steps, let watch):
                sent.append("\(task.phase) \(task.node)")
                if task.phase == "end", sent.count == 3 {
                    // The wake for another try comes behind the interrupt.
                    let lost = machine.handle(.lost(id, LinkFailure(kind: .unreachable, message: "cut")), at: 2)
                    queue += machine.handle(.interrupted, at: 3) + lost
                    continue
                }
                queue += machine.handle(.applied(id, steps.map { _ in .changed }), at: 1)
                if let watch {
                    let open = Answer(status: 0, output: "file")
                    queue += machine.handle(.observed(watch.id, watch.probes[0], open), at: 1)
                }
            case .guardian(let id, let task, .confirm):
                queue += machine.handle(.guarded(id, .confirmed(phase: task.phase)), at: 1)
            case .wake(let id, let seconds) where seconds <= 2: queue += machine.handle(.woke(id), at: 4)
            case .finish(let end): outcome = end
            default: break
            }
        }
        #expect(sent == ["begin b", "change b", "end b", "end b"])
        #expect(outcome == .interrupted(guarded: [], undone: []))
    }
}
