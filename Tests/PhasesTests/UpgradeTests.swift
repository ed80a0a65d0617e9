import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// What an upgrade concludes from what the cluster says, and in which order it comes to the nodes.
@Suite struct UpgradeTests {
    // MARK: Versions

    struct Skew: Sendable, CustomTestStringConvertible {
        let running: String
        let wanted: String
        let node: NodeName
        let says: String?
        var testDescription: String { "\(node): \(running) to \(wanted)" }
    }

    @Test(arguments: [
        Skew(running: "v1.35.7+k3s1", wanted: "v1.35.8+k3s1", node: "dpu-02", says: nil),
        Skew(running: "v1.35.8+k3s1", wanted: "v1.35.8+k3s1", node: "dpu-02", says: nil),
        Skew(running: "v1.35.7+k3s1", wanted: "v1.35.7+k3s2", node: "dpu-02", says: nil),
        Skew(running: "v1.35.7+k3s1", wanted: "v1.36.0+k3s1", node: "dpu-02", says: nil),
        Skew(running: "v1.35.7+k3s1", wanted: "v1.37.0+k3s1", node: "dpu-02", says: "must not be skipped"),
        Skew(running: "v1.35.8+k3s1", wanted: "v1.35.7+k3s1", node: "dpu-02", says: nil),
        Skew(running: "v1.35.8+k3s1", wanted: "v1.35.7+k3s1", node: "worker-01", says: nil),
        Skew(running: "v1.36.0+k3s1", wanted: "v1.35.9+k3s1", node: "dpu-02", says: "data do not go back"),
        Skew(running: "v1.36.0+k3s1", wanted: "v1.35.9+k3s1", node: "worker-01", says: "data do not go back"),
        Skew(running: "v1.35.7+k3s1", wanted: "v2.0.0+k3s1", node: "dpu-02", says: "must not be skipped"),
        Skew(running: "v1.33.1+k3s1", wanted: "v1.36.0+k3s1", node: "worker-01", says: nil),
        Skew(running: "v1.32.1+k3s1", wanted: "v1.36.0+k3s1", node: "worker-01", says: "three minor versions older"),
        Skew(running: "v1.35.7", wanted: "v1.35.8+k3s1", node: "worker-01", says: "no version of K3s"),
    ])
    func versionsThatMayFollowEachOther(skew: Skew) throws {
        let inventory = try UpgradeFixture.inventory(skew.wanted)
        let facts = UpgradeFixture.facts(inventory, running: skew.wanted, others: [skew.node.rawValue: skew.running])
        let said = UpgradeFixture.words(UpgradePreflight(inventory).check(skew.node, facts))
        #expect(said.count == (skew.says == nil ? 0 : 1), "\(said)")
        if let says = skew.says { #expect(said.first?.contains(says) == true, "\(said)") }
    }

    @Test func whoOnlyAppliesRefusesAnotherVersion() throws {
        let inventory = try UpgradeFixture.inventory()
        var options = Upgrade.Options()
        options.keepsVersion = true
        let said = UpgradeFixture.words(
            UpgradePreflight(inventory, options).check("dpu-02", UpgradeFixture.facts(inventory)))
        #expect(said == ["it runs v1.35.7+k3s1, and the inventory says v1.35.8+k3s1"])
        let same = try UpgradeFixture.inventory("v1.35.7+k3s1")
        #expect(UpgradePreflight(same, options).check("dpu-02", UpgradeFixture.facts(same)) == .satisfied)
    }

    @Test func aNodeThatTheClusterDoesNotKnowIsNotUpgraded() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        for name in UpgradeFixture.servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(
                status: 0, output: "dpu-01\tTrue\tTrue\tv1.35.7+k3s1\t\n")
        }
        #expect(
            UpgradeFixture.words(UpgradePreflight(inventory).check("dpu-02", facts)) == ["the cluster does not know it"]
        )
    }

    @Test func aClusterThatDoesNotAnswerIsSaidOnce() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        for name in UpgradeFixture.servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(status: 1, output: "", error: "etcdserver: no leader")
        }
        let preflight = UpgradePreflight(inventory)
        let said = preflight.nodes.flatMap { UpgradeFixture.words(preflight.check($0, facts)) }
        #expect(said == ["the cluster cannot be asked for its nodes: etcdserver: no leader"])
    }

    @Test func whatAClusterKeepsForLifeIsRefused() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        let text = K3sConfiguration(inventory: inventory, node: inventory.primary).text
        facts["dpu-01", K3sQuestion.config] = Answer(
            status: 0, output: text.replacing("10.142.0.0/16", with: "10.152.0.0/16"))
        #expect(
            UpgradeFixture.words(UpgradePreflight(inventory).check("dpu-01", facts)) == [
                "the cluster lives with cluster-cidr 10.152.0.0/16, and the inventory says 10.142.0.0/16"
            ])
    }

    @Test(
        arguments: [
            (
                "disable-network-policy: true", "disable-network-policy: true\nsecrets-encryption: true",
                "secrets-encryption"
            ),
            ("disable:", "disable:\n  - servicelb-x", nil), ("- servicelb", "- traefik2", "lives without disable"),
            ("flannel-backend: none", "flannel-backend: vxlan", "flannel-backend"), ("node-name", "x-node-name", nil),
        ] as [(String, String, String?)])
    func settingsThatAreForLifeAreComparedBothWays(old: String, new: String, says: String?) throws {
        let inventory = try UpgradeFixture.inventory()
        let text = K3sConfiguration(inventory: inventory, node: inventory.primary).text
        #expect(text.contains(old), "\(text)")
        let changed = text.replacing(old, with: new)
        let said = CriticalSettings.problems(Cluster(inventory), "dpu-01", changed, adding: true).map(\.what)
        #expect(said.count == (says == nil ? 0 : 1), "\(said)")
        if let says { #expect(said.first?.contains(says) == true) }
    }

    @Test func anotherTokenIsRefused() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        let steps = K3sFiles(cluster: Cluster(inventory)).steps("dpu-02")
        let token = try #require(steps.first { $0.operation.touchedPaths.contains(K3sPaths.token) })
        facts["dpu-02", token] = .same
        #expect(UpgradePreflight(inventory).check("dpu-02", facts) == .satisfied)
        facts["dpu-02", token] = .differs(current: "(differs; secret)")
        #expect(
            UpgradeFixture.words(UpgradePreflight(inventory).check("dpu-02", facts)) == [
                "the inventory has another token than the cluster"
            ])
    }

    @Test(
        arguments: [
            ("armed phase=upgrade-servers nonce=x until=1", nil), ("none", nil),
            ("armed phase=replicas nonce=x until=1", "armed for replicas"),
            ("held phase=cilium nonce=x rung=2", "armed for cilium"),
        ] as [(String, String?)])
    func theGuardOfAnotherVerbIsLeftToIt(line: String, says: String?) throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        facts["dpu-02", .guardState] = Answer(status: 0, output: line)
        let said = UpgradeFixture.words(UpgradePreflight(inventory).check("dpu-02", facts))
        #expect(said.count == (says == nil ? 0 : 1))
        if let says { #expect(said.first?.contains(says) == true) }
    }

    // MARK: Servers

    @Test(
        arguments: [
            ([], false), (["dpu-02"], false), (["dpu-02", "server-01"], true),
        ] as [(Set<String>, Bool)])
    func oneServerThatIsNotWellIsLedBackAndTwoAreRefused(unwell: Set<String>, isRefused: Bool) throws {
        let inventory = try UpgradeFixture.inventory()
        let facts = UpgradeFixture.facts(inventory, unwell: unwell)
        let said = UpgradeFixture.words(UpgradePreflight(inventory).check("dpu-01", facts))
        #expect(said.contains { $0.contains("not healthy voters") } == isRefused, "\(said)")
    }

    @Test func aMemberThatTheInventoryDoesNotNameIsRefused() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        let rows = (facts["dpu-01", NodesQuestion.probe]?.output ?? "") + "old-04\tUnknown\tTrue\tv1.35.7+k3s1\t\n"
        for name in UpgradeFixture.servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(status: 0, output: rows)
        }
        #expect(
            UpgradeFixture.words(UpgradePreflight(inventory).check("dpu-01", facts)) == [
                "old-04 is a member of etcd, and no server of the inventory"
            ])
    }

    @Test func aLearnerIsNotWell() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory)
        let rows = facts["dpu-01", NodesQuestion.probe]?.output.replacing(
            "dpu-02\tTrue\tTrue", with: "dpu-02\tTrue\tFalse")
        for name in UpgradeFixture.servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(status: 0, output: rows ?? "")
        }
        #expect(UpgradeServers(inventory).turns(facts).first == "dpu-02")
    }

    @Test func whoseGuardIsArmedIsFirst() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory, unwell: ["dpu-02"])
        facts["server-01", .guardState] = Answer(status: 0, output: "armed phase=upgrade-servers nonce=x until=1")
        #expect(UpgradeServers(inventory).turns(facts) == ["server-01", "dpu-02", "dpu-01"])
    }

    @Test(arguments: [
        ("ActiveState=active\nJob=0", "200\nok", true), ("ActiveState=active", "200\nok", true),
        ("ActiveState=active\nJob=4711", "200\nok", false), ("ActiveState=activating\nJob=4711", "200\nok", false),
        ("ActiveState=failed", "200\nok", false), ("ActiveState=active", "500\nno", false),
    ])
    func aRestartIsOverWhenUnitAndKubeletSaySo(unit: String, kubelet: String, holds: Bool) {
        var facts = Facts()
        facts["w", .unit(Units.agent)] = Answer(status: 0, output: unit)
        facts["w", RestartQuestion.kubelet] = Answer(status: 0, output: kubelet)
        #expect((RestartQuestion.verdict(facts, "w", Units.agent) == .holds) == holds)
        #expect(RestartQuestion.verdict(Facts(), "w", Units.agent) != .holds, "nobody was asked")
    }

    @Test(
        arguments: [
            ([], nil, ["dpu-01", "dpu-02", "server-01"]),
            ([], "dpu-01", ["dpu-02", "server-01", "dpu-01"]),
            (["server-01"], "dpu-02", ["server-01", "dpu-01", "dpu-02"]),
            (["dpu-02"], "dpu-02", ["dpu-02", "dpu-01", "server-01"]),
        ] as [(Set<String>, String?, [NodeName])])
    func theHolderIsLastAndOneThatIsNotWellFirst(unwell: Set<String>, holder: String?, order: [NodeName]) throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory, unwell: unwell)
        let endpoint = try #require(EndpointQuestion(Cluster(inventory)))
        for name in UpgradeFixture.servers {
            let output = name == holder ? #"[{"addr_info":[{"local":"10.77.0.100"}]}]"# : "[]"
            facts[NodeName(name), endpoint.onLink] = Answer(status: 0, output: output)
        }
        #expect(UpgradeServers(inventory).turns(facts) == order)
    }

    @Test func aServersTurnIsNotOverWhileItRunsTheEarlierVersion() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = UpgradeFixture.facts(inventory, running: "v1.35.8+k3s1", others: ["dpu-02": "v1.35.7+k3s1"])
        let ok = #"{"cilium":{"state":"Ok"},"kube-proxy-replacement":{"mode":"True"}}"#
        let endpoint = try #require(EndpointQuestion(Cluster(inventory)))
        for name in UpgradeFixture.servers {
            facts[NodeName(name), CiliumQuestion.status] = Answer(status: 0, output: ok)
            let output = name == "server-01" ? #"[{"addr_info":[{"local":"10.77.0.100"}]}]"# : "[]"
            facts[NodeName(name), endpoint.onLink] = Answer(status: 0, output: output)
        }
        facts[endpoint.witness, endpoint.ping] = Answer(status: 0, output: "200\npong")
        let phase = UpgradeServers(inventory)
        #expect(phase.gate("dpu-02")?.judge(facts) == .waiting("dpu-02 runs v1.35.7+k3s1"))
        #expect(phase.gate("dpu-01")?.judge(facts) == .holds)
        facts[endpoint.witness, endpoint.ping] = Answer(status: 7, output: "", error: "refused")
        #expect(phase.gate("dpu-01")?.judge(facts) != .holds, "nor while the endpoint is silent")
    }

    // MARK: The plan

    private func violations(_ change: (Order.Entry) -> Order.Entry?) throws -> [String] {
        let inventory = try Example.file("lab.yaml")
        let entries = Upgrade.order(for: inventory).entries.compactMap(change)
        let plan = Plan(cluster: "lab", order: Order(name: "upgrade", entries))
        return OrderRules.violations(plan, for: inventory).filter { $0.hasPrefix("order.upgrade-in-turn") }
    }

    @Test(
        arguments: [
            ("etcd-snapshot", "upgrade-servers"), ("upgrade-servers", "drain"),
            ("upgrade-servers", "upgrade-workers"), ("drain", "upgrade-workers"),
        ] as [(PhaseID, PhaseID)])
    func nothingIsChangedBeforeWhatItNeeds(phase: PhaseID, later: PhaseID) throws {
        #expect(try violations { $0 }.isEmpty)
        let broken = try violations { entry in
            guard entry.phase.id == later else { return entry }
            let drained: Set<PhaseID> = later == "upgrade-workers" && phase == "upgrade-servers" ? ["drain"] : []
            return .init(entry.phase, after: entry.after.filter { $0.phase != phase && !drained.contains($0.phase) })
        }
        #expect(!broken.isEmpty)
    }

    @Test func whatIsDrainedMustBeEnded() throws {
        let broken = try violations { entry in
            entry.phase.id == "uncordon"
                ? nil : .init(entry.phase, after: entry.after.filter { $0.phase != "uncordon" })
        }
        #expect(broken == ["order.upgrade-in-turn: worker-01 is drained, and nothing lets pods come back"])
    }

    @Test(arguments: ["lab", "diskless", "keepalived", "dual-stack-bgp", "unifi-bgp"])
    func everyExamplesPlanKeepsTheRules(name: String) throws {
        let inventory = try Example.file("\(name).yaml")
        let plan = Plan(cluster: inventory.name, order: Upgrade.order(for: inventory))
        #expect(OrderRules.violations(plan, for: inventory) == [])
        let servers = try #require(plan.phases.first { $0.id == "upgrade-servers" })
        #expect(servers.atOnce == 1)
        #expect(servers.work.map(\.node) == inventory.controlPlane.map(\.id))
    }
}
