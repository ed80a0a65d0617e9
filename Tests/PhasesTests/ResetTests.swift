import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// Whom a reset is about, what it refuses, and in which order it goes.
struct ResetTests {
    private func inventory() throws -> Inventory { try UpgradeFixture.inventory() }

    private func words(
        _ node: NodeName, nodes: [String]? = nil, options change: (inout Reset.Options) -> Void = { _ in },
        facts seen: (Inventory, ResetScope, inout Facts) -> Void
    ) throws -> [String] {
        let inventory = try inventory()
        var options = Reset.Options()
        options.nodes = nodes?.map { NodeName($0) }
        change(&options)
        let scope = ResetScope(inventory, options)
        var facts = UpgradeFixture.facts(inventory)
        for name in scope.nodes {
            facts[name, scope.left(name)] = Answer(status: 1, output: "link cilium_host\n")
            facts[name, .guardState] = Answer(status: 0, output: "none")
            facts[name, ResetQuestion.volumes] = Answer(status: 0, output: "")
        }
        seen(inventory, scope, &facts)
        return UpgradeFixture.words(ResetPreflight(scope, options).check(node, facts))
    }

    @Test func allNodesThatClusterctlMayChangeAreMeant() throws {
        let scope = ResetScope(try inventory(), Reset.Options())
        #expect(scope.nodes == ["dpu-01", "dpu-02", "server-01", "worker-01", "pxe-01"])
        #expect(try words("dpu-01") { _, _, _ in }.isEmpty)
    }

    @Test func somebodyElsesK3sIsLeftAlone() throws {
        let found = try words("dpu-01") { _, _, facts in
            facts["dpu-01", K3sQuestion.config] = Answer(status: 0, output: "cluster-init: true\n")
        }
        #expect(found == ["there is a K3s that clusterctl did not set up"])
    }

    /// As `curl | sh` leaves it: without a configuration file.
    @Test func aK3sWithoutAConfigurationIsSomebodyElsesToo() throws {
        func found(_ deleting: String) throws -> [String] {
            try words("dpu-01") { _, _, facts in
                facts["dpu-01", K3sQuestion.config] = Answer(status: 1, output: "")
                facts["dpu-01", EtcdQuestion.data] = Answer(status: 0, output: "directory 0700 0")
                facts["dpu-01", ResetQuestion.deleting] = Answer(status: 0, output: deleting)
            }
        }
        #expect(try found("absent") == ["there is a K3s that clusterctl did not set up"])
        #expect(try found("file 0600 0").isEmpty, "a reset that was cut goes on")
    }

    @Test func whereVolumesCannotBeSeenNothingIsDeleted() throws {
        let found = try words("worker-01") { _, _, facts in
            facts["worker-01", ResetQuestion.volumes] = Answer(status: 2, output: "", error: "Input/output error")
        }
        #expect(found.count == 1 && found[0].hasPrefix("it cannot be seen whether there are volumes"))
    }

    /// Any machine can be cut off by it.
    @Test func everyNodeHasAnArmedGuard() throws {
        let plan = Plan(cluster: "small", order: Reset.order(for: try inventory()))
        for work in plan.phases.filter({ ResetNodes.ids.contains($0.id) }).flatMap(\.work) {
            #expect(work.guardWindowSeconds != nil && work.witness != nil, "\(work.node)")
        }
    }

    @Test func volumesAreDeletedOnlyWhereThatIsSaid() throws {
        let hasVolumes: (Inventory, ResetScope, inout Facts) -> Void = { _, _, facts in
            facts["worker-01", ResetQuestion.volumes] = Answer(status: 0, output: "pvc-1\npvc-2\n")
        }
        #expect(
            try words("worker-01", facts: hasVolumes) == [
                "2 volumes of pods would be deleted, below /var/lib/rancher/k3s/storage"
            ])
        #expect(try words("worker-01", options: { $0.deletesVolumes = true }, facts: hasVolumes).isEmpty)
    }

    @Test func aNodeThatTheOthersKnowHasToLeaveFirst() throws {
        #expect(try words("worker-01", nodes: ["worker-01"]) { _, _, _ in } == ["it is still a node of the cluster"])
        let unasked: (Inventory, ResetScope, inout Facts) -> Void = { _, _, facts in
            for name in UpgradeFixture.servers { facts[NodeName(name), NodesQuestion.probe] = nil }
        }
        #expect(
            try words("worker-01", nodes: ["worker-01"], facts: unasked) == [
                "the servers that stay cannot be asked whether their cluster still knows it"
            ])
        #expect(try words("worker-01", nodes: ["worker-01"], options: { $0.isForced = true }, facts: unasked).isEmpty)
        let hasLeft: (Inventory, ResetScope, inout Facts) -> Void = { _, _, facts in
            for name in UpgradeFixture.servers {
                facts[NodeName(name), NodesQuestion.probe] = Answer(status: 0, output: "dpu-01\tTrue\tTrue\tv\tok\n")
            }
        }
        #expect(try words("worker-01", nodes: ["worker-01"], facts: hasLeft).isEmpty)
    }

    @Test func anArmedGuardOfAnotherVerbIsNotStoodOn() throws {
        func armed(_ phase: String) throws -> [String] {
            try words("dpu-01") { _, _, facts in
                facts["dpu-01", .guardState] = Answer(status: 0, output: "armed phase=\(phase) nonce=a until=9")
            }
        }
        #expect(try armed("replicas") == ["its guard is armed for replicas of an earlier run of another verb"])
        #expect(try armed("reset-servers").isEmpty)
    }

    @Test func aCleanNodeIsLeftAlone() throws {
        let inventory = try inventory()
        let scope = ResetScope(inventory, Reset.Options())
        var facts = Facts()
        facts["dpu-01", scope.left("dpu-01")] = Answer(status: 0, output: "")
        facts["dpu-01", K3sQuestion.config] = Answer(status: 0, output: "somebody's\n")
        for entry in Reset.order(for: inventory).entries where entry.phase.nodes.contains("dpu-01") {
            switch entry.phase.check("dpu-01", facts) {
            case .satisfied: #expect(entry.phase.id == "preflight")
            case .notApplicable: #expect(entry.phase.id != "preflight")
            case let other: Issue.record("\(entry.phase.id): \(other)")
            }
        }
    }

    /// Not told by what the gate's judge is called with alone: an answer that is missing or not of success holds nothing.
    @Test func theGateHoldsOnlyWhenNothingIsNamed() throws {
        let node: NodeName = "dpu-01"
        #expect(ResetQuestion.verdict(nil, on: node) != .holds)
        #expect(ResetQuestion.verdict(Answer(status: 127, output: "", error: "sh: not found"), on: node) != .holds)
        #expect(
            ResetQuestion.verdict(Answer(status: 1, output: "link lxc1\nunit k3s.service runs\n"), on: node)
                == .waiting("left on dpu-01: link lxc1; unit k3s.service runs"))
        #expect(ResetQuestion.verdict(Answer(status: 0, output: ""), on: node) == .holds)
    }

    @Test func theFilesAreThoseOfThePlan() throws {
        let inventory = try inventory()
        let words = ResetScope(inventory, Reset.Options()).deletion("dpu-01").dropFirst(3)
        for path in [K3sPaths.config, K3sPaths.binary, K3sPaths.unitFile("k3s.service"), "/etc/sysctl.d/90-clusterctl.conf"] {
            #expect(words.contains(path))
        }
        #expect(Set(words).count == words.count)
    }

    @Test func nothingIsDeletedBeforeAllIsOut() throws {
        let inventory = try inventory()
        let order = Reset.order(for: inventory)
        #expect(OrderRules.violations(Plan(cluster: "small", order: order), for: inventory).isEmpty)
        let broken = Order(
            name: "reset",
            order.entries.map { entry in
                entry.phase.id == ResetFiles.id
                    ? .init(entry.phase, after: [.all("reset-workers"), .sameNode("reset-servers")]) : entry
            })
        #expect(
            OrderRules.violations(Plan(cluster: "small", order: broken), for: inventory) == [
                "order.reset-in-turn: reset-files may start before reset-servers has passed on all nodes"
            ])
    }
}
