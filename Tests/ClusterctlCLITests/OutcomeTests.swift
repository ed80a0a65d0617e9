import Engine
import Inventory
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
        ("interrupted", .interrupted(guarded: [], undone: []), 130),
        ("interrupted, a step failed", failed(.interrupted, .takenBack(by: .controller, complete)), 1),
        ("interrupted, taken back in part", failed(.interrupted, .takenBack(by: .controller, partial)), 6),
        ("interrupted and lost", failed(.interrupted, .unconfirmed("no route")), 6),
        ("refused", .refused(.init(node: "dpu-01", reason: .moved)), 7),
        ("gate", failed(.gate(waitingFor: "", lastSeen: ""), .takenBack(by: .controller, complete)), 5),
        ("gate, nothing taken back", failed(.gate(waitingFor: "", lastSeen: ""), .leftAsIs(because: "a test")), 1),
        ("guard", failed(.guardFired(heldAtRung: nil), .takenBack(by: .node, complete)), 5),
        ("partly", failed(.guardFired(heldAtRung: nil), .takenBack(by: .node, partial)), 6),
        ("unknown", failed(.guardFired(heldAtRung: nil), .unconfirmed("no route")), 6),
        ("rescued", failed(.guardFired(heldAtRung: nil), .rescued(complete, over: "ssh h", ordinary: nil)), 5),
        ("rescued in part", failed(.guardFired(heldAtRung: nil), .rescued(partial, over: "ssh h", ordinary: nil)), 6),
        (
            "rescued and silent",
            failed(
                .guardFired(heldAtRung: nil),
                .rescued(complete, over: "ssh h", ordinary: LinkFailure(kind: .unreachable, message: ""))), 6
        ),
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

    private func end(_ undoing: Failure.Undoing) throws -> [String] {
        let text = """
            version: 1
            name: edge
            k3s: {version: v1.35.7+k3s1}
            network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
            cilium: {version: 1.19.4}
            endpoint: {dns: api.example.org}
            dpus: {dpu-01: {address: 10.0.0.1, outOfBand: {proxyJump: h1, address: 192.168.100.2}}}
            """
        let site = try Site(InventoryReader.read(text: text, file: "e.yaml").get().inventory, orders: .standard)
        return OutcomeText.lines(Self.failed(.guardFired(heldAtRung: nil), undoing), site: site, journal: "j")
    }

    @Test func aPhaseThatIsLostEndsWithTheCard() throws {
        let lines = try end(.unconfirmed("no route\nfirewall?\nover the rescue path (ssh h1): h1 is off"))
        let place = try #require(lines.firstIndex(of: "  whether the phase was taken back is not known: no route"))
        #expect(
            lines[(place + 1)...(place + 3)] == [
                "    firewall?", "    over the rescue path (ssh h1): h1 is off", "  out of band to dpu-01:",
            ])
        #expect(lines.contains("         sh /var/lib/clusterctl/guard/guard.sh rollback cilium"))
    }

    @Test func aPhaseThatWasRescuedTellsHowAndWhetherTheNodeIsBack() throws {
        let back = try end(.rescued(Self.complete, over: "ssh h1, then 192.168.100.2", ordinary: nil))
        #expect(
            back.contains {
                $0.hasPrefix("  taken back over the rescue path (ssh h1, then 192.168.100.2): the phase was taken back")
            })
        #expect(back.contains("  SSH answers again") && !back.joined().contains("out of band"))
        let silent = LinkFailure(kind: .unreachable, message: "no route\nfirewall?")
        let gone = try end(.rescued(Self.complete, over: "ssh h1", ordinary: silent))
        let place = try #require(gone.firstIndex(of: "  SSH does not answer at its own address: no route"))
        #expect(gone[(place + 1)...(place + 2)] == ["    firewall?", "  out of band to dpu-01:"])
        #expect(gone.contains("    cilium was taken back there"))
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
