import Engine
import Simulation
import Testing

@Suite struct MachineTests {
    func machine(_ order: Order, limit: Set<NodeName>? = nil) -> Machine {
        Machine(cluster: "test", order: order, nodes: Fixture.nodes, limit: limit)
    }

    func simulator() -> Simulator { Simulator(MemoryFleet(Fixture.nodes, answer: Fixture.answer)) }

    func applied(_ simulator: Simulator) -> [TaskID] {
        simulator.requests.compactMap { if case .apply(_, let task, _, _, _) = $0 { task } else { nil } }
    }

    @Test func firstRunAppliesEverythingInOrder() {
        var simulator = simulator()
        #expect(simulator.run(machine(Fixture.order())) == .done(changed: 6))
        let phases = applied(simulator).map(\.phase.rawValue)
        #expect(phases == ["first", "first", "first", "second", "second", "second"])
    }

    @Test func secondRunAsksEachNodeOnceAndDoesNothing() {
        var first = simulator()
        _ = first.run(machine(Fixture.order()))
        var second = Simulator(first.fleet)
        #expect(second.run(machine(Fixture.order())) == .nothingToDo)
        let requests = second.requests.filter { if case .tell = $0 { false } else { true } }
        let surveys = requests.filter { if case .survey = $0 { true } else { false } }
        #expect(surveys.count == 3)
        #expect(requests.count == 3 + 2, "three surveys, the review and the end: \(requests)")
    }

    @Test func workThatIsDoneIsRunAgainAfterAChangeBeforeIt() {
        var first = simulator()
        _ = first.run(machine(Fixture.order()))
        var fleet = first.fleet
        fleet["b"].contents.files["/first"] = "changed by somebody"
        var second = Simulator(fleet)
        _ = second.run(machine(Fixture.order()))
        #expect(applied(second).map(\.description) == ["first on b", "second on a", "second on b", "second on c"])
    }

    @Test func atOnceOneWaitsForTheGateOfTheNodeBefore() {
        var simulator = simulator()
        _ = simulator.run(machine(Fixture.order { $0.atOnce = 1 }))
        let story = simulator.happenings.compactMap { happening -> String? in
            switch happening {
            case .applying(let task, _, _) where task.phase == "second": "apply \(task.node)"
            case .passed(let task, _) where task.phase == "second": "pass \(task.node)"
            default: nil
            }
        }
        #expect(story == ["apply a", "pass a", "apply b", "pass b", "apply c", "pass c"])
    }

    @Test func theLastNodeOfAPhaseWaitsUntilTheOthersHaveHadTheirSteps() {
        // Without gates of their own the others would pass first in any case: theirs hold only when the last is done.
        let order = Fixture.order {
            $0.last = "a"
            $0.asked = "a"
        }
        var simulator = simulator()
        #expect(simulator.run(machine(order)) == .done(changed: 6))
        let story = simulator.happenings.compactMap { happening -> String? in
            switch happening {
            case .applying(let task, _, _) where task.phase == "second": "apply \(task.node)"
            case .applied(let task, _) where task.phase == "second": "applied \(task.node)"
            default: nil
            }
        }
        #expect(story == ["apply b", "apply c", "applied b", "applied c", "apply a", "applied a"])
    }

    @Test func gatesThatAskOneNodeShareOneWatch() {
        var simulator = simulator()
        #expect(simulator.run(machine(Fixture.order { $0.asked = "a" })) == .done(changed: 6))
        var open: Set<RequestID> = []
        var most = 0
        for request in simulator.requests {
            switch request {
            case .apply(_, let task, _, _, let watch?):
                #expect(task.node == "a" && watch.probes == [.path("/second")])
                open.insert(watch.id)
            case .watch(let id, let node, let probes, _):
                #expect(node == "a" && probes == [.path("/second")])
                open.insert(id)
            case .stop(let id): open.remove(id)
            default: break
            }
            most = max(most, open.count)
        }
        #expect(most == 1)
        #expect(open.isEmpty, "nothing is watched after the run")
    }

    @Test func whatWasSeenBeforeDoesNotOpenTheGate() {
        // The gate's file is there from the start, but the node stops answering once the steps are applied.
        let order = Fixture.order { $0.gatePath = "/old" }
        var fleet = MemoryFleet(
            Fixture.nodes, answer: Fixture.answer,
            afterStep: { node, step, host in
                if step == Fixture.file("/second") { host.contents.files["/old"] = nil }
            })
        for node in Fixture.nodes { fleet[node].contents.files["/old"] = "x" }
        var simulator = Simulator(fleet)
        let outcome = simulator.run(machine(order))
        guard case .failed(let failures) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(failures.first?.cause == .gate(waitingFor: "/old to be there", lastSeen: "it is absent"))
    }

    @Test func blockedRefusesBeforeAnythingIsChanged() {
        let order = Fixture.order {
            $0.finding = { node, _ in node == "a" ? .satisfied : .blocked([Problem("no", fix: "yes")]) }
        }
        var simulator = simulator()
        guard case .blocked(let blocked) = simulator.run(machine(order)) else {
            Issue.record("not blocked")
            return
        }
        #expect(blocked.map(\.task.node) == ["b", "c"], "all problems at once")
        #expect(applied(simulator).isEmpty)
    }

    @Test func unreachableNodesAreNamedTogetherAndNothingIsChanged() {
        var fleet = MemoryFleet(Fixture.nodes, answer: Fixture.answer)
        fleet["c"].cut = .allConnections
        fleet["a"].cut = .allConnections
        var simulator = Simulator(fleet)
        guard case .unreachable(let nodes) = simulator.run(machine(Fixture.order())) else {
            Issue.record("not unreachable")
            return
        }
        #expect(nodes.map(\.node) == ["a", "c"])
        #expect(applied(simulator).isEmpty)
    }

    @Test func limitRefusesWorkThatComesAfterUnfinishedWorkElsewhere() {
        var simulator = simulator()
        guard case .blocked(let blocked) = simulator.run(machine(Fixture.order(), limit: ["a"])) else {
            Issue.record("not blocked")
            return
        }
        #expect(blocked.map(\.task) == [TaskID(phase: "second", node: "a")])
    }

    @Test func limitRefusesToTearApartWhatHasToChangeTogether() {
        let tied = FixturePhase(id: "tied", nodes: ["a"], steps: [Fixture.file("/tied")], tied: "b")
        let other = FixturePhase(id: "other", nodes: ["b", "c"], steps: [Fixture.file("/other")])
        let order = Order(name: "test", [.init(tied), .init(other)])
        for (limit, named, missing) in [(["a"], "a", "b"), (["b", "c"], "b", "a")] as [(Set<NodeName>, String, String)]
        {
            var simulator = simulator()
            let problem = Problem(
                "they change together, and --limit has \(named) without \(missing)",
                fix: "add \(missing) to --limit, or take \(named) out of it")
            guard case .blocked(let blocked) = simulator.run(machine(order, limit: limit)) else {
                Issue.record("not blocked: \(limit)")
                continue
            }
            #expect(blocked.map(\.task) == [TaskID(phase: "tied", node: "a")])
            #expect(blocked.map(\.problems) == [[problem]])
            #expect(applied(simulator).isEmpty)
        }
        for limit in [["a", "b"], ["c"], nil] as [Set<NodeName>?] {
            var simulator = simulator()
            guard case .done = simulator.run(machine(order, limit: limit)) else {
                Issue.record("\(String(describing: limit))")
                continue
            }
        }
    }

    @Test func theReviewNamesWhatDoesNotConcernANode() {
        var simulator = simulator()
        let order = Fixture.order {
            $0.finding = { node, _ in node == "b" ? .notApplicable("b is of another kind") : .satisfied }
        }
        _ = simulator.run(machine(order))
        let reviews = simulator.requests.compactMap { if case .review(let review, _) = $0 { review } else { nil } }
        #expect(reviews.map(\.notApplicable) == [[TaskID(phase: "second", node: "b"): "b is of another kind"]])
    }

    @Test func whatCannotBeSeenToIsLeftToTheNextRun() {
        let task = TaskID(phase: "second", node: "b")
        let order = Fixture.order { $0.finding = { node, _ in node == "b" ? .putOff("b does not say") : .satisfied } }
        var first = simulator()
        guard case .unfinished(_, [.init(task: task, why: "b does not say")]) = first.run(machine(order)) else {
            Issue.record("it is done")
            return
        }
        var second = Simulator(first.fleet)
        #expect(
            second.run(machine(order))
                == .unfinished(changed: 0, putOff: [.init(task: task, why: "b does not say")]))
    }

    @Test func limitChangesOnlyTheNodesNamed() {
        let order = Order(
            name: "test", [.init(FixturePhase(id: "first", nodes: Fixture.nodes, steps: [Fixture.file("/first")]))])
        var simulator = simulator()
        _ = simulator.run(machine(order, limit: ["b"]))
        #expect(applied(simulator) == [TaskID(phase: "first", node: "b")])
    }

    @Test func aFailedStepStopsTheRunAndIsTakenBack() {
        let order = Fixture.order {
            $0.canBeTakenBack = true
            $0.atOnce = 1
        }
        let refused = Answer(status: 28, output: "", error: "No space left on device")
        let fleet = MemoryFleet(
            Fixture.nodes, answer: Fixture.answer,
            failing: { node, step in node == "b" && step == Fixture.file("/second") ? refused : nil })
        var simulator = Simulator(fleet)
        guard case .failed(let failures) = simulator.run(machine(order)) else {
            Issue.record("not failed")
            return
        }
        #expect(failures.map(\.task.node) == ["b"])
        #expect(failures.first?.cause == .operation(Fixture.file("/second"), refused))
        #expect(simulator.fleet["c"].contents.files["/second"] == nil, "nothing starts after a failure")
        guard case .takenBack(.controller, let rollback)? = failures.first?.undoing, rollback.isComplete else {
            Issue.record("not taken back: \(String(describing: failures.first?.undoing))")
            return
        }
    }
}

@Suite struct RollingTests {
    @Test func keepsTheOrderOfTheNodesWhicheverIsReadyFirst() {
        // The first node's preparation has work to do, the others' is done: they are ready before it.
        let prepare = FixturePhase(id: "prepare", nodes: Fixture.nodes, steps: [Fixture.file("/p")], gatePath: "/p")
        let roll = FixturePhase(
            id: "roll", nodes: Fixture.nodes, atOnce: 1, steps: [Fixture.file("/roll")], gatePath: "/roll")
        let order = Order(name: "test", [.init(prepare), .init(roll, after: [.sameNode("prepare")])])
        var fleet = MemoryFleet(Fixture.nodes, answer: Fixture.answer)
        for node in ["b", "c"] as [NodeName] { fleet[node].contents.files["/p"] = "x" }
        var simulator = Simulator(fleet)
        _ = simulator.run(Machine(cluster: "test", order: order, nodes: Fixture.nodes))
        let rolled = simulator.requests.compactMap { request -> NodeName? in
            if case .apply(_, let task, _, _, _) = request, task.phase == "roll" { task.node } else { nil }
        }
        #expect(rolled == ["a", "b", "c"])
    }
}
