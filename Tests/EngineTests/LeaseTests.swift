import Engine
import Testing

/// One run at a time: what the run machine does about the lease.
@Suite struct LeaseTests {
    private let lease = Lease(owner: "other000", fence: 7, leftSeconds: 40, words: ["by": "ada@desk"])

    /// A machine with one task on each of two nodes, surveyed with these answers about the lease.
    private func surveyed(
        _ said: [String] = ["free fence=0", "free fence=0"], mayChange: Bool = true
    ) -> (machine: Machine, requests: [Request]) {
        let phase = FixturePhase(id: "p", nodes: ["a", "b"], steps: [Fixture.file("/p")])
        var machine = Machine(
            cluster: "test", order: Order(name: "test", [.init(phase)]), nodes: ["a", "b"], mayChange: mayChange)
        var requests: [Request] = []
        for case .survey(let id, _, let probes, _) in machine.handle(.begin, at: 0) {
            #expect(probes.contains(.lease))
            requests += machine.handle(.surveyed(id, answers: answers(said[id - 1]), states: [:]), at: 1)
        }
        return (machine, requests)
    }

    private func answers(_ said: String) -> [Probe: Answer] { [.lease: Answer(status: 0, output: said)] }

    private func leases(_ requests: [Request]) -> [(id: RequestID, node: NodeName, verb: LeaseVerb)] {
        requests.compactMap { if case .lease(let id, let node, let verb) = $0 { (id, node, verb) } else { nil } }
    }

    private func refusal(_ requests: [Request]) -> Outcome.Refusal? {
        requests.compactMap { if case .finish(.refused(let refusal)) = $0 { refusal } else { nil } }.first
    }

    private func applies(_ requests: [Request]) -> [RequestID] {
        requests.compactMap { if case .apply(let id, _, _, _, _) = $0 { id } else { nil } }
    }

    @Test func readsWhatANodeSays() {
        let state = LeaseState("held fence=9 number=7 left=40 owner=other000 by=ada@desk\nprogram one\nprogram two\n")
        #expect(state.holder == lease && state.fence == 9 && state.programs == ["one", "two"])
        #expect(LeaseState("free fence=3") == LeaseState("free fence=3\nnonsense\n"))
        #expect(LeaseState("held fence=3 left=4").holder == nil && LeaseState("").fence == 0)
    }

    @Test func isTakenOnTheFirstNodeBeforeTheFirstChangeAndProlonged() throws {
        var (machine, requests) = surveyed(["free fence=2", "free fence=5"])
        #expect(leases(requests).isEmpty && applies(requests).isEmpty, "nothing is taken before it is agreed to")
        let take = try #require(leases(machine.handle(.approved, at: 2)).first)
        #expect(take.node == "a" && take.verb == .take(fence: 6, seen: 2))
        requests = machine.handle(.leased(take.id, .ours), at: 3)
        #expect(applies(requests).count == 2)
        let wakes = requests.compactMap { if case .wake(let id, 20) = $0 { id } else { nil } }
        let wake = try #require(wakes.first)
        let renew = try #require(leases(machine.handle(.woke(wake), at: 23)).first)
        #expect(renew.node == "a" && renew.verb == .renew)
        let lost = machine.handle(.lost(renew.id, LinkFailure(kind: .unreachable, message: "")), at: 24)
        #expect(
            lost.contains { if case .wake(_, 2) = $0 { true } else { false } }, "it is tried again, and nothing ends")
        #expect(refusal(lost) == nil)
    }

    @Test(arguments: [0, 1]) func whoeverFindsItHeldChangesNothing(node: Int) {
        var said = ["free fence=7", "free fence=7"]
        said[node] = "held fence=7 number=7 left=40 owner=other000 by=ada@desk"
        let (_, requests) = surveyed(said)
        #expect(refusal(requests) == Outcome.Refusal(node: ["a", "b"][node], reason: .held(lease)))
        let (_, looks) = surveyed(said, mayChange: false)
        #expect(refusal(looks) == nil && looks.contains { if case .review = $0 { true } else { false } })
    }

    @Test func whoeverIsLateChangesNothing() throws {
        for answer in [LeaseAnswer.held(lease), .moved] {
            var (machine, _) = surveyed()
            let take = try #require(leases(machine.handle(.approved, at: 2)).first)
            let end = machine.handle(.leased(take.id, answer), at: 3)
            #expect(applies(end).isEmpty)
            #expect(refusal(end)?.reason == (answer == .moved ? .moved : .held(lease)))
        }
    }

    @Test func aKeeperThatIsLostIsWaitedForAMinute() throws {
        var (machine, _) = surveyed()
        let failure = LinkFailure(kind: .unreachable, message: "no route")
        var take = try #require(leases(machine.handle(.approved, at: 0)).first)
        for now in [1.0, 30, 60] {
            let wakes = machine.handle(.lost(take.id, failure), at: now)
                .compactMap { if case .wake(let id, _) = $0 { id } else { nil } }
            let wake = try #require(wakes.first)
            take = try #require(leases(machine.handle(.woke(wake), at: now)).first)
        }
        let end = machine.handle(.lost(take.id, failure), at: 61)
        guard case .finish(.unreachable(let nodes))? = end.last else {
            Issue.record("\(end)")
            return
        }
        #expect(nodes.map(\.node) == ["a"])
    }

    @Test func programsOfAnEarlierRunAreStoppedAndTheNodeAskedAgain() throws {
        var (machine, requests) = surveyed(["free fence=1", "free fence=1\nprogram other000"])
        let claim = try #require(leases(requests).first)
        #expect(claim.node == "b" && claim.verb == .claim)
        #expect(!requests.contains { if case .review = $0 { true } else { false } })
        let wakes = machine.handle(.leased(claim.id, .ours), at: 2)
            .compactMap { if case .wake(let id, _) = $0 { id } else { nil } }
        let wake = try #require(wakes.first)
        requests = machine.handle(.woke(wake), at: 4)
        guard case .survey(let id, "b", _, _)? = requests.last else {
            Issue.record("\(requests)")
            return
        }
        requests = machine.handle(.surveyed(id, answers: answers("free fence=1"), states: [:]), at: 5)
        #expect(requests.contains { if case .review = $0 { true } else { false } })
    }

    @Test func stepsOnANodeThatIsAnothersAreSentAgainWhereTheLeaseIsOurs() throws {
        var (machine, _) = surveyed()
        let task = try #require(applies(machine.agree(at: 1)).last)
        let renew = try #require(leases(machine.handle(.overtaken(task), at: 2)).first)
        #expect(renew.node == "a" && renew.verb == .renew)
        let claim = try #require(leases(machine.handle(.leased(renew.id, .ours), at: 3)).first)
        #expect(claim.node == "b" && claim.verb == .claim)
        #expect(applies(machine.handle(.leased(claim.id, .ours), at: 4)).count == 1)
    }

    @Test func aRunThatHasLostTheLeaseStopsAndNamesItsGuards() throws {
        let phase = FixturePhase(id: "p", nodes: ["a"], steps: [Fixture.file("/p")], window: 20)
        var machine = Machine(cluster: "test", order: Order(name: "test", [.init(phase)]), nodes: ["a"])
        _ = machine.handle(.begin, at: 0)
        _ = machine.handle(.surveyed(1, answers: answers("free fence=0"), states: [:]), at: 1)
        let task = try #require(applies(machine.agree(at: 1)).first)
        let renew = try #require(leases(machine.handle(.overtaken(task), at: 2)).first)
        let end = machine.handle(.leased(renew.id, .held(lease)), at: 3)
        #expect(refusal(end)?.reason == .lost(to: lease, guarded: [TaskID(phase: "p", node: "a")]))
        #expect(applies(end).isEmpty)
    }
}
