import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

struct FailoverTests {
    private func failover(
        _ answers: Answers = VerificationTests.whole, _ inventory: Inventory? = nil
    ) throws -> Failover {
        let inventory = try inventory ?? Example.small()
        let facts = try answers.facts(inventory)
        return try Failover(inventory, facts, Verification(inventory, facts: facts), backAfterSeconds: 120)
    }

    private func reasons(_ answers: Answers, _ inventory: Inventory? = nil) throws -> [String] {
        do {
            _ = try failover(answers, inventory)
            return []
        } catch let refusal as Failover.Refusal {
            return refusal.reasons
        }
    }

    @Test func takesTheHolderAndSaysBeforehandWhatWillBeDone() throws {
        let failover = try failover()
        #expect(failover.node == "dpu-02")
        #expect(failover.askers == ["worker-01"])
        #expect(failover.url == "https://10.77.0.100:6443/ping")
        let words = failover.words.joined(separator: "\n")
        for part in [
            "dpu-02 has the endpoint's address, 10.77.0.100", "starts k3s.service after 120 s", "not after 100 s",
            "2 of 3 etcd members are there",
        ] { #expect(words.contains(part), "\(words)") }
    }

    @Test func stopsOnlyWithATimerAndStartsOnlyThatUnit() throws {
        let failover = try failover()
        guard case .command(let stop) = failover.stop.first?.operation,
            case .command(let start) = failover.start.first?.operation
        else { throw Missing() }
        #expect(stop.arguments.suffix(3) == ["pause-k3s", "k3s.service", "120"])
        #expect(stop.timeoutSeconds < 120, "the controller is through with it before the node's timer")
        #expect(start.arguments.suffix(2) == ["resume-k3s", "k3s.service"])
    }
    private struct Missing: Error {}

    @Test func refusesWhereOneLessIsNoQuorum() throws {
        let two = try Example.small([("servers:\n  server-01: {address: 10.77.0.13}\n", "")])
        var answers = VerificationTests.whole
        answers.nodes.remove(at: 2)
        #expect(try reasons(answers, two) == ["2 etcd members vote: with fewer than 3, one less is no quorum"])
    }

    @Test func refusesWhereAnythingIsNotAsItShouldBe() throws {
        var answers = VerificationTests.whole
        answers.set("dpu-01", .guardState, "armed phase=cilium nonce=x until=1\n")
        answers.set("server-01", EtcdQuestion.probe, Answer(status: 7, output: "", error: "refused\n"))
        #expect(
            try reasons(answers) == [
                "etcd-healthy on server-01 fails: etcd on server-01 does not answer: refused",
                "guard on dpu-01 fails: it is armed for cilium",
            ])
    }

    @Test func asksFromRoutersThatAreLoggedInToAndTakesThePrimaryWhereNobodyHoldsTheAddress() throws {
        let bgp = Example.announced.replacingOccurrences(
            of: "  dpu-01: {address: [10.77.0.11, \"fd77::11\"], labels: {bgp: \"yes\"}}\n",
            with: "  dpu-01: {address: [10.77.0.11, \"fd77::11\"], primary: true}\n"
                + "  \"dpu-[02-03]\": {address: [\"10.77.0.[12-13]\", \"fd77::[12-13]\"]}\n"
        ).replacingOccurrences(of: "address: 10.77.0.2, asn", with: "manage: none, address: 10.77.0.2, asn")
        let inventory = try Example.read(bgp)
        var facts = Facts()
        let rows = ["dpu-01", "dpu-02", "dpu-03"].map { "\($0)\tTrue\tTrue\tv1.35.7+k3s1\tready\n" }
        facts["dpu-01", NodesQuestion.probe] = Answer(status: 0, output: rows.joined())
        let whole = try VerificationTests.whole.verification()
        let failover = try Failover(inventory, facts, whole, backAfterSeconds: 120)
        #expect(failover.node == "dpu-01")
        #expect(failover.askers == ["worker-01", "edge"])
        #expect(failover.url == "https://10.31.0.80:6443/ping")
    }
}

/// Figures from what was seen.
struct OutageTests {
    /// Requests every 10 ms that take 4 ms; `down` are those begun in these hundredths, which fail.
    private func seen(_ count: Int, down: Set<Int> = [], every: Int = 1) -> Outage {
        var outage = Outage()
        for index in 0..<count {
            let begun = index * every
            outage.add(down.contains(begun) ? "\(1000 + begun) 000 1.000321\n" : "\(1000 + begun) 200 0.004000\n")
        }
        return outage
    }

    @Test func thereIsNoneWhereEveryRequestIsAnswered() {
        let outage = seen(100)
        #expect(outage.failed == 0 && outage.asked == 100 && outage.isOver)
        #expect(outage.longestMilliseconds == nil && outage.disturbedMilliseconds == nil)
        #expect(outage.spacingMilliseconds?.median == 10)
    }

    @Test func isTheTimeFromOneAnswerToTheNext() {
        let outage = seen(300, down: Set(100..<150))
        #expect(outage.failed == 50)
        #expect(outage.longestMilliseconds == 510)
        #expect(outage.disturbedMilliseconds == 490)
        #expect(outage.answeredSince.milliseconds == 1490)
    }

    /// While a third of the connections is led to a server that is gone, the others are answered.
    @Test func aDisturbanceIsNotAnOutage() {
        let outage = seen(600, down: Set(stride(from: 100, to: 400, by: 3)))
        #expect(outage.longestMilliseconds == 20)
        #expect(outage.disturbedMilliseconds == 2970)
    }

    /// Asked while nobody was there, answered when somebody was: the outage is as long as nobody answered.
    @Test func aLateAnswerDoesNotShortenIt() {
        var outage = seen(200, down: Set(100..<200))
        outage.add("1200 200 0.600000\n1201 200 0.590000\n1261 200 0.004000\n")
        // The last one before was begun at 10,990 ms and took 4 ms; the first one after came at 12,600 ms.
        #expect(outage.longestMilliseconds == 12_600 - 10_994)
        #expect(outage.disturbedMilliseconds == 990)
    }

    @Test func anEndThatWasNotSeenCountsAsFarAsItWasLookedAt() {
        let outage = seen(200, down: Set(100..<200))
        #expect(!outage.isOver)
        #expect(outage.longestMilliseconds == 996)
        #expect(outage.answeredSince == (0, 0))
    }

    @Test func saysHowCloselyWasLooked() {
        let spacing = seen(50, every: 3).spacingMilliseconds
        #expect(spacing?.median == 30 && spacing?.most == 30)
        var coarse = Outage()
        for index in 0..<50 { coarse.add("\(index / 10 * 100) 200 0.004\n") }
        #expect(coarse.spacingMilliseconds?.median == 1000, "a clock of whole seconds shows nothing finer")
    }

    /// What a node says may be anything.
    @Test(arguments: [
        "", "x", "1 200", "1 200 y", "-1 200 0.1", "99999999999999999999 200 0.1", "1 200 1e999", "1 200 nan",
        "9223372036854775807 200 0.1", "1 200 0.1 0.2", "1 2 3 4\n\u{0}",
    ])
    func leavesOutWhatIsNoRequest(_ line: String) {
        var outage = Outage()
        outage.add(line)
        #expect(outage.asked == 0)
    }
}
