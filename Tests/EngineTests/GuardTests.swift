import Engine
import Simulation
import Testing

@Suite struct GuardTests {
    /// One node, guarded; the step cuts it off when `cuts`, until the guard has climbed this rung.
    func run(cuts: Bool, yieldsTo rung: Int = 1) -> (Outcome?, Simulator) {
        let phase = FixturePhase(
            id: "risky", nodes: ["a"], steps: [Fixture.file("/risky")], window: 20, gatePath: "/risky")
        let order = Order(name: "test", [.init(phase)])
        let fleet = MemoryFleet(
            ["a"], answer: Fixture.answer,
            afterStep: { _, step, host in
                guard cuts, step == Fixture.file("/risky") else { return }
                host.cut = .allConnections
                host.cutYieldsTo = rung
            })
        var simulator = Simulator(fleet)
        let outcome = simulator.run(Machine(cluster: "test", order: order, nodes: ["a"]))
        return (outcome, simulator)
    }

    @Test func isArmedBeforeTheFirstStepAndConfirmedAfterTheGate() {
        let (outcome, simulator) = run(cuts: false)
        #expect(outcome == .done(changed: 1))
        let words = simulator.requests.compactMap { request -> String? in
            switch request {
            case .apply(_, _, _, let steps, _): steps.map(\.operation.summary).joined(separator: " ")
            case .guardian(_, _, let verb): "\(verb)"
            case .stop: "gate held"
            default: nil
            }
        }
        #expect(words == ["guard /risky", "gate held", "confirm"])
        #expect(simulator.fleet["a"].guardState == GuardState.none)
    }

    @Test func aNodeThatIsCutOffTakesThePhaseBackByItself() {
        let (outcome, simulator) = run(cuts: true, yieldsTo: 4)
        guard case .failed(let failures) = outcome, let failure = failures.first else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(failure.cause == .guardFired(heldAtRung: nil))
        guard case .takenBack(by: .node, let rollback) = failure.undoing, rollback.isComplete else {
            Issue.record("\(failure.undoing)")
            return
        }
        #expect(simulator.fleet["a"].contents.files["/risky"] == nil, "the node is as it was")
        #expect(simulator.seconds < 20 + 12 + 10, "it is noticed within ten seconds of the third rung")
    }

    @Test(arguments: 1...3) func aGuardThatLetsSSHInAgainIsToldToGoAllTheWay(rung: Int) {
        let (outcome, simulator) = run(cuts: true, yieldsTo: rung)
        guard case .failed(let failures) = outcome, let failure = failures.first else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(failure.cause == .guardFired(heldAtRung: rung))
        #expect(failure.cause.summary.hasSuffix("let SSH in again at rung \(rung) of 3"))
        guard case .takenBack(by: .controller, let rollback) = failure.undoing, rollback.isComplete else {
            Issue.record("\(failure.undoing)")
            return
        }
        #expect(rollback.because == "asked")
        #expect(simulator.fleet["a"].contents.files["/risky"] == nil, "the node is as it was")
        let verbs = simulator.requests.compactMap { if case .guardian(_, _, let verb) = $0 { verb } else { nil } }
        #expect(verbs.last == .rollback && verbs.filter { $0 == .rollback }.count == 1)
        let isConfirmed = simulator.happenings.contains { if case .confirmed = $0 { true } else { false } }
        #expect(!isConfirmed, "the gate held, but the guard may have taken off what the phase needs")
    }

    @Test func aGuardHeldSinceAnEarlierRunIsTakenOverByTheNextRun() {
        let phases = ["early", "late"].map { name in
            FixturePhase(
                id: PhaseID(name), nodes: ["a"], steps: [Fixture.file("/\(name)")], window: 20, gatePath: "/\(name)")
        }
        let order = Order(name: "test", [.init(phases[0]), .init(phases[1], after: [.all("early")])])
        var machine = Machine(cluster: "test", order: order, nodes: ["a"])
        _ = machine.handle(.begin, at: 0)
        let held = Answer(status: 0, output: "held phase=late nonce=n rung=1 until=9")
        _ = machine.handle(.surveyed(1, answers: [.guardState: held], states: [:]), at: 1)
        let applied = machine.agree(at: 1).compactMap {
            if case .apply(_, let task, _, _, _) = $0 { task.phase } else { nil }
        }
        #expect(applied == ["late"], "arming for another phase would be refused by the node")
    }

    @Test func aNodeThatIsSilentWhileItsStepsRunIsTriedAgainAtOnce() throws {
        let phase = FixturePhase(id: "p", nodes: ["a"], steps: [Fixture.file("/p")], window: 90, gatePath: "/p")
        var machine = Machine(cluster: "test", order: Order(name: "test", [.init(phase)]), nodes: ["a"])
        _ = machine.handle(.begin, at: 0)
        _ = machine.handle(.surveyed(1, answers: [:], states: [:]), at: 1)
        func wake(_ requests: [Request]) -> (id: RequestID, after: Int)? {
            requests.compactMap { if case .wake(let id, let after) = $0 { (id: id, after: after) } else { nil } }.last
        }
        let timer = try #require(wake(machine.agree(at: 1)))
        #expect(timer.after == 30)
        let life = machine.handle(.woke(timer.id), at: 31).compactMap {
            if case .guardian(let id, _, _) = $0 { id } else { nil }
        }
        let lost = LinkFailure(kind: .unreachable, message: "no route")
        #expect(
            wake(machine.handle(.lost(try #require(life.first), lost), at: 41))?.after == 1, "a guard listens briefly")
    }

    @Test func whatWasPutOffIsLeftToTheNextRunAndNotCalledDone() {
        let phases = ["early", "late"].map { name in
            FixturePhase(
                id: PhaseID(name), nodes: ["a"], steps: [Fixture.file("/\(name)")], window: 20, gatePath: "/\(name)")
        }
        let order = Order(name: "test", [.init(phases[0]), .init(phases[1], after: [.all("early")])])
        let machine = Machine(cluster: "test", order: order, nodes: ["a"])
        var fleet = MemoryFleet(["a"], answer: Fixture.answer)
        #expect(fleet["a"].arm("late", windowSeconds: 20, owner: -1, at: 0) == nil)
        var first = Simulator(fleet)
        let why = "the guard of an earlier run is armed for late, which goes on first; run again after it"
        let early = Outcome.PutOff(task: TaskID(phase: "early", node: "a"), why: why)
        #expect(first.run(machine) == .unfinished(changed: 1, putOff: [early]))
        var second = Simulator(first.fleet)
        #expect(second.run(machine) == .done(changed: 1))
        #expect(second.fleet["a"].contents.files.keys.sorted() == ["/early", "/late"])
    }

    @Test func aGuardLeftArmedIsTakenOverByTheNextRun() {
        let phase = FixturePhase(
            id: "risky", nodes: ["a"], steps: [Fixture.file("/risky")], window: 20, gatePath: "/risky")
        var fleet = MemoryFleet(["a"], answer: Fixture.answer)
        fleet["a"].contents.files["/risky"] = "x"
        let refusal = fleet["a"].arm("risky", windowSeconds: 20, owner: -1, at: 0)
        #expect(refusal == nil)
        var simulator = Simulator(fleet)
        let outcome = simulator.run(
            Machine(cluster: "test", order: Order(name: "test", [.init(phase)]), nodes: ["a"]))
        #expect(outcome == .nothingToDo || outcome == .done(changed: 0))
        let confirmed = simulator.requests.contains {
            if case .guardian(_, _, .confirm) = $0 { true } else { false }
        }
        #expect(confirmed, "the guard of the killed run is disarmed")
    }

    @Test func whatAKilledRunLeftArmedGoesOnBeforeOtherPhasesOfTheNode() {
        let phases = ["early", "late"].map { name in
            FixturePhase(
                id: PhaseID(name), nodes: ["a"], steps: [Fixture.file("/\(name)")], window: 20, gatePath: "/\(name)")
        }
        var fleet = MemoryFleet(["a"], answer: Fixture.answer)
        let refusal = fleet["a"].arm("late", windowSeconds: 20, owner: -1, at: 0)
        #expect(refusal == nil)
        var simulator = Simulator(fleet)
        let order = Order(name: "test", [.init(phases[0]), .init(phases[1], after: [.all("early")])])
        _ = simulator.run(Machine(cluster: "test", order: order, nodes: ["a"]))
        let applied = simulator.requests.compactMap {
            if case .apply(_, let task, _, _, _) = $0 { task.phase } else { nil }
        }
        #expect(applied == ["late"], "arming for another phase would be refused by the node")
    }

    @Test func whatComesAfterAPhaseThatAKilledRunLeftArmedWaitsForIt() {
        // "late" on a must not be left out because the guard of "early" is armed there: "last" comes after all of it.
        let phases = [("early", "a"), ("late", "a"), ("last", "b")].map { name, node in
            FixturePhase(
                id: PhaseID(name), nodes: [NodeName(node)], steps: [Fixture.file("/\(name)")], window: 20,
                gatePath: "/\(name)")
        }
        var fleet = MemoryFleet(["a", "b"], answer: Fixture.answer)
        let refusal = fleet["a"].arm("early", windowSeconds: 20, owner: -1, at: 0)
        #expect(refusal == nil)
        var simulator = Simulator(fleet)
        let order = Order(
            name: "test",
            [.init(phases[0]), .init(phases[1], after: [.all("early")]), .init(phases[2], after: [.all("late")])])
        let outcome = simulator.run(Machine(cluster: "test", order: order, nodes: ["a", "b"]))
        #expect(outcome == .done(changed: 3))
        let applied = simulator.requests.compactMap {
            if case .apply(_, let task, _, _, _) = $0 { task.phase } else { nil }
        }
        #expect(applied == ["early", "late", "last"])
    }

    @Test(arguments: [nil, "first"] as [PhaseID?])
    func whatWasLeftArmedGoesOnBeforeWhatIsBesideIt(after: PhaseID?) {
        // Neither comes after the other: only one can have the guard, and it is armed already.
        let phases = ["first", "one", "two"].map { name in
            FixturePhase(
                id: PhaseID(name), nodes: ["a"], steps: [Fixture.file("/\(name)")],
                window: name == "first" ? nil : 20, gatePath: "/\(name)")
        }
        var fleet = MemoryFleet(["a"], answer: Fixture.answer)
        let refusal = fleet["a"].arm("two", windowSeconds: 20, owner: -1, at: 0)
        #expect(refusal == nil)
        var simulator = Simulator(fleet)
        let after = after.map { [Order.Dependency.all($0)] } ?? []
        let order = Order(
            name: "test", [.init(phases[0]), .init(phases[1], after: after), .init(phases[2], after: after)])
        #expect(
            simulator.run(Machine(cluster: "test", order: order, nodes: ["a"])) == .done(changed: 3))
        let applied = simulator.requests.compactMap {
            if case .apply(_, let task, _, _, _) = $0 { task.phase } else { nil }
        }
        #expect(applied == ["first", "two", "one"])
    }

    @Test(arguments: [
        ("none", GuardState.none),
        ("armed phase=cilium nonce=x until=1", .armed(phase: "cilium")),
        ("firing phase=cilium", .firing(phase: "cilium")),
        ("firing phase=cilium nonce=x because=deadline rung=1", .firing(phase: "cilium")),
        ("held phase=cilium nonce=x rung=2 until=1", .held(phase: "cilium", rung: 2)),
        ("too late: held phase=cilium nonce=x rung=2 until=1", .held(phase: "cilium", rung: 2)),
        ("armed otherwise: held phase=cilium nonce=y rung=2 until=1", .armedOtherwise(phase: "cilium")),
        ("confirmed phase=cilium (rung 1 stays: an accept rule)", .confirmed(phase: "cilium")),
        ("confirmed phase=cilium", .confirmed(phase: "cilium")),
        ("too late: firing phase=cilium nonce=x because=deadline", .firing(phase: "cilium")),
        (
            "rolled-back phase=cilium at=7 because=boot left=none",
            .rolledBack(Rollback(phase: "cilium", atEpochSeconds: 7, because: "boot"))
        ),
        ("armed otherwise: armed phase=cilium nonce=y until=1", .armedOtherwise(phase: "cilium")),
        ("", .failed("the guard did not answer")),
        ("sh: not found", .failed("sh: not found")),
    ])
    func itsLineIsRead(line: String, state: GuardState) { #expect(GuardState(line: line) == state) }

    @Test func whatCouldNotBePutBackIsNotTakenForComplete() {
        let state = GuardState(line: "rolled-back phase=cilium at=1 because=silence left=routes")
        #expect(state == .rolledBack(Rollback(phase: "cilium", atEpochSeconds: 1, because: "silence", left: "routes")))
        guard case .rolledBack(let rollback) = state else { return }
        #expect(!rollback.isComplete)
    }
}

@Suite struct CheckpointTests {
    @Test func oneCheckpointAtATimeOnANode() {
        let phases = ["one", "two"].map { name in
            FixturePhase(
                id: PhaseID(name), nodes: ["a"], steps: [Fixture.file("/\(name)")], canBeTakenBack: true,
                gatePath: "/\(name)")
        }
        let order = Order(name: "test", phases.map { .init($0) })
        var simulator = Simulator(MemoryFleet(["a"], answer: Fixture.answer))
        #expect(simulator.run(Machine(cluster: "test", order: order, nodes: ["a"])) == .done(changed: 2))
        let story = simulator.requests.compactMap { request -> String? in
            switch request {
            case .apply(_, let task, _, _, _): "apply \(task.phase)"
            case .guardian(_, let task, .confirm): "confirm \(task.phase)"
            default: nil
            }
        }
        #expect(story == ["apply one", "confirm one", "apply two", "confirm two"])
    }
}

@Suite struct LostConfirmationTests {
    /// Runs one guarded task by hand up to its confirmation; returns the machine and the confirmation's id.
    func confirming(window: Int?) -> (Machine, RequestID, [Request]) {
        let phase = FixturePhase(
            id: "p", nodes: ["a"], steps: [Fixture.file("/p")], window: window, canBeTakenBack: true, gatePath: "/p")
        var machine = Machine(cluster: "test", order: Order(name: "test", [.init(phase)]), nodes: ["a"])
        var id = 0
        var requests = machine.handle(.begin, at: 0)
        requests += machine.handle(.surveyed(1, answers: [:], states: [:]), at: 1)
        requests += machine.agree(at: 1)
        for case .apply(let apply, _, _, let steps, _) in requests {
            requests += machine.handle(.applied(apply, steps.map { _ in .changed }), at: 2)
        }
        for case .apply(_, _, _, _, let watch?) in requests {
            requests += machine.handle(.observed(watch.id, .path("/p"), Answer(status: 0, output: "file")), at: 3)
        }
        for case .guardian(let confirm, _, .confirm) in requests { id = confirm }
        return (machine, id, requests)
    }

    func confirms(_ requests: [Request]) -> [RequestID] {
        requests.compactMap { if case .guardian(let id, _, .confirm) = $0 { id } else { nil } }
    }

    @Test(arguments: [nil, 20])
    func isAskedForAgainAndTheTaskPasses(window: Int?) throws {
        var (machine, id, _) = confirming(window: window)
        let lost = machine.handle(.lost(id, LinkFailure(kind: .unreachable, message: "reset")), at: 4)
        let wake = try #require(
            lost.compactMap { if case .wake(let id, _) = $0 { id } else { nil } }.last)
        let again = try #require(confirms(machine.handle(.woke(wake), at: 6)).first)
        let end = machine.handle(.guarded(again, .confirmed(phase: "p")), at: 7)
        #expect(end.contains { if case .finish(.done(changed: 1)) = $0 { true } else { false } })
    }

    @Test func aGuardThatSomebodyElseDisarmedIsNoConfirmation() {
        var (machine, id, _) = confirming(window: 20)
        let end = machine.handle(.guarded(id, .none), at: 4)
        #expect(end.contains { if case .tell(.failed) = $0 { true } else { false } })
        #expect(!end.contains { if case .tell(.confirmed) = $0 { true } else { false } })
    }

    @Test func aGuardThatIsHeldMeanwhileIsNotConfirmed() {
        // Its gate holds, but the guard may have taken off what the phase needs.
        var (machine, id, _) = confirming(window: 20)
        let end = machine.handle(.guarded(id, .held(phase: "p", rung: 2)), at: 4)
        #expect(end.contains { if case .tell(.failed) = $0 { true } else { false } })
        let rollbacks = end.filter { if case .guardian(_, _, .rollback) = $0 { true } else { false } }
        #expect(rollbacks.count == 1)
    }

    @Test func anAnswerOlderThanTheStepsDoesNotOpenTheGate() throws {
        // b joins the watch on a that a's own gate began; what that watch says before it begins anew does not count.
        let one = FixturePhase(id: "one", nodes: ["a"], steps: [Fixture.file("/x")], gatePath: "/never")
        let two = FixturePhase(id: "two", nodes: ["b"], steps: [Fixture.file("/x")], gatePath: "/x", asked: "a")
        var machine = Machine(cluster: "test", order: Order(name: "t", [.init(one), .init(two)]), nodes: ["a", "b"])
        var requests = machine.handle(.begin, at: 0)
        requests += machine.handle(.surveyed(1, answers: [:], states: [:]), at: 1)
        requests += machine.handle(.surveyed(2, answers: [:], states: [:]), at: 1)
        requests += machine.agree(at: 1)
        var old: RequestID?
        for case .apply(let apply, let task, _, let steps, let watch) in requests {
            _ = machine.handle(.applied(apply, steps.map { _ in .changed }), at: 2)
            if task.node == "a" { old = watch?.id }
        }
        let watch = try #require(old)
        let early = machine.handle(.observed(watch, .path("/x"), Answer(status: 0, output: "file")), at: 2.5)
        #expect(!early.contains { if case .tell(.passed) = $0 { true } else { false } })
    }
}
