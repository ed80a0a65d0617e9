import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// What a restore refuses, and the order in which it must be.
@Suite struct EtcdRestoreTests {
    private static let restore = Restore(attempt: "abc", source: .named("s-1"), server: "dpu-02")

    private static func inventory(_ changes: [(String, String)] = []) throws -> Inventory { try Example.small(changes) }

    /// Servers as bootstrap leaves them.
    private static func facts(_ inventory: Inventory) -> Facts {
        var facts = Facts()
        for node in inventory.nodes {
            facts[node.id, .guardState] = Answer(status: 0, output: "none")
            facts[node.id, .unit(node.unit)] = Answer(status: 0, output: "LoadState=loaded\nActiveState=active")
            guard node.isControlPlane else { continue }
            facts[node.id, K3sQuestion.config] = Answer(
                status: 0, output: K3sConfiguration(inventory: inventory, node: node).text)
            facts[node.id, K3sQuestion.version] = Answer(status: 0, output: "k3s version v1.35.7+k3s1 (abc)")
            facts[node.id, .path(K3sPaths.token)] = Answer(status: 0, output: "file 0600 20")
            facts[node.id, RestoreState.probe] = Answer(status: 0, output: "")
            facts[node.id, EtcdQuestion.data] = Answer(status: 0, output: "directory 0700 1")
        }
        return facts
    }

    private func words(_ phase: some Phase, _ facts: Facts) -> [String] {
        phase.nodes.flatMap { node in UpgradeFixture.words(phase.check(node, facts)).map { "\(node): \($0)" } }
    }

    @Test func wholeServersAreNotRefusedAndEmptyOnesNeither() throws {
        let inventory = try Self.inventory()
        #expect(words(RestorePreflight(inventory, Self.restore), Self.facts(inventory)) == [])
        var facts = Self.facts(inventory)
        for node in inventory.controlPlane {
            for probe in [K3sQuestion.config, K3sQuestion.version] {
                facts[node.id, probe] = Answer(status: 127, output: "", error: "not found")
            }
        }
        #expect(words(RestorePreflight(inventory, Self.restore), facts) == [])
    }

    @Test func whatIsInTheWayIsSaidAllAtOnce() throws {
        let inventory = try Self.inventory([
            ("k3s: {version: v1.35.7+k3s1, token: {env: K3S_TOKEN}}", "k3s: {version: v1.35.7+k3s1}")
        ])
        var facts = Self.facts(inventory)
        facts["dpu-01", .guardState] = Answer(status: 0, output: "armed phase=upgrade-servers nonce=x until=1")
        facts["dpu-01", .path(K3sPaths.token)] = Answer(status: 0, output: "absent")
        facts["dpu-02", RestoreState.probe] = Answer(status: 0, output: "other stopped s-0")
        facts["server-01", K3sQuestion.version] = Answer(status: 0, output: "k3s version v1.36.0+k3s1 (abc)")
        facts["pxe-01", .unit(Units.agent)] = Answer(status: 0, output: "LoadState=not-found\nActiveState=inactive")
        facts["worker-01", .guardState] = Answer(status: 0, output: "armed phase=workers nonce=x until=1")
        let said = words(RestorePreflight(inventory, Self.restore), facts)
        #expect(
            said == [
                "dpu-01: its guard is armed for upgrade-servers of an earlier run of another verb",
                "dpu-01: there is no token: the inventory names none, and /etc/rancher/k3s/token is not there",
                "dpu-02: a restore of s-0 is under way here, and has come to 'stopped'",
                "server-01: it has K3s v1.36.0+k3s1, and the inventory says v1.35.7+k3s1",
                "worker-01: its guard is armed for workers of an earlier run of another verb",
                "pxe-01: K3s was never set up there",
            ])
    }

    @Test func theSameRestoreGoesOnAndItsOwnGuardsAreItsOwn() throws {
        let inventory = try Self.inventory()
        var facts = Self.facts(inventory)
        facts["dpu-02", RestoreState.probe] = Answer(status: 0, output: "abc reset s-1")
        facts["dpu-01", RestoreState.probe] = Answer(status: 0, output: "abc aside s-1")
        facts["dpu-01", .guardState] = Answer(status: 0, output: "armed phase=rejoin-servers nonce=x until=1")
        #expect(words(RestorePreflight(inventory, Self.restore), facts) == [])
    }

    @Test(arguments: [
        ("abc stopped s-1", "abc stopped s-1", "stopped"), ("abc ended s-1", "abc ended s-1", nil),
        ("abc stopped s-1", "abc reset s-1", "reset"), ("", "", nil), ("abc ended s-1", "new stopped s-1", "stopped"),
    ])
    func whatIsUnderWay(first: String, second: String, stage: String?) {
        var facts = Facts()
        facts["a", RestoreState.probe] = Answer(status: 0, output: first)
        facts["b", RestoreState.probe] = Answer(status: 0, output: second)
        #expect(RestoreState.underWay(facts, ["a", "b", "c"])?.state.stage == stage)
    }

    // MARK: The order

    private func violations(_ entries: [Order.Entry], _ inventory: Inventory) -> [String] {
        let plan = Plan(cluster: "small", order: Order(name: "etcd-restore", entries))
        return OrderRules.violations(plan, for: inventory).filter { $0.hasPrefix("order.restore-in-turn") }
    }

    @Test func theOrderBreaksNoRule() throws {
        let inventory = try Self.inventory()
        for server in ["dpu-01", "dpu-02", "server-01"] as [NodeName] {
            let restore = Restore(attempt: "abc", source: .named("s-1"), server: server)
            let plan = Plan(cluster: "small", order: EtcdRestore.order(for: inventory, restore))
            #expect(OrderRules.violations(plan, for: inventory) == [])
        }
    }

    @Test(
        arguments: [
            ("check-snapshot", "stop-servers"), ("stop-servers", "reset-etcd"), ("reset-etcd", "set-data-aside"),
            ("forget-passwords", "rejoin-servers"), ("set-data-aside", "start-restored"), ("verify", "end-restore"),
        ] as [(PhaseID, PhaseID)])
    func whatDoesNotWaitIsAViolation(earlier: PhaseID, later: PhaseID) throws {
        let inventory = try Self.inventory()
        let order = EtcdRestore.order(for: inventory, Self.restore)
        let entries = order.entries.map { entry in
            guard entry.phase.id == later else { return entry }
            // Nor through others that come after it.
            let others = entry.after.filter { $0.phase != earlier && !order.comes($0.phase, after: earlier) }
            return Order.Entry(entry.phase, after: others)
        }
        #expect(!violations(entries, inventory).isEmpty, "\(later) without \(earlier)")
    }

    @Test func aServerThatIsForgottenIsAViolation() throws {
        let inventory = try Self.inventory()
        var part = inventory
        part.nodes.removeAll { $0.name == "server-01" }
        let entries = EtcdRestore.order(for: part, Self.restore).entries
        let said = violations(entries, inventory)
        #expect(
            said == [
                "order.restore-in-turn: server-01 is not stopped, and may go on as the earlier cluster",
                "order.restore-in-turn: server-01 keeps the earlier data, and may go on with them",
            ])
    }

    @Test func serversThatAreStartedTogetherBreakNoRule() throws {
        let inventory = try Self.inventory()
        var servers = inventory
        servers.nodes.removeAll { !$0.isControlPlane }
        let plan = Plan(cluster: "small", order: Recover.order(for: servers, members: 3))
        #expect(OrderRules.violations(plan, for: inventory) == [])
    }

    // MARK: Recovery

    @Test(
        arguments: [
            ([], [], nil), (["dpu-01"], [], nil),
            (
                ["dpu-01", "dpu-02"], [],
                "of 3 servers 2 are needed with their data of etcd, and 1 have theirs: server-01"
            ),
            (["dpu-01", "dpu-02"], ["dpu-02"], nil),
        ] as [([String], [String], String?)])
    func aQuorumNeedsItsData(without: [String], resetting: [String], says: String?) throws {
        var inventory = try Self.inventory()
        var facts = Self.facts(inventory)
        inventory.nodes.removeAll { !$0.isControlPlane }
        for name in without { facts[NodeName(name), EtcdQuestion.data] = Answer(status: 0, output: "absent") }
        for name in resetting {
            facts[NodeName(name), RestoreState.probe] = Answer(status: 0, output: "abc resetting s")
        }
        let said = words(RecoverPreflight(inventory, members: 3), facts)
        #expect(said == (says.map { ["dpu-01: \($0)"] } ?? []))
    }

    @Test func newDataAreNotGivenUp() throws {
        var inventory = try Self.inventory()
        var facts = Self.facts(inventory)
        inventory.nodes.removeAll { !$0.isControlPlane }
        facts["dpu-02", RestoreState.probe] = Answer(status: 0, output: "abc reset s-1")
        #expect(
            words(RecoverPreflight(inventory, members: 3), facts)
                == ["dpu-02: a restore of s-1 has got as far as new data here ('reset')"])
    }
}
