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
            facts[node.id, ServerData.probe] = Answer(status: 0, output: "own")
            facts[node.id, RestorePreflight.place] = Answer(status: 0, output: "")
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
            (["dpu-01"], ["dpu-02"], nil),
        ] as [([String], [String], String?)])
    func aQuorumNeedsItsData(without: [String], aside: [String], says: String?) throws {
        var inventory = try Self.inventory()
        var facts = Self.facts(inventory)
        inventory.nodes.removeAll { !$0.isControlPlane }
        for name in without {
            facts[NodeName(name), ServerData.probe] = Answer(status: 0, output: "none")
            // What was half made there does not count.
            facts[NodeName(name), RestoreState.probe] = Answer(status: 0, output: "abc resetting s")
        }
        for name in aside { facts[NodeName(name), ServerData.probe] = Answer(status: 0, output: "aside") }
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

    @Test func whoDoesNotSayHasNoDataAndTheLastServerNeedsItsOwn() throws {
        var inventory = try Self.inventory()
        inventory.nodes.removeAll { $0.name != "dpu-01" }
        for answer in [nil, Answer(status: 1, output: ""), Answer(status: 0, output: "none")] {
            var facts = Self.facts(inventory)
            facts["dpu-01", ServerData.probe] = answer
            #expect(words(RecoverPreflight(inventory, members: 1), facts).count == 1)
        }
    }

    /// The first one of the inventory may be one that has lost its data and is not started.
    @Test func theEndpointIsAskedForOfNoServerInParticular() throws {
        let inventory = try Self.inventory()
        let gate = try #require(RecoveredEndpoint(inventory).gate("dpu-01"))
        var facts = Facts()
        for ask in gate.asks where ask.node != "dpu-01" { facts[ask.node, ask.probe] = Answer(status: 0, output: "[]") }
        let endpoint = try #require(EndpointQuestion(Cluster(inventory)))
        facts["dpu-02", endpoint.onLink] = Answer(status: 0, output: #"[{"local":"10.77.0.100"}]"#)
        facts[endpoint.witness, endpoint.ping] = Answer(status: 0, output: "200\npong")
        #expect(gate.judge(facts) == .holds)
        facts[endpoint.witness, endpoint.ping] = Answer(status: 7, output: "")
        #expect(gate.judge(facts) != .holds)
    }

    @Test func aServerWithoutDataIsNamedAndNotStarted() throws {
        let inventory = try Self.inventory()
        let phase = StartServers(inventory)
        var facts = Self.facts(inventory)
        #expect(phase.check("dpu-01", facts) == .satisfied)
        facts["dpu-01", ServerData.probe] = Answer(status: 0, output: "none")
        guard case .notApplicable(let why) = phase.check("dpu-01", facts) else {
            Issue.record("it would be started")
            return
        }
        #expect(why.contains("node replace"))
        facts["dpu-01", RestoreState.probe] = Answer(status: 0, output: "abc resetting s-1")
        #expect(phase.check("dpu-01", facts) == .satisfied, "what was begun there is taken back")
        let gate = try #require(phase.gate("dpu-01"))
        #expect(gate.judge(facts) == .holds)
    }

    @Test func aMemberThatTheGuardKeepsNeedsNoAgent() throws {
        let inventory = try Self.inventory()
        var facts = Self.facts(inventory)
        facts["dpu-01", EtcdQuestion.probe] = Answer(status: 0, output: "200\n{\"health\":\"true\"}")
        facts["dpu-01", APIQuestion.probe] = Answer(status: 0, output: "ok")
        let gate = try #require(StartServers(inventory).gate("dpu-01"))
        #expect(gate.judge(facts) != .holds)
        facts["dpu-01", ServerData.probe] = Answer(status: 0, output: "own kept")
        #expect(gate.judge(facts) == .holds)
    }

    // MARK: What is under way

    @Test func dataThatCannotBeMovedAreFoundOutBefore() throws {
        let inventory = try Self.inventory()
        var facts = Self.facts(inventory)
        facts["server-01", RestorePreflight.place] = Answer(status: 1, output: "", error: "it is a mount")
        #expect(words(RestorePreflight(inventory, Self.restore), facts) == ["server-01: it is a mount"])
    }

    @Test func otherVerbsDoNotStartServersThatARestoreHasStopped() throws {
        let inventory = try Self.inventory()
        var facts = Self.facts(inventory)
        facts["dpu-02", RestoreState.probe] = Answer(status: 0, output: "abc aside s-1")
        facts["dpu-01", RestoreState.probe] = Answer(status: 0, output: "abc ended s-1 1764200000")
        let said = ["dpu-02", "dpu-01"].map { RestoreState.problems($0, facts).map(\.what) }
        #expect(said.map(\.count) == [1, 0])
        for needs in [
            Preflight(inventory).needs("dpu-02"), UpgradePreflight(inventory).needs("dpu-02"),
            KubeProxyPreflight(inventory, .disable).needs("dpu-02"),
        ] {
            #expect(needs.contains(RestoreState.probe))
        }
    }

    @Test func otherVerbsDoNotStartK3sAnewInTheMiddleOfAChangeOfTheToken() throws {
        let inventory = try Self.inventory()
        for (node, isServer) in [("dpu-02", true), ("worker-01", false)] as [(NodeName, Bool)] {
            var facts = Facts()
            #expect(TokenProblem.problems(ofChange: node, facts).isEmpty)
            facts[node, TokenProblem.underWay] = Answer(status: 0, output: "absent")
            #expect(TokenProblem.problems(ofChange: node, facts).isEmpty)
            facts[node, TokenProblem.underWay] = Answer(status: 0, output: "directory 0700 4096")
            #expect(TokenProblem.problems(ofChange: node, facts).count == 1)
            for phase in [
                UpgradePreflight(inventory), KubeProxyPreflight(inventory, .disable),
                CertsPreflight(CertsScope(inventory, endingWithinSeconds: nil)),
            ] as [any Phase] {
                #expect(phase.needs(node).contains(TokenProblem.underWay), "\(phase.id) on \(node)")
            }
            #expect(Failover.asks(inventory).contains(Ask(node, TokenProblem.underWay)) == isServer)
        }
    }

    @Test func whereTheServerWithTheNewDataIsLostNobodyHasBegun() {
        var facts = Facts()
        facts["a", RestoreState.probe] = Answer(status: 0, output: "abc aside s-1")
        facts["b", RestoreState.probe] = Answer(status: 0, output: "abc reset s-1")
        #expect(RestoreState.beginner(of: "abc", facts, ["a", "b"]) == "b")
        #expect(RestoreState.beginner(of: "abc", facts, ["a"]) == nil)
        let replacing = Restore(attempt: "new", source: .named("s-1"), server: "a", replaced: "abc")
        #expect(RestoreState.problems("a", facts, own: [replacing.attempt, replacing.replaced ?? ""]).isEmpty)
        #expect(RestoreState.problems("a", facts, own: [replacing.attempt]).count == 1)
    }

    @Test func whenARestoreHasEnded() {
        var facts = Facts()
        facts["a", RestoreState.probe] = Answer(status: 0, output: "abc ended s-1 100")
        facts["b", RestoreState.probe] = Answer(status: 0, output: "abc ended s-1 120")
        facts["c", RestoreState.probe] = Answer(status: 0, output: "x reset s-1")
        #expect(RestoreState.lastEnd(of: "s-1", facts, ["a", "b", "c"]) == 120)
        #expect(RestoreState.lastEnd(of: "s-2", facts, ["a", "b", "c"]) == nil)
        #expect(RestoreState.lastEnd(of: "s-1", facts, ["c"]) == nil)
    }

    @Test(
        arguments: [
            (["1 a", "1 a", "1 a"], true), (["1 a", "1 b", "1 a"], false), (["1 a", "2 a", "1 a"], false),
            (["1 a", nil, "1 a"], false), (["1 a", "1 a", ""], false),
        ] as [([String?], Bool)])
    func everyServerIsOfTheClusterThatWasBegun(said: [String?], holds: Bool) throws {
        let inventory = try Self.inventory()
        var facts = Facts()
        facts["dpu-02", ProveData.probe(Self.restore)] = Answer(status: 0, output: "2 of 2")
        for (node, line) in zip(["dpu-01", "dpu-02", "server-01"] as [NodeName], said) {
            facts[node, EtcdClusterQuestion.probe] = line.map { Answer(status: 0, output: $0) }
        }
        let gate = try #require(ProveData(inventory, Self.restore).gate("dpu-02"))
        #expect((gate.judge(facts) == .holds) == holds)
    }

    @Test func whoIsLeftOutIsAskedWhetherItIsDead() throws {
        let inventory = try Self.inventory()
        let restore = Restore(
            attempt: "abc", source: .named("s-1"), server: "dpu-02", leftOut: ["https://10.0.0.1:6443"])
        let steps = CheckSnapshot(inventory, restore).apply("dpu-02")
        guard case .command(let command)? = steps.last?.operation else {
            Issue.record("there is no check")
            return
        }
        #expect(command.arguments.suffix(2) == ["s-1", "https://10.0.0.1:6443"])
        #expect(command.unless?.last == "https://10.0.0.1:6443")
    }
}
