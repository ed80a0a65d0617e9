import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// What an upgrade concludes about workers: how many at a time, who is drained, and what would block that.
@Suite struct UpgradeWorkersTests {
    @Test(arguments: [
        ("1", 5, 1), ("2", 5, 2), ("9", 5, 4), ("5", 5, 4), ("1", 1, 1), ("3", 1, 1), ("1", 0, 1), ("25%", 4, 1),
        ("25%", 3, 1), ("50%", 5, 2), ("99%", 200, 198), ("100%", 5, 4), ("100%", 1, 1), ("1%", 5, 1),
    ])
    func howManyAtATime(text: String, workers: Int, count: Int) throws {
        #expect(try #require(WorkersAtOnce(text)).count(of: workers) == count)
    }

    @Test(arguments: ["0", "-1", "", "%", "0%", "101%", "two", "1.5", "01", "+1", " 1", "1 %", "9999999"])
    func whatIsNoNumberOfWorkers(text: String) { #expect(WorkersAtOnce(text) == nil) }

    @Test func onlyWhoIsChangedIsDrained() throws {
        let inventory = try UpgradeFixture.inventory()
        let drain = Drain(inventory, Drain.Settings(), atOnce: .number(1))
        var facts = UpgradeFixture.facts(inventory)
        #expect(drain.nodes == ["worker-01", "pxe-01"], "never one that its operator changes")
        for step in UpgradeWorkers(inventory).apply("worker-01") { facts["worker-01", step] = .same }
        #expect(drain.check("worker-01", facts) == .notApplicable("nothing is changed on worker-01"))
        #expect(drain.check("pxe-01", facts) == .pending("pxe-01 is about to be changed"))
    }

    @Test func aWorkerOfItsOperatorIsPutOffUntilItHasFollowed() throws {
        let inventory = try UpgradeFixture.inventory()
        let phase = UpgradeWorkers(inventory)
        guard case .putOff(let why) = phase.check("nixos-01", UpgradeFixture.facts(inventory)) else {
            Issue.record("it is not put off")
            return
        }
        #expect(why.contains("its own configuration has to bring K3s v1.35.8+k3s1"))
        let followed = UpgradeFixture.facts(inventory, others: ["nixos-01": "v1.35.8+k3s1"])
        #expect(phase.check("nixos-01", followed) == .satisfied)
    }

    private static func pod(_ name: String, on node: String = "worker-01", _ why: String = "kept") -> String {
        "pod\tdefault\t\(name)\t\(node)\t\(why)\t{\"app\":\"web\"}\n"
    }

    private static func budget(_ selector: String = #"{"matchLabels":{"app":"web"}}"#) -> String {
        "budget\tdefault\tweb\t\(selector)\n"
    }

    struct Drained: Sendable, CustomTestStringConvertible {
        let what: String
        let answer: String
        let says: [String]
        var testDescription: String { what }
    }

    @Test(arguments: [
        Drained(what: "nothing", answer: "", says: []),
        Drained(what: "a budget", answer: budget() + pod("a"), says: ["default/web lets none"]),
        Drained(what: "pods elsewhere", answer: budget() + pod("a", on: "dpu-02"), says: []),
        Drained(what: "other pods", answer: budget(#"{"matchLabels":{"app":"db"}}"#) + pod("a"), says: []),
        Drained(
            what: "an expression",
            answer: budget(#"{"matchExpressions":[{"key":"app","operator":"In","values":["db","web"]}]}"#) + pod("a"),
            says: ["lets none"]),
        Drained(
            what: "one that does not hold",
            answer: budget(#"{"matchExpressions":[{"key":"app","operator":"DoesNotExist"}]}"#) + pod("a"), says: []),
        Drained(what: "all pods", answer: budget("{}") + pod("a"), says: ["lets none"]),
        Drained(what: "alone", answer: pod("a", "alone"), says: ["nobody makes default/a anew"]),
        Drained(what: "with data", answer: pod("a", "local"), says: ["default/a on worker-01 would lose"]),
        Drained(what: "both", answer: pod("a", "alone,local"), says: ["nobody makes default/a", "would lose"]),
        Drained(
            what: "many", answer: budget() + ["a", "b", "c", "d", "e"].map { pod($0) }.joined(),
            says: ["default/a, default/b, default/c and 2 more"]),
        Drained(what: "half an answer", answer: "pod\tdefault\ta\n", says: ["cannot be asked which pods"]),
        Drained(what: "another answer", answer: "(cut here)\n", says: ["cannot be asked which pods"]),
    ])
    func whatWouldBlockADrainIsNamed(drained: Drained) throws {
        let inventory = try UpgradeFixture.inventory()
        let facts = UpgradeFixture.facts(inventory, disruption: drained.answer)
        let said = UpgradeFixture.words(UpgradePreflight(inventory).check("dpu-01", facts))
        #expect(said.count == drained.says.count, "\(said)")
        for (said, words) in zip(said, drained.says) { #expect(said.contains(words)) }
    }

    @Test func whoCannotBeAskedForItsPodsIsNotDrained() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        for name in UpgradeFixture.servers {
            facts[NodeName(name), DisruptionQuestion.probe] = Answer(status: 1, output: "", error: "refused")
        }
        let said = UpgradeFixture.words(UpgradePreflight(inventory).check("dpu-01", facts))
        #expect(said == ["the cluster cannot be asked which pods a drain would send away"])
    }

    @Test func aWorkerThatIsNotReadyIsChangedWithoutADrain() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory, disruption: Self.pod("a", "alone"))
        let rows = facts["dpu-01", NodesQuestion.probe]?.output.replacing("worker-01\tTrue", with: "worker-01\tUnknown")
        for name in UpgradeFixture.servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(status: 0, output: rows ?? "")
        }
        #expect(UpgradePreflight(inventory).check("dpu-01", facts) == .satisfied)
        let drain = Drain(inventory, Drain.Settings(), atOnce: .number(1))
        #expect(
            drain.check("worker-01", facts)
                == .notApplicable("worker-01 is not ready: nobody there would end its pods"))
    }

    @Test(arguments: [("", Finding.settled), ("drained", .pending("worker-01 was drained by an earlier run"))])
    func whatAnEarlierRunHasCordonedIsEnded(annotation: String, finding: Finding) throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        let uncordon = Uncordon(inventory)
        #expect(uncordon.check("worker-01", facts) != .settled, "nobody was asked")
        facts["dpu-01", CordonQuestion.probe] = Answer(status: 0, output: "dpu-01\t\nworker-01\t\(annotation)\n")
        #expect(uncordon.check("worker-01", facts) == finding)
        for step in UpgradeWorkers(inventory).apply("worker-01") { facts["worker-01", step] = .same }
        let unchanged = annotation.isEmpty ? Finding.notApplicable("it is not drained") : finding
        #expect(uncordon.check("worker-01", facts) == unchanged)
    }

    @Test func optionsOfDraining() throws {
        let inventory = try UpgradeFixture.inventory()
        let facts = UpgradeFixture.facts(inventory, disruption: Self.budget() + Self.pod("a", "alone,local"))
        var options = Upgrade.Options()
        options.drain.force = true
        options.drain.deletesEmptyDirData = true
        options.drain.disablesEviction = true
        options.drain.gracePeriodSeconds = 5
        #expect(UpgradePreflight(inventory, options).check("dpu-01", facts) == .satisfied)
        options.drain.force = false
        options.drain.deletesEmptyDirData = false
        #expect(
            UpgradeFixture.words(UpgradePreflight(inventory, options).check("dpu-01", facts)).count == 2, "those stay")
        options.drain.force = true
        options.drain.deletesEmptyDirData = true
        let step = try #require(Drain(inventory, options.drain, atOnce: .number(1)).apply("worker-01").first)
        guard case .command(let command) = step.operation else { return }
        #expect(
            command.arguments.suffix(7) == [
                "drain", "worker-01", "--timeout=300s", "--grace-period=5", "--delete-emptydir-data", "--force",
                "--disable-eviction",
            ])
    }
}
