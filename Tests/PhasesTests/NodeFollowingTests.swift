import Engine
import Inventory
import Testing

@testable import Phases

/// When the servers that stay take up who else is a server: of two, neither can be away.
@Suite struct NodeFollowingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let says: String
        let verb: NodeChange.Verb
        /// Of dpu-01, dpu-02 and server-01.
        let node: String
        /// Servers that the inventory names.
        var servers = ["dpu-01", "dpu-02", "server-01"]
        var unwell: Set<String> = []
        var unreachable: Set<NodeName> = []
        /// Members of etcd; nil: the servers.
        var members: Set<String>?
        let later: PhaseID
        let earlier: PhaseID
        let follows: Bool
        var testDescription: String { says }
    }

    static let cases: [Case] = [
        Case(
            says: "from three to two, while three serve", verb: .remove, node: "server-01", later: "leave",
            earlier: "upgrade-servers", follows: true),
        Case(
            says: "from three to two, and the third is dead", verb: .remove, node: "server-01",
            unwell: ["server-01"], unreachable: ["server-01"],
            later: "leave", earlier: "upgrade-servers", follows: false),
        Case(
            says: "from three to two, and the third is up and does not serve", verb: .remove, node: "server-01",
            unwell: ["server-01"], later: "leave", earlier: "upgrade-servers", follows: false),
        Case(
            says: "from two to one", verb: .remove, node: "dpu-02", servers: ["dpu-01", "dpu-02"],
            later: "upgrade-servers", earlier: "joined", follows: true),
        Case(
            says: "from one to two", verb: .add, node: "dpu-02", servers: ["dpu-01", "dpu-02"], members: ["dpu-01"],
            later: "replicas", earlier: "upgrade-servers", follows: true),
        Case(
            says: "from one to two, and the second is there already", verb: .add, node: "dpu-02",
            servers: ["dpu-01", "dpu-02"], later: "replicas", earlier: "upgrade-servers", follows: false),
        Case(
            says: "from two to three", verb: .add, node: "server-01", members: ["dpu-01", "dpu-02"],
            later: "upgrade-servers", earlier: "joined", follows: true),
    ]

    @Test(arguments: cases) func whoStaysStartsAnewWhileOthersServe(_ given: Case) throws {
        var read = try UpgradeFixture.inventory("v1.35.7+k3s1")
        read.nodes.removeAll { $0.isControlPlane && !given.servers.contains($0.name) }
        var facts = UpgradeFixture.facts(read, unwell: given.unwell)
        let members = given.members ?? Set(given.servers)
        let rows = given.servers.map { "\($0)\tTrue\t\(members.contains($0) ? "True" : "")\tv1.35.7+k3s1\t\n" }
        for name in given.servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(status: 0, output: rows.joined())
        }
        let change = try NodeChange(
            given.verb, [given.node], of: read, found: .init(facts: facts, unreachable: given.unreachable))
        let order = NodeOrder.order(for: change)
        let after = try #require(order.entries.first { $0.phase.id == given.later }?.after)
        #expect(after.contains(.all(given.earlier)))
        #expect(OrderRules.violations(Plan(cluster: "small", order: order), for: change.inventory) == [])

        let phase = try #require(order.entries.first { $0.phase.id == "upgrade-servers" }?.phase)
        let node: NodeName = "dpu-01"
        for step in phase.apply(node) { facts[node, step] = .differs(current: "") }
        let why = "the API would be away: 'clusterctl apply' tells its certificate which servers there are"
        #expect(phase.check(node, facts) == (given.follows ? .satisfied : .notApplicable(why)))
        let isSaid = change.notes(facts).contains { $0.contains("go on naming server-01") }
        #expect(isSaid == (given.verb == .remove && !given.follows), "it is said first")
    }

    @Test func allThreeMustServeWhileOneStartsAnew() throws {
        let read = try UpgradeFixture.inventory("v1.35.7+k3s1")
        let facts = UpgradeFixture.facts(read)
        let change = try NodeChange(
            .remove, ["server-01"], of: read, found: .init(facts: facts, unreachable: []))
        let look = change.followingServers.apply("dpu-01").compactMap { step -> [String]? in
            guard case .command(let command) = step.operation else { return nil }
            return command.name == ServerQuestion.looksAtOthers ? command.arguments : nil
        }
        #expect(look.first?.contains { $0.hasPrefix("server-01=") } == true)
        #expect(look.first?.contains { $0.hasPrefix("dpu-02=") } == true)
    }

    /// Until it has left, it holds the address as any other server may; one that nobody gets to is not asked.
    @Test(arguments: [false, true]) func whoIsAboutToLeaveMayHoldTheAddress(isUnreachable: Bool) throws {
        let read = try UpgradeFixture.inventory("v1.35.7+k3s1")
        let leaving: NodeName = "server-01"
        let endpoint = try #require(EndpointQuestion(Cluster(read)))
        var facts = UpgradeFixture.facts(read)
        let ok = #"{"cilium":{"state":"Ok"},"kube-proxy-replacement":{"mode":"True"}}"#
        for name in UpgradeFixture.servers {
            facts[NodeName(name), CiliumQuestion.status] = Answer(status: 0, output: ok)
            facts[NodeName(name), endpoint.onLink] = Answer(status: 0, output: "[]")
            facts[NodeName(name), endpoint.ping] = Answer(status: 0, output: "200\npong")
        }
        facts[leaving, endpoint.onLink] = Answer(status: 0, output: #"[{"local":"10.77.0.100"}]"#)
        let change = try NodeChange(
            .remove, [leaving.rawValue], of: read,
            found: .init(facts: facts, unreachable: isUnreachable ? [leaving] : []))
        let gate = try #require(change.followingServers.gate("dpu-01"))
        #expect(gate.asks.contains(Ask(leaving, endpoint.onLink)) == !isUnreachable)
        let nobody = Verdict.waiting("no control plane node has 10.77.0.100 on a link")
        #expect(gate.judge(facts) == (isUnreachable ? nobody : .holds))
    }

    /// The first replica may be the one that does not serve.
    @Test func aPrimaryThatJoinsDoesSoThroughWhoSpeaksForTheCluster() throws {
        var inventory = try Example.small()
        inventory.speaker = "server-01"
        let step = try #require(JoinFile.step(for: "dpu-01", Cluster(inventory)))
        #expect(step.because.contains("joins server-01"))
    }

    @Test func whoStaysIsRestartedOnlyWhereItsFilesDiffer() throws {
        let read = try UpgradeFixture.inventory("v1.35.7+k3s1")
        var facts = UpgradeFixture.facts(read)
        let change = try NodeChange(.add, ["worker-01"], of: read, found: .init(facts: facts, unreachable: []))
        let phase = try #require(NodeOrder.order(for: change).entries.first { $0.phase.id == "upgrade-servers" }?.phase)
        for step in phase.apply("dpu-02") { facts["dpu-02", step] = .same }
        #expect(phase.check("dpu-02", facts) == .notApplicable("its files are as they should be"))
        facts["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=upgrade-servers nonce=x until=1")
        #expect(phase.check("dpu-02", facts) == .satisfied, "an earlier run is not through with it")
        facts["dpu-02", .guardState] = Answer(status: 0, output: "none")
        facts["dpu-02", phase.apply("dpu-02")[1]] = .differs(current: "")
        #expect(phase.check("dpu-02", facts) == .satisfied)
    }
}
