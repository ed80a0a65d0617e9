import Engine
import Testing

/// A node that is lost while its steps are applied: asked again ever more slowly, and told once.
@Suite struct LossTests {
    private func applying() -> (machine: Machine, id: RequestID) {
        let phase = FixturePhase(id: "p", nodes: ["a"], steps: [Fixture.file("/p")])
        var machine = Machine(cluster: "test", order: Order(name: "test", [.init(phase)]), nodes: ["a"])
        _ = machine.handle(.begin, at: 0)
        _ = machine.handle(.surveyed(1, answers: [:], states: [:]), at: 1)
        let requests = machine.agree(at: 1)
        return (machine, apply(requests) ?? 0)
    }

    private func apply(_ requests: [Request]) -> RequestID? {
        requests.compactMap { if case .apply(let id, _, _, _, _) = $0 { id } else { nil } }.last
    }

    private func wake(_ requests: [Request]) -> (id: RequestID, seconds: Int)? {
        requests.compactMap { if case .wake(let id, let seconds) = $0 { (id: id, seconds: seconds) } else { nil } }.last
    }

    private func told(_ requests: [Request]) -> [Happening] {
        requests.compactMap { if case .tell(let happening) = $0 { happening } else { nil } }
    }

    @Test func isWaitedForUntilItIsBack() throws {
        var (machine, id) = applying()
        var now = 2.0
        var pauses: [Int] = []
        var happenings: [Happening] = []
        let loss = LinkFailure(kind: .unreachable, message: "reset")
        let refused = LinkFailure(kind: .unreachable, message: "refused")
        for failure in [loss] + Array(repeating: refused, count: 12) {
            let lost = machine.handle(.lost(id, failure), at: now)
            happenings += told(lost)
            let timer = try #require(wake(lost))
            pauses.append(timer.seconds)
            now += Double(timer.seconds)
            let again = machine.handle(.woke(timer.id), at: now)
            happenings += told(again)
            id = try #require(apply(again))
        }
        #expect(pauses == [2, 2, 2, 2, 2, 2, 3, 3, 4, 5, 6, 8, 10])
        let task = TaskID(phase: "p", node: "a")
        #expect(happenings == [.linkLost("a", during: task, loss), .linkLost("a", during: task, refused)])
        let end = machine.handle(.applied(id, [.changed]), at: now)
        #expect(end.contains { if case .finish(.done(changed: 1)) = $0 { true } else { false } })
    }

    @Test func isGivenUpAfterTenMinutes() throws {
        var (machine, id) = applying()
        let loss = LinkFailure(kind: .unreachable, message: "reset")
        let timer = try #require(wake(machine.handle(.lost(id, loss), at: 2)))
        id = try #require(apply(machine.handle(.woke(timer.id), at: 601)))
        let later = try #require(wake(machine.handle(.lost(id, loss), at: 601)))
        #expect(later.seconds == 15)
        id = try #require(apply(machine.handle(.woke(later.id), at: 616)))
        let end = machine.handle(.lost(id, loss), at: 616)
        #expect(end.contains { if case .finish(.failed) = $0 { true } else { false } })
    }
}
