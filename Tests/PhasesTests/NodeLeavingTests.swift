import Inventory
import Testing

@testable import Engine
@testable import Phases

/// What a server that leaves takes along, and what keeps it from leaving.
@Suite struct NodeLeavingTests {
    private func change(
        _ verb: NodeChange.Verb, _ node: String, _ read: Inventory, _ facts: Facts, unreachable: Set<NodeName> = []
    ) throws -> NodeChange {
        try NodeChange(verb, [node], of: read, found: .init(facts: facts, unreachable: unreachable))
    }

    private func said(_ change: NodeChange, _ facts: Facts) -> [String] {
        let finding = NodePreflight(change).check(Cluster(change.inventory).reference, facts)
        if case .blocked(let problems) = finding { return problems.map(\.what) }
        return []
    }

    /// The nodes of the cluster, with what K3s says of each server's member of etcd.
    private func facts(_ read: Inventory, members: [String: String], unwell: Set<String> = []) -> Facts {
        var facts = UpgradeFixture.facts(read, unwell: unwell)
        let rows = read.nodes.map { node in
            let isReady = !unwell.contains(node.name)
            return "\(node.name)\t\(isReady ? "True" : "Unknown")\t\(members[node.name] ?? " ")\tv1.35.7+k3s1\t\n"
        }
        for server in read.controlPlane {
            facts[server.id, NodesQuestion.probe] =
                unwell.contains(server.name) ? nil : Answer(status: 0, output: rows.joined())
            facts[server.id, .guardState] = Answer(status: 0, output: "none")
        }
        return facts
    }

    /// Though a third node is away, whom not everybody can be asked about then.
    @Test(arguments: [[], ["worker-01"]] as [Set<NodeName>])
    func theEndpointsBackendsLoseTheServerThatLeaves(unreachable: Set<NodeName>) throws {
        let more = (2...3).map { "  dpu-0\($0): {address: [10.77.0.1\($0), \"fd77::1\($0)\"]}\n" }.joined()
        let text = Example.announced.replacing("dpus:\n", with: "dpus:\n\(more)")
        let read = try Example.read(text.replacing("\"fd77::11\"],", with: "\"fd77::11\"], primary: true,"))
        let servers = read.controlPlane.map(\.name)
        let leaving = "dpu-03"
        let votes = Dictionary(uniqueKeysWithValues: servers.map { ($0, "True MemberNotLearner") })
        let found = facts(read, members: votes)
        let change = try change(.remove, leaving, read, found, unreachable: unreachable)
        let plan = Plan(cluster: "small", order: NodeOrder.order(for: change))
        let work = try #require(plan.phases.first { $0.id == "api-endpoint" }?.work.first)
        let objects = work.steps.map { step in
            if case .object(let object) = step.operation { object.manifest } else { "" }
        }.joined()
        let address = try #require(read.node(named: leaving)).address.description
        #expect(objects.contains(read.primary.address.description) && !objects.contains(address))
        let asked = Set(work.gate?.asks.map(\.node) ?? [])
        #expect(asked.isDisjoint(with: unreachable) && asked.count >= (unreachable.isEmpty ? 3 : 1))
        let phase = try #require(
            NodeOrder.order(for: change).entries.first { $0.phase.id == "api-endpoint" }?.phase)
        if case .notApplicable(let why) = phase.check(work.node, found) { Issue.record("left out: \(why)") }
    }

    @Test func ofTwoServersNeitherIsStopped() throws {
        var read = try UpgradeFixture.inventory("v1.35.7+k3s1")
        read.nodes.removeAll { $0.name == "server-01" }
        let votes = "True MemberNotLearner"
        let found = facts(read, members: ["dpu-01": votes, "dpu-02": votes])
        let stopping = try change(.remove, "dpu-02", read, found)
        #expect(
            said(stopping, found) == [
                "K3s on dpu-02 stops before the cluster forgets it, and of 2 members of etcd 1 is no quorum"
            ])
    }

    @Test func aMemberThatDoesNotAnswerIsNoLearner() throws {
        let read = try UpgradeFixture.inventory("v1.35.7+k3s1")
        let votes = "True MemberNotLearner"
        for (reason, isLearner) in [("Unhealthy", false), ("MemberIsLearner", true)] {
            let members = ["dpu-01": votes, "dpu-02": votes, "server-01": "False \(reason)"]
            let found = facts(read, members: members, unwell: ["server-01"])
            let row = try #require(NodesQuestion(found["dpu-01", NodesQuestion.probe])?["server-01"])
            #expect(row.isVoter == false && row.isLearner == isLearner)
            let leaving = try change(.remove, "worker-01", read, found, unreachable: ["server-01"])
            let problems = said(leaving, found).filter { $0.contains("learner") }
            #expect(problems.isEmpty != isLearner, "a worker comes and goes while a server is away")
        }
        let none = facts(read, members: ["dpu-01": votes, "server-01": "False NotAMember"])
        #expect(NodesQuestion(none["dpu-01", NodesQuestion.probe])?["server-01"]?.isVoter == nil)
        #expect(NodesQuestion(none["dpu-01", NodesQuestion.probe])?["worker-01"]?.isVoter == nil)
    }

    @Test func aServerThatHasLostItsDataComesAsANewMember() throws {
        let read = try UpgradeFixture.inventory("v1.35.7+k3s1")
        var found = UpgradeFixture.facts(read)
        let replaced = try change(.replace, "dpu-02", read, found)
        #expect(replaced.hasComeBack("dpu-02", found), "nobody says that they are gone")
        found["dpu-02", EtcdQuestion.data] = Answer(status: 0, output: "directory 0700 4096")
        #expect(replaced.hasComeBack("dpu-02", found))
        found["dpu-02", EtcdQuestion.data] = Answer(status: 0, output: "absent")
        #expect(!replaced.hasComeBack("dpu-02", found))
        #expect(NodePreflight(replaced).needs("dpu-02").contains(EtcdQuestion.data))
    }

    @Test func whoHoldsAnAddressByKeepalivedLetsItGo() throws {
        let read = try Example.small([
            ("kubeVip: 10.77.0.100", "keepalived: 10.77.0.100"), ("v1.35.7+k3s1", "v1.35.7+k3s1"),
        ])
        let leaving = try change(.remove, "dpu-02", read, UpgradeFixture.facts(read))
        let stopped = LeaveNode(leaving).apply("dpu-02").compactMap { step -> String? in
            guard case .unit(let unit) = step.operation, unit.activity == .stopped, !unit.enabled else { return nil }
            return unit.name
        }
        #expect(stopped == ["keepalived.service", "haproxy.service", "k3s.service"])
        let removed = CleanNode(leaving).apply("dpu-02").compactMap { step -> String? in
            if case .absent(let path) = step.operation { path } else { nil }
        }
        #expect(removed.contains("/etc/keepalived/keepalived.conf") && removed.contains("/etc/haproxy/haproxy.cfg"))
    }
}
