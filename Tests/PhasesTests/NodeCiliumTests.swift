import Engine
import Inventory
import Testing

@testable import Phases

/// What comes and goes while the cluster's Cilium is of another version than the inventory's, or is led to one.
@Suite struct NodeCiliumTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let id: String
        let verb: NodeChange.Verb
        let node: String
        var isAtEndpoint = false
        var isHeld = true
        /// Whether the change leaves Cilium as it is.
        let leaves: Bool
        /// What refuses the run, if anything does.
        var refusal: String?
        var testDescription: String { id }
    }

    static let underWay = "an upgrade of Cilium is under way (the chart is 1.20.1)"
    static let cases = [
        Case(id: "a node that has died goes", verb: .remove, node: "worker-01", leaves: true),
        Case(id: "a server that has died gets another machine", verb: .replace, node: "dpu-02", leaves: true),
        Case(id: "a new node waits", verb: .add, node: "worker-01", leaves: false, refusal: underWay),
        Case(
            id: "also where agents find the API at the endpoint", verb: .add, node: "worker-01", isAtEndpoint: true,
            leaves: false, refusal: underWay),
        Case(
            id: "nor is another version gone over", verb: .remove, node: "worker-01", isAtEndpoint: true, isHeld: false,
            leaves: false, refusal: "the cluster runs Cilium 1.20.1, and the inventory says 1.19.4"),
    ]

    @Test(arguments: cases) func anUpgradeOfCiliumIsNotGoneOver(_ given: Case) throws {
        var read = try UpgradeFixture.inventory("v1.35.7+k3s1")
        if given.isAtEndpoint { read.cilium.apiServer = .endpoint }
        var facts = UpgradeFixture.facts(read)
        for name in UpgradeFixture.servers {
            facts[NodeName(name), CiliumQuestion.pods] = Answer(
                status: 0, output: "dpu-01\tRunning\tTrue\tvalues\t\n")
            facts[NodeName(name), CiliumChartQuestion.probe] = Answer(
                status: 0, output: "1.20.1\t\(given.isHeld ? "OnDelete" : "")\n")
        }
        let change = try NodeChange(given.verb, [given.node], of: read, found: .init(facts: facts, unreachable: []))
        let order = NodeOrder.order(for: change)
        let cilium = try #require(order.entries.first { ["cilium", "cilium-api-server"].contains($0.phase.id) }?.phase)
        let reference = Cluster(change.inventory).reference
        let left = Finding.notApplicable("an upgrade of Cilium is under way, and goes on afterwards")
        #expect((cilium.check(reference, facts) == left) == given.leaves)
        let findings = [NodePreflight(change).check(reference, facts), cilium.check(reference, facts)]
        let said = findings.flatMap { finding -> [String] in
            if case .blocked(let problems) = finding { problems.map(\.what) } else { [] }
        }
        #expect(said.filter { $0.contains("Cilium") } == [given.refusal].compactMap(\.self), "said once")
    }
}
