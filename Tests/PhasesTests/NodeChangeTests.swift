import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// What is concluded from a living cluster that nodes come into and leave: which server speaks for it, what is refused, and
/// that nobody begins a second cluster.
@Suite struct NodeChangeTests {
    // MARK: Who speaks for the cluster

    @Test(
        arguments: [
            ([], [], "dpu-01"), (["dpu-01"], [], "dpu-02"), ([], ["dpu-01"], "dpu-02"),
            (["dpu-01"], ["dpu-02"], "server-01"),
        ] as [(Set<String>, Set<String>, String)])
    func theFirstServerThatServesSpeaks(unreachable: Set<String>, unwell: Set<String>, speaker: String) throws {
        let read = try Fixture.inventory()
        let change = try NodeChange(
            .add, ["worker-01"], of: read, found: Fixture.found(read, unreachable: unreachable, unwell: unwell))
        #expect(change.inventory.reference.name == speaker)
        #expect(change.inventory.leftOut == unreachable)
        #expect(change.inventory.primary.name == "dpu-01", "the inventory's primary stays what it is")
    }

    @Test func withoutAServerThatServesNothingIsDone() throws {
        let read = try Fixture.inventory()
        let found = Fixture.found(read, unreachable: ["dpu-01"], unwell: ["dpu-02", "server-01"])
        let refusal = #expect(throws: NodeRefusal.self) {
            try NodeChange(.remove, ["worker-01"], of: read, found: found)
        }
        #expect(refusal?.problems.first?.what.contains("no server speaks for the cluster") == true)
        #expect(refusal?.problems.first?.what.contains("dpu-01: SSH does not reach it") == true)
    }

    @Test(
        arguments: [
            (.add, ["a", "b"], nil, ["the inventory names no node 'a'", "the inventory names no node 'b'"]),
            (.remove, ["A b"], nil, ["'A b' cannot be the name of a node"]),
            (.replace, ["dpu-01"], "c", ["the inventory names no node 'c'"]),
            (.replace, ["-x"], "c", ["the inventory names no node 'c'", "'-x' cannot be the name of a node"]),
            (.remove, ["gone"], nil, []), (.replace, ["gone"], "dpu-02", []),
        ] as [(NodeChange.Verb, [String], String?, [String])])
    func allMistakesAreToldAtOnce(verb: NodeChange.Verb, names: [String], with: String?, says: [String]) throws {
        let read = try Fixture.inventory()
        do throws(NodeRefusal) {
            _ = try NodeChange(verb, names, with: with, of: read)
            #expect(says.isEmpty)
        } catch {
            #expect(error.problems.map(\.what) == says)
        }
    }

    @Test(arguments: [NodeChange.Verb.remove, .replace, .add])
    func theLastServerNeitherLeavesNorIsItsOwnWayBack(verb: NodeChange.Verb) throws {
        let read = try Example.small([
            ("  dpu-02: {address: 10.77.0.12}\n", ""), ("servers:\n  server-01: {address: 10.77.0.13}\n", ""),
        ])
        #expect(throws: NodeRefusal.self) { try NodeChange(verb, ["dpu-01"], of: read) }
    }

    // MARK: Refusals

    struct Case: Sendable, CustomTestStringConvertible {
        let id: String
        var verb = NodeChange.Verb.remove
        var names = ["dpu-02"]
        var with: String?
        var unreachable: Set<String> = []
        var unwell: Set<String> = []
        var notReady: Set<String> = []
        var bare: Set<String> = []
        var extra = ""
        var without: Set<String> = []
        let says: [String]
        var testDescription: String { id }
    }

    static let cases: [Case] = [
        Case(id: "a server that serves", says: []),
        Case(id: "a worker", names: ["worker-01"], says: []),
        Case(id: "a node that nobody knows", names: ["gone"], says: []),
        Case(
            id: "a server while another is not well", unwell: ["server-01"],
            says: ["the etcd member on server-01 is no healthy voter, and only one server may be out at a time"]),
        Case(id: "a worker while a server is not well", names: ["worker-01"], unwell: ["server-01"], says: []),
        Case(
            id: "a dead server while another is not well", unreachable: ["dpu-02"], unwell: ["server-01"],
            notReady: ["dpu-02"],
            says: ["etcd would have no quorum: of 2 other members 1 is a healthy voter, and not server-01"]),
        Case(id: "a dead server", unreachable: ["dpu-02"], notReady: ["dpu-02"], says: []),
        Case(
            id: "one that only SSH does not reach", unreachable: ["dpu-02"],
            says: ["dpu-02 is ready, and clusterctl cannot stop K3s there"]),
        Case(
            id: "one that its operator has", names: ["nixos-01"],
            says: ["nixos-01 is ready, and clusterctl cannot stop K3s there"]),
        Case(
            id: "one whose K3s is somebody else's", names: ["worker-01"], bare: ["worker-01"],
            says: ["worker-01 is ready, and clusterctl has not set up the K3s there and does not stop it"]),
        Case(
            id: "a member that nobody has named", extra: "old\tTrue\tTrue\tv1.35.7+k3s1\t\n",
            says: [
                "old is a member of etcd, and no server of the inventory",
                "K3s on dpu-02 stops before the cluster forgets it, and of 4 members of etcd 2 is no quorum",
            ]),
        Case(
            id: "a learner", extra: "server-01\tTrue\tFalse\tv1.35.7+k3s1\t\n", without: ["server-01"],
            says: [
                "the etcd member on server-01 is still a learner, and there can be only one",
                "the etcd member on server-01 is no healthy voter, and only one server may be out at a time",
            ]),
        Case(
            id: "a dead primary, by a new machine", verb: .replace, names: ["dpu-01"], notReady: ["dpu-01"],
            bare: ["dpu-01"], says: []),
        Case(
            id: "a primary that serves elsewhere", verb: .replace, names: ["dpu-01"], bare: ["dpu-01"],
            says: [
                "the cluster knows dpu-01 as ready, and K3s is not set up on this machine: another one runs under the name, or "
                    + "went down less than a minute ago"
            ]),
        Case(id: "a replica that serves", verb: .replace, says: []),
        Case(
            id: "one that serves, by another", verb: .replace, names: ["dpu-02"], with: "worker-01",
            says: ["dpu-02 is ready, and what is replaced has to be dead"]),
        Case(
            id: "a dead one while another is not well", verb: .replace, unwell: ["server-01"], notReady: ["dpu-02"],
            bare: ["dpu-02"],
            says: ["etcd would have no quorum: of 2 other members 1 is a healthy voter, and not server-01"]),
        Case(id: "a new server", verb: .add, names: ["dpu-02"], bare: ["dpu-02"], without: ["dpu-02"], says: []),
        Case(
            id: "a new server while another is not well", verb: .add, names: ["dpu-02"], unwell: ["server-01"],
            bare: ["dpu-02"], without: ["dpu-02"],
            says: ["the etcd member on server-01 is no healthy voter, and only one server may be out at a time"]),
        Case(
            id: "a new machine under a name that is taken", verb: .add, names: ["worker-01"], notReady: ["worker-01"],
            bare: ["worker-01"],
            says: ["the cluster knows a node of this name already, and K3s is not set up on this machine"]),
        Case(id: "one that has joined", verb: .add, names: ["worker-01", "dpu-02"], says: []),
    ]

    @Test(arguments: cases)
    func whatIsRefused(found: Case) throws {
        let read = try Fixture.inventory()
        var facts = Fixture.facts(read, found)
        let change = try NodeChange(
            found.verb, found.names, with: found.with, of: read,
            found: .init(facts: facts, unreachable: Set(found.unreachable.map { NodeName($0) })))
        for name in found.unreachable { facts.forget(NodeName(name)) }
        let preflight = NodePreflight(change)
        let said = preflight.nodes.flatMap { UpgradeFixture.words(preflight.check($0, facts)) }
        #expect(said == found.says)
    }

    @Test(arguments: [("abc reset s-1", 1), ("abc ended s-1 1700000000", 0)])
    func nobodyComesOrGoesWhileARestoreIsUnderWay(state: String, problems: Int) throws {
        let read = try Fixture.inventory()
        var facts = Fixture.facts(read, Case(id: "", says: []))
        facts["server-01", RestoreState.probe] = Answer(status: 0, output: state)
        let change = try NodeChange(.remove, ["worker-01"], of: read, found: .init(facts: facts, unreachable: []))
        #expect(UpgradeFixture.words(NodePreflight(change).check("server-01", facts)).count == problems)
    }

    @Test func aDrainThatABudgetBlocksIsRefused() throws {
        let read = try Fixture.inventory()
        let facts = Fixture.facts(
            read, Case(id: "", says: []),
            disruption: "budget\tdefault\tweb\t{}\npod\tdefault\tweb-1\tworker-01\t\t{}\n")
        let change = try NodeChange(.remove, ["worker-01"], of: read, found: .init(facts: facts, unreachable: []))
        let said = UpgradeFixture.words(NodePreflight(change).check("dpu-01", facts))
        #expect(said.count == 1 && said.first?.contains("the disruption budget default/web") == true, "\(said)")
    }

    // MARK: What is done

    private func plan(_ change: NodeChange) -> Plan { Plan(cluster: "small", order: NodeOrder.order(for: change)) }

    private func work(_ phase: PhaseID, _ plan: Plan) -> [NodeWork] { plan.phases.first { $0.id == phase }?.work ?? [] }

    private func text(_ path: String, _ work: NodeWork?) -> String? {
        for step in work?.steps ?? [] { if case .file(path, .text(let text), _) = step.operation { return text } }
        return nil
    }

    @Test func aLostPrimaryJoinsAndFoundsNothing() throws {
        let read = try Fixture.inventory()
        let change = try NodeChange(
            .replace, ["dpu-01"], of: read, found: Fixture.found(read, unwell: ["dpu-01"]))
        let plan = plan(change)
        #expect(work("k3s-primary", plan).isEmpty)
        let join = work("replicas", plan).first
        #expect(join?.node == "dpu-01")
        #expect(text(K3sPaths.config, join)?.contains("cluster-init: true") == true, "as 'bootstrap' has it")
        #expect(text(JoinFile.path, join)?.contains("server: https://10.77.0.12:6443") == true)
        let start = join?.steps.firstIndex { $0.operation.touchedUnit != nil }
        let told = join?.steps.firstIndex { $0.operation.touchedPaths == [JoinFile.path] }
        #expect(try #require(told) < #require(start))
        #expect(OrderRules.violations(plan, for: change.inventory) == [])
        // What bootstrap leaves there is the same, so that it finds nothing to do afterwards.
        let rejoin = PrimaryRejoin(read).apply("dpu-01")
        #expect(join?.steps.contains { $0.operation == rejoin.first?.operation } == true)
    }

    @Test func theTokenComesFromAServerThatLives() throws {
        let read = try Example.small([(", token: {env: K3S_TOKEN}", "")])
        let change = try NodeChange(.replace, ["dpu-01"], of: read, found: Fixture.found(read, unwell: ["dpu-01"]))
        let join = try #require(work("replicas", plan(change)).first)
        let isCopied = join.steps.contains {
            $0.operation
                == .file(
                    path: K3sPaths.token, content: .secret(.copied(from: "dpu-02", path: K3sPaths.token)),
                    mode: .privateFile)
        }
        #expect(isCopied)
    }

    @Test func aReplicaThatJoinsWhileThePrimaryIsGoneIsToldAnotherServer() throws {
        let read = try Fixture.inventory()
        let change = try NodeChange(
            .add, ["server-01"], of: read, found: Fixture.found(read, unreachable: ["dpu-01"]))
        let plan = plan(change)
        let join = work("replicas", plan).first
        #expect(text(JoinFile.path, join)?.contains("server: https://10.77.0.12:6443") == true)
        #expect(
            text(K3sPaths.config, join)?.contains("server: https://10.77.0.11:6443") == true, "as 'bootstrap' has it")
        #expect(work("joined", plan).map(\.node) == ["server-01"])
        #expect(plan.phases.allSatisfy { $0.work.allSatisfy { $0.node != "dpu-01" && $0.place != "dpu-01" } })
        #expect(
            plan.phases.allSatisfy { $0.work.allSatisfy { $0.gate?.asks.contains { $0.node == "dpu-01" } != true } })
    }

    @Test func thePrimaryCanLeave() throws {
        let read = try Fixture.inventory()
        let change = try NodeChange(.remove, ["dpu-01"], of: read, found: Fixture.found(read))
        #expect(change.inventory.primary.name == "dpu-02")
        let plan = plan(change)
        #expect(OrderRules.violations(plan, for: change.inventory) == [])
        #expect(work("leave", plan).map(\.node) == ["dpu-01"])
        #expect(work("leave", plan).first?.guardWindowSeconds != nil, "a DPU's guard is armed")
        #expect(work("forget-node", plan).first?.place == "dpu-02")
        #expect(Set(work("upgrade-servers", plan).map(\.node)) == ["dpu-02", "server-01"])
        #expect(change.leftToDo.first?.contains("'clusterctl reset INVENTORY dpu-01' takes them off") == true)
        #expect(change.leftToDo.last?.contains("write 'primary: true' for dpu-02") == true)
        let following = text(K3sPaths.config, work("upgrade-servers", plan).first)
        #expect(following?.contains("10.77.0.11") == false, "its address leaves the certificates")
    }

    @Test func aNodeOfWhichOnlyTheClusterKnowsIsForgottenAll() throws {
        let read = try Fixture.inventory()
        let plan = plan(try NodeChange(.remove, ["old"], of: read, found: Fixture.found(read)))
        #expect(work("forget-node", plan).map(\.node) == ["old"])
        #expect(work("leave", plan).isEmpty && work("clean-node", plan).isEmpty)
    }

    @Test(
        arguments: [
            (NodeChange.Verb.replace, ["dpu-01"]), (.replace, ["worker-01"]), (.remove, ["dpu-02"]),
            (.remove, ["worker-01"]),
            (.add, ["dpu-02", "worker-01"]), (.add, ["dpu-01"]),
        ] as [(NodeChange.Verb, [String])], ["lab.yaml", "diskless.yaml", "dual-stack-bgp.yaml", "keepalived.yaml"])
    func noOrderBreaksARule(what: (NodeChange.Verb, [String]), file: String) throws {
        let read = try Example.file(file)
        let servers = read.controlPlane.map(\.name)
        let names = what.1.map { name in
            name == "worker-01"
                ? read.workers.first?.name ?? "" : name == "dpu-01" ? read.primary.name : servers.last ?? ""
        }
        guard !names.contains(""), servers.count > 1 else { return }
        let change = try NodeChange(what.0, names, of: read)
        #expect(OrderRules.violations(plan(change), for: change.inventory) == [])
    }

    @Test func aPrimaryThatIsToldNowhereToJoinBreaksARule() throws {
        let read = try Fixture.inventory()
        let change = try NodeChange(.replace, ["dpu-01"], of: read)
        let order = NodeOrder.order(for: change)
        let entries = order.entries.map { entry in
            entry.phase.id == "replicas" ? Order.Entry(Replicas(change.inventory), after: entry.after) : entry
        }
        struct Founding: Phase {
            let base: any Phase
            var id: PhaseID { base.id }
            var title: String { base.title }
            var nodes: [NodeName] { base.nodes }
            var atOnce: Int { 1 }
            func apply(_ node: NodeName) -> [Step] {
                base.apply(node).filter { $0.operation.touchedPaths != [JoinFile.path] }
            }
            func gate(_ node: NodeName) -> Gate? { base.gate(node) }
            func undo(_ node: NodeName) -> Undo { base.undo(node) }
        }
        let founding = order.entries.map { entry in
            entry.phase.id == "replicas" ? Order.Entry(Founding(base: entry.phase), after: entry.after) : entry
        }
        func violations(_ entries: [Order.Entry]) -> [String] {
            let plan = Plan(cluster: "small", order: Order(name: order.name, entries))
            return OrderRules.violations(plan, for: change.inventory).filter { $0.hasPrefix("order.one-cluster") }
        }
        #expect(violations(order.entries) == [])
        #expect(violations(entries) == [], "replicas alone found nothing")
        #expect(violations(founding).count == 1)
    }

    // MARK: What an earlier run has done

    @Test func whatHasComeBackIsNotForgotten() throws {
        let read = try Fixture.inventory()
        var found = Case(id: "", verb: .replace, names: ["dpu-01"], notReady: ["dpu-01"], bare: ["dpu-01"], says: [])
        let change = try NodeChange(.replace, ["dpu-01"], of: read, found: Fixture.found(read, unwell: ["dpu-01"]))
        #expect(ForgetNode(change).check("dpu-01", Fixture.facts(read, found)) == .satisfied, "the cluster is asked")
        found.bare = []
        let set = ForgetNode(change).check("dpu-01", Fixture.facts(read, found))
        #expect(set == .notApplicable("another machine has joined in its place, or is about to"))
    }

    @Test(
        arguments: [
            ("none", true), ("armed phase=replicas nonce=x until=1", false),
            ("rolled-back phase=replicas because=boot left=none", true),
        ])
    func whoHasJoinedIsLeftAloneUnlessItsGuardIsArmed(line: String, isSettled: Bool) throws {
        let read = try Fixture.inventory()
        var facts = Fixture.facts(read, Case(id: "", says: []))
        facts["dpu-02", .guardState] = Answer(status: 0, output: line)
        let joining = Replicas(read, joining: ["dpu-02"])
        #expect((joining.check("dpu-02", facts) == .settled) == isSettled)
        #expect(Replicas(read).check("dpu-02", facts) == .satisfied, "bootstrap compares everything")
        facts["dpu-02", EtcdQuestion.probe] = Answer(status: 7, output: "", error: "refused")
        #expect(joining.check("dpu-02", facts) == .satisfied)
    }

    @Test func whoLeavesMustGiveTheAddressUp() throws {
        let read = try Fixture.inventory()
        let change = try NodeChange(.remove, ["dpu-02"], of: read, found: Fixture.found(read))
        let endpoint = try #require(EndpointQuestion(Cluster(change.inventory)))
        var facts = Fixture.facts(read, Case(id: "", says: []))
        let has = Answer(status: 0, output: #"[{"addr_info":[{"local":"10.77.0.100"}]}]"#)
        for name in UpgradeFixture.servers { facts[NodeName(name), endpoint.onLink] = Answer(status: 0, output: "[]") }
        facts[endpoint.witness, endpoint.ping] = Answer(status: 0, output: "200\npong")
        facts["dpu-01", endpoint.onLink] = has
        let gate = try #require(LeaveNode(change).gate("dpu-02"))
        #expect(gate.judge(facts) == .holds)
        facts["dpu-02", endpoint.onLink] = has
        #expect(gate.judge(facts) == .waiting("dpu-02 still has 10.77.0.100 on a link"))
        facts["dpu-01", endpoint.onLink] = Answer(status: 0, output: "[]")
        #expect(gate.judge(facts) == .waiting("no control plane node has 10.77.0.100 on a link"))
    }
}

/// A living cluster as nodes come and go.
private enum Fixture {
    static func inventory() throws -> Inventory { try UpgradeFixture.inventory("v1.35.7+k3s1") }

    static func found(
        _ inventory: Inventory, unreachable: Set<String> = [], unwell: Set<String> = []
    ) -> NodeChange.Found {
        var facts = UpgradeFixture.facts(inventory, unwell: unwell)
        for name in unreachable { facts.forget(NodeName(name)) }
        return .init(facts: facts, unreachable: Set(unreachable.map { NodeName($0) }))
    }

    static func facts(_ inventory: Inventory, _ found: NodeChangeTests.Case, disruption: String = "") -> Facts {
        var facts = UpgradeFixture.facts(inventory, unwell: found.unwell.union(found.bare), disruption: disruption)
        let rows = (UpgradeFixture.servers + UpgradeFixture.workers).filter { !found.without.contains($0) }.map {
            name in
            let isServer = UpgradeFixture.servers.contains(name)
            let ready = found.notReady.contains(name) ? "Unknown" : "True"
            return "\(name)\t\(ready)\t\(isServer ? "True" : "")\tv1.35.7+k3s1\t\n"
        }
        for name in UpgradeFixture.servers {
            facts[NodeName(name), NodesQuestion.probe] =
                found.bare.contains(name) ? nil : Answer(status: 0, output: rows.joined() + found.extra)
            facts[NodeName(name), .guardState] = Answer(status: 0, output: "none")
        }
        for name in found.bare {
            facts[NodeName(name), K3sQuestion.config] = Answer(status: 1, output: "", error: "No such file")
        }
        return facts
    }
}

extension Facts {
    /// As of a node that could not be asked.
    fileprivate mutating func forget(_ node: NodeName) {
        let probes: [Probe] = [
            NodesQuestion.probe, EtcdQuestion.probe, K3sQuestion.config, .host, DisruptionQuestion.probe,
        ]
        for probe in probes { self[node, probe] = nil }
    }
}
