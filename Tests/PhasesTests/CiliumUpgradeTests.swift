import Foundation
import Inventory
import Testing
import YAML

@testable import Engine
@testable import Phases
@testable import Rendering

/// What an upgrade of Cilium concludes from what the cluster says, in which order it comes to the nodes, and what it leaves.
@Suite struct CiliumUpgradeTests {
    private static let names = UpgradeFixture.servers + UpgradeFixture.workers

    private func inventory(_ version: String = "1.20.1", written: String = "{version: 1.19.4}") throws -> Inventory {
        let small = try Example.small([("{version: 1.19.4}", written)])
        return CiliumUpgrade.inventory(small, to: try #require(CiliumVersion(version)))
    }

    /// A living cluster with agents of these versions, and the chart that it has.
    private func facts(
        _ inventory: Inventory, running: String = "1.19.4", others: [String: String] = [:], chart: String? = nil,
        isHeld: Bool = false, compatibility: String? = nil, unwell: Set<String> = [], updated: Set<String> = []
    ) -> Facts {
        var facts = UpgradeFixture.facts(inventory)
        let digest = CiliumObjects(inventory, chartContent: nil).valuesDigest
        let rows = Self.names.map { name in
            let values = updated.contains(name) ? digest : "earlier"
            return "\(name)\tRunning\t\(unwell.contains(name) ? "False" : "True")\t\(values)\t\n"
        }
        for name in UpgradeFixture.servers.map({ NodeName($0) }) {
            facts[name, CiliumQuestion.pods] = Answer(status: 0, output: rows.joined())
            facts[name, CiliumAgents.envoy] = Answer(status: 0, output: rows.joined())
            let values = compatibility.map { "upgradeCompatibility: \($0)\n" } ?? "MTU: 1\n"
            facts[name, CiliumChartQuestion.probe] = Answer(
                status: 0, output: "\(chart ?? running)\t\(isHeld ? "OnDelete" : "")\n\(values)")
            facts[name, .guardState] = Answer(status: 0, output: "none")
        }
        for name in Self.names {
            let version = others[name] ?? running
            facts[NodeName(name), CiliumQuestion.status] =
                unwell.contains(name)
                ? Answer(status: 1, output: "", error: "no cilium-agent container runs on this node")
                : Answer(
                    status: 0,
                    output: """
                        {"cilium": {"state": "Ok", "msg": "\(version) (v\(version)-abcdef)"},
                         "kube-proxy-replacement": {"mode": "True"}}
                        """)
        }
        return facts
    }

    private func said(_ inventory: Inventory, _ facts: Facts) -> [String] {
        let preflight = CiliumUpgradePreflight(inventory)
        return preflight.nodes.flatMap { UpgradeFixture.words(preflight.check($0, facts)) }
    }

    // MARK: Versions

    struct Step: Sendable, CustomTestStringConvertible {
        let id: String
        var written = "{version: 1.19.4}"
        var running = "1.19.4"
        var others: [String: String] = [:]
        var chart: String?
        var isHeld = false
        var compatibility: String?
        let wanted: String
        var says: String?
        var testDescription: String { id }
    }

    static let steps = [
        Step(id: "a patch", wanted: "1.19.6"),
        Step(id: "a patch back", wanted: "1.19.3"),
        Step(id: "what runs already", wanted: "1.19.4"),
        Step(id: "the next minor", wanted: "1.20.1"),
        Step(id: "a candidate", wanted: "1.20.0-rc.1"),
        Step(id: "a skipped minor", wanted: "1.21.0", says: "minor versions must not be skipped on the way to 1.21.0"),
        Step(id: "another major", wanted: "2.19.4", says: "minor versions must not be skipped"),
        Step(id: "a minor back", wanted: "1.18.9", says: "no upgrade is under way that could go back to 1.18.9"),
        Step(
            id: "one node is behind by two", others: ["worker-01": "1.18.1"], wanted: "1.20.1",
            says: "worker-01 runs Cilium 1.18.1, and minor versions must not be skipped"),
        Step(
            id: "back in the middle of it", others: ["dpu-01": "1.20.1"], chart: "1.20.1", isHeld: true,
            compatibility: "1.19.4", wanted: "1.19.4"),
        Step(
            id: "on in the middle of it", others: ["dpu-01": "1.20.1"], chart: "1.20.1", isHeld: true,
            compatibility: "1.19.4", wanted: "1.20.1"),
        Step(
            id: "another version in the middle of it", others: ["dpu-01": "1.20.1"], chart: "1.20.1", isHeld: true,
            compatibility: "1.19.4", wanted: "1.20.2"),
        // The inventory names the wanted version already, and so does not say which one came first.
        Step(
            id: "nobody says which came first", written: "{version: 1.20.1}", wanted: "1.20.1",
            says: "the cluster's Cilium was first installed as 1.19.4, and the inventory does not say so"),
        Step(
            id: "the inventory says which came first",
            written: "{version: 1.20.1, upgradeCompatibility: 1.19.4}", wanted: "1.20.1"),
        Step(
            id: "the second minor further", written: "{version: 1.20.1, upgradeCompatibility: 1.19.4}",
            running: "1.20.1",
            compatibility: "1.19.4", wanted: "1.21.0"),
        Step(
            id: "the second minor further, and the first is forgotten", written: "{version: 1.20.1}", running: "1.20.1",
            compatibility: "1.19.4", wanted: "1.21.0",
            says: "was first installed as 1.19.4, and the inventory says 1.20.1"),
        Step(
            id: "done, and not written down", written: "{version: 1.20.1}", running: "1.20.1", compatibility: "1.19.4",
            wanted: "1.20.1", says: "was first installed as 1.19.4, and the inventory does not say so"),
        Step(
            id: "another one came first", written: "{version: 1.19.4, upgradeCompatibility: 1.18.3}", wanted: "1.19.6",
            says: "was installed as 1.19.4, and the inventory says that 1.18.3 came first"),
    ]

    @Test(arguments: steps) func versionsThatMayFollowEachOther(step: Step) throws {
        let inventory = try inventory(step.wanted, written: step.written)
        let said = said(
            inventory,
            facts(
                inventory, running: step.running, others: step.others, chart: step.chart, isHeld: step.isHeld,
                compatibility: step.compatibility))
        #expect(said.count == (step.says == nil ? 0 : 1), "\(said)")
        if let says = step.says { #expect(said.first?.contains(says) == true, "\(said)") }
    }

    @Test func versionsInTheOrderOfReleases() {
        let texts = ["1.9.10", "1.19.4-rc.1", "1.19.4", "v1.19.10", "1.20.0-pre.1", "1.20.0-rc.0", "1.20.0", "2.0.0"]
        #expect(texts.compactMap { CiliumVersion($0) }.sorted() == texts.compactMap { CiliumVersion($0) })
        #expect(texts.compactMap { CiliumVersion($0) }.count == texts.count)
        for text in ["", "1.19", "1.19.x", "1.19.4.1", "1.19.4-", "latest", "1.19.1234567"] {
            #expect(CiliumVersion(text) == nil, "\(text)")
        }
    }

    // MARK: Preflight

    @Test func allReasonsAreSaidAtOnce() throws {
        let inventory = try inventory("1.21.0")
        var facts = facts(inventory, unwell: ["dpu-02", "worker-01"])
        for name in UpgradeFixture.servers.map({ NodeName($0) }) {
            let rows = facts[name, NodesQuestion.probe]?.output ?? ""
            facts[name, NodesQuestion.probe] = Answer(
                status: 0, output: rows + "stranger\tTrue\t\tv1.35.7+k3s1\tkubelet is ready\n")
        }
        facts["dpu-01", .guardState] = Answer(status: 0, output: "armed phase=replicas nonce=1 until=2")
        let said = said(inventory, facts)
        for words in [
            "stranger has Cilium too, and the inventory does not name it", "must not be skipped",
            "Cilium on dpu-02 does not answer", "Cilium on worker-01 does not answer", "armed for replicas",
        ] {
            #expect(said.contains { $0.contains(words) }, "\(words): \(said)")
        }
    }

    @Test func inTheMiddleOfAnUpgradeOneMayBeUnwell() throws {
        let inventory = try inventory()
        #expect(said(inventory, facts(inventory, isHeld: true, unwell: ["worker-01"])) == [])
        #expect(said(inventory, facts(inventory, unwell: ["worker-01"])).count == 1)
        #expect(said(inventory, facts(inventory, isHeld: true, unwell: ["worker-01", "dpu-02"])).count == 2)
        var begun = facts(inventory, isHeld: true, unwell: ["dpu-02"])
        begun["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=cilium-agents nonce=1 until=2")
        #expect(said(inventory, begun) == [])
    }

    /// Also where the wanted chart is there already: the turn is what gives such a node its earlier one again.
    @Test func theChartWaitsForNoAgentWhileItIsHeld() throws {
        let inventory = try inventory()
        let gate = try #require(CiliumChart(inventory, .held).gate("dpu-01"))
        let released = try #require(CiliumChart(inventory, .released).gate("dpu-01"))
        let values = CiliumObjects(inventory, chartContent: nil).valuesDigest
        var facts = facts(inventory, isHeld: true, unwell: ["worker-01"], updated: Set(Self.names))
        facts["dpu-01", ReleaseQuestion.jobs] = Answer(
            status: 0, output: "helm-install-cilium\tTrue\t\t\tcilium\t1.20.1\tr\t\n")
        facts["dpu-01", ReleaseQuestion.releases] = Answer(status: 0, output: "kube-system\tcilium\t2\tdeployed\t7\n")
        facts["dpu-01", CiliumStateQuestion.probe] = Self.state("OnDelete", values)
        #expect(gate.judge(facts) == .holds)
        facts["dpu-01", CiliumStateQuestion.probe] = Self.state("RollingUpdate", values)
        #expect(released.judge(facts) == .waiting("Cilium on worker-01 is not ready"))
    }

    @Test func aCiliumThatSomebodyElseInstalledIsLeftAlone() throws {
        let inventory = try inventory()
        var facts = facts(inventory)
        for name in UpgradeFixture.servers {
            facts[NodeName(name), CiliumChartQuestion.probe] = Answer(status: 0, output: "")
        }
        #expect(said(inventory, facts) == ["Cilium was not installed by a HelmChart of K3s's"])
    }

    // MARK: What is rendered

    /// Which version came first is part of the values only where a later minor version would begin otherwise.
    @Test func theInventoryThatIsWrittenAfterwardsRendersTheSame() throws {
        let during = try inventory("1.20.1")
        let afterwards = try Example.small([
            ("{version: 1.19.4}", "{version: 1.20.1, upgradeCompatibility: 1.19.4}")
        ])
        #expect(during == afterwards)
        #expect(CiliumValues(during).values[["upgradeCompatibility"]] == .string("1.19.4"))
        let patch = try inventory("1.19.6")
        #expect(try patch == Example.small([("{version: 1.19.4}", "{version: 1.19.6}")]))
        #expect(CiliumValues(patch).values[["upgradeCompatibility"]] == nil)
    }

    @Test func aHeldChartMakesTheSamePods() throws {
        let objects = CiliumObjects(try inventory(), chartContent: nil)
        func spec(_ object: KubernetesObject) throws -> YAMLMap {
            try #require(YAMLValue(YAMLDocument.parse(object.manifest, file: "x").root).map?["spec"]?.map)
        }
        var held = try spec(objects.heldChart)
        #expect(
            held["set"] == ["updateStrategy.type": "OnDelete", "envoy.updateStrategy.type": "OnDelete"])
        held["set"] = nil
        #expect(try held == spec(objects.chart), "but for who replaces them")
        #expect(objects.heldChart.digest != objects.chart.digest, "the next run sees which one is there")
    }

    // MARK: Turns

    @Test func guardedNodesComeFirstAndTheOneWithTheAddressLastOfTheServers() throws {
        let inventory = try inventory()
        let agents = CiliumAgents(inventory)
        var facts = facts(inventory)
        let endpoint = try #require(EndpointQuestion(Cluster(inventory)))
        facts["dpu-01", endpoint.onLink] = Answer(status: 0, output: #"[{"local": "10.77.0.100"}]"#)
        #expect(agents.turns(facts) == ["dpu-02", "dpu-01", "server-01", "worker-01", "nixos-01", "pxe-01"])
        facts["dpu-01", .guardState] = Answer(status: 0, output: "armed phase=cilium-agents nonce=1 until=2")
        #expect(agents.turns(facts).first == "dpu-01")
        let begun = self.facts(inventory, unwell: ["pxe-01"], updated: ["pxe-01"])
        #expect(agents.turns(begun).first == "pxe-01", "somebody is without it already")
        #expect(agents.atOnce == 1)
    }

    /// Of those that serve with what is wanted none is begun again; one that does not is waited for.
    @Test func whoHadItsTurnIsLeftAlone() throws {
        let inventory = try inventory("1.20.1")
        let agents = CiliumAgents(inventory)
        let some: Set<String> = ["dpu-01", "worker-01"]
        var facts = facts(
            inventory, others: ["dpu-01": "1.20.1", "worker-01": "1.20.1"], isHeld: true, updated: some)
        let endpoint = try #require(EndpointQuestion(Cluster(inventory)))
        facts["dpu-02", endpoint.onLink] = Answer(status: 0, output: #"[{"local": "10.77.0.100"}]"#)
        facts[endpoint.witness, endpoint.ping] = Answer(status: 0, output: "200\npong")
        for node: NodeName in ["dpu-01", "worker-01"] {
            #expect(agents.check(node, facts) == .notApplicable("Cilium there is 1.20.1 already"))
        }
        #expect(agents.check("dpu-02", facts) == .pending("Cilium there is 1.19.4"))
        let archive = self.facts(inventory, isHeld: true, updated: some)
        #expect(agents.check("worker-01", archive) == .pending("Cilium on worker-01 says that it is 1.19.4"))
        facts["dpu-01", .guardState] = Answer(status: 0, output: "held phase=cilium-agents nonce=1 rung=1 until=2")
        #expect(agents.check("dpu-01", facts) == .satisfied, "its guard is confirmed by a turn")
    }

    @Test func whatIsWaitedForOnEachKindOfNode() throws {
        let agents = CiliumAgents(try Example.file("dual-stack-bgp.yaml"))
        for node in agents.nodes {
            let asks = try #require(agents.gate(node)).asks
            let isServer = agents.cluster[node].isControlPlane
            #expect(asks.contains(Ask(node, CiliumQuestion.status)))
            #expect(asks.contains(Ask(node, BGPQuestion.peers)) == agents.cluster.speakers.contains(node))
            #expect(asks.contains(Ask(node, EtcdQuestion.probe)) == isServer)
            #expect(asks.contains(Ask(isServer ? node : agents.cluster.reference, CiliumQuestion.pods)))
        }
    }

    @Test func serversLeadThemselvesBackAndWorkersAreLedBack() throws {
        let agents = CiliumAgents(try inventory())
        for node in agents.nodes {
            switch agents.undo(node) {
            case .restore(let first, let window):
                #expect(agents.place(node) == node && first.count == 1)
                #expect((window != nil) == (agents.cluster[node].profile.guard != nil))
            case .steps: #expect(!agents.cluster[node].isControlPlane && agents.place(node) == "dpu-01")
            case .nothing: Issue.record("\(node) is not taken back")
            }
        }
    }

    // MARK: The chart

    private static func state(_ strategy: String, _ values: String, updated: Int = 2) -> Answer {
        Answer(
            status: 0,
            output: """
                chart\t1.20.1\t
                daemonset\tcilium\t\(strategy)\t\(values)
                daemonset\tcilium-envoy\t\(strategy)\t
                operator\t2\t\(updated)\t2\t3\t3

                """)
    }

    @Test func theAgentsTurnsBeginWhenTheChartIsHeldAndTheOperatorIsOfIt() {
        func verdict(_ answer: Answer, isHeld: Bool = true) -> Verdict {
            CiliumStateQuestion.verdict(answer, values: "new", isHeld: isHeld)
        }
        #expect(verdict(Self.state("OnDelete", "new")) == .holds)
        #expect(verdict(Self.state("RollingUpdate", "new"), isHeld: false) == .holds)
        #expect(
            verdict(Self.state("RollingUpdate", "new"))
                == .waiting("the DaemonSet cilium still replaces pods by itself"))
        #expect(
            verdict(Self.state("OnDelete", "new"), isHeld: false)
                == .waiting("the DaemonSet cilium does not yet replace pods by itself"))
        #expect(verdict(Self.state("OnDelete", "old")) == .waiting("the DaemonSet of Cilium is of earlier settings"))
        #expect(
            verdict(Self.state("OnDelete", "new", updated: 1))
                == .waiting("of 2 operators of Cilium 1 are of the present settings, and 2 ready"))
        #expect(verdict(Answer(status: 1, output: "", error: "refused")) != .holds)
        #expect(verdict(Answer(status: 0, output: "")) == .waiting("there is no DaemonSet of Cilium yet"))
    }

    @Test func aReleasedChartWhoseAgentsAreAllOfItIsNotHeldAgain() throws {
        let inventory = try inventory()
        let chart = CiliumChart(inventory, .held)
        let released = try #require(CiliumChart(inventory, .released).apply("dpu-01").first { $0.operation.isChart })
        var facts = facts(inventory, updated: Set(Self.names))
        facts["dpu-01", released] = .differs(current: "")
        #expect(chart.check("dpu-01", facts) == .satisfied)
        facts["dpu-01", released] = .same
        #expect(chart.check("dpu-01", facts) == .settled)
        var behind = self.facts(inventory, updated: ["dpu-01"])
        behind["dpu-01", released] = .same
        #expect(chart.check("dpu-01", behind) == .satisfied, "the DaemonSet would go on by itself")
    }

    // MARK: bootstrap

    @Test func bootstrapLeavesAnotherVersionToThisVerb() throws {
        let written = try Example.small()
        let cluster = Cluster(written)
        #expect(CiliumChartQuestion.problem(cluster, facts(written)) == nil)
        #expect(CiliumChartQuestion.problem(cluster, Facts()) == nil, "a cluster that is not there yet")
        #expect(
            CiliumChartQuestion.problem(cluster, facts(written, running: "1.20.1", compatibility: "1.19.4"))?.what
                == "the cluster runs Cilium 1.20.1, and the inventory says 1.19.4")
        #expect(
            CiliumChartQuestion.problem(cluster, facts(written, chart: "1.20.1", isHeld: true))?.what
                == "an upgrade of Cilium is under way (the chart is 1.20.1)")
        let half = try Example.small([("{version: 1.19.4}", "{version: 1.20.1}")])
        #expect(
            CiliumChartQuestion.problem(Cluster(half), facts(half, running: "1.20.1", compatibility: "1.19.4"))?.fix
                == "write 'upgradeCompatibility: 1.19.4' below 'cilium' into the inventory")
        #expect(
            CiliumChartQuestion.problem(cluster, facts(written, running: "1.20.1", unwell: Set(Self.names))) == nil,
            "a version that never came up may be corrected")
        guard case .blocked = Cilium(written).check("dpu-01", facts(written, chart: "1.20.1", isHeld: true)) else {
            Issue.record("bootstrap would go over an upgrade")
            return
        }
    }
}

extension Engine.Operation {
    fileprivate var isChart: Bool {
        if case .object(let object) = self { return object.name == "HelmChart kube-system/cilium" }
        return false
    }
}
