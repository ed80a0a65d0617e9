import Engine
import Inventory
import Phases
import Testing

struct BootstrapTests {
    /// The order of the file is the order of the table, so that a change of either is seen in review.
    @Test func orderIsTheCommittedOne() throws {
        let order = Bootstrap.order(for: try Example.small())
        let text =
            order.entries.map { entry in
                let after = entry.after.map { dependency in
                    switch dependency {
                    case .all(let phase): "all of \(phase)"
                    case .sameNode(let phase): "\(phase) on the node"
                    }
                }
                let nodes = entry.phase.nodes.map(\.rawValue).joined(separator: " ")
                let line = "\(entry.phase.id) on \(nodes.isEmpty ? "no node" : nodes)"
                return after.isEmpty ? line : line + "; after " + after.joined(separator: ", ")
            }.joined(separator: "\n") + "\n"
        try Repository.compare(text, with: "order.txt")
    }

    @Test func theChartIsAppliedWhenTheMembersGuardsAreArmed() throws {
        let inventory = try Example.file("diskless.yaml")
        let plan = Plan(cluster: inventory.name, order: Bootstrap.order(for: inventory))
        let last = plan.phases.compactMap { phase in phase.last.map { "\(phase.id): \($0)" } }
        #expect(last == ["cilium: c4140"])
        let cilium = try #require(plan.phases.first { $0.id == "cilium" })
        for work in cilium.work where work.node != cilium.last { #expect(work.guardWindowSeconds != nil) }
    }

    @Test func planOfTheDisklessClusterIsTheCommittedOne() throws {
        let inventory = try Example.file("diskless.yaml")
        let plan = Plan(cluster: inventory.name, order: Bootstrap.order(for: inventory))
        try Repository.compare(PlanText.text(plan, nodesOfAKind: inventory), with: "diskless.plan.txt")
    }

    @Test func sameInventoryGivesTheSamePlan() throws {
        let first = Plan(cluster: "small", order: Bootstrap.order(for: try Example.small()))
        let second = Plan(cluster: "small", order: Bootstrap.order(for: try Example.small()))
        #expect(first == second)
    }

    @Test func phasesWithoutWorkHaveNoNodes() throws {
        let inventory = try Example.small([
            ("{kubeVip: 10.77.0.100}", "{dns: api.example.org}"), (", ephemeral: true", ""),
            ("  dpu-02: {address: 10.77.0.12}\n", ""), ("servers:\n  server-01: {address: 10.77.0.13}\n", ""),
        ])
        let idle = Bootstrap.order(for: inventory).entries.map(\.phase).filter(\.nodes.isEmpty).map(\.id)
        #expect(
            idle == [
                "kube-vip", "keepalived", "replicas", "primary-rejoin", "readmit", "router-prep", "routers", "bgp", "bgp-sessions",
                "router-sessions", "api-endpoint",
            ])
    }

    @Test func stepsThatCannotBeComparedAreNotInThePlan() throws {
        let plan = Plan(cluster: "small", order: Bootstrap.order(for: try Example.small()))
        for step in plan.phases.flatMap(\.work).flatMap(\.steps) {
            if case .command(let command) = step.operation {
                #expect(command.unless != nil, "\(command.name) would be run each time")
            }
        }
    }

    @Test func nodesThatAreOnlyVerifiedAreNeverWrittenTo() throws {
        let plan = Plan(cluster: "small", order: Bootstrap.order(for: try Example.small()))
        let work = plan.phases.flatMap(\.work).filter { $0.node == "nixos-01" }
        #expect(work.count == 3)
        #expect(work.allSatisfy { $0.steps.isEmpty })
    }

    @Test func tokenIsMadeOnThePrimaryWhereNoneIsNamed() throws {
        let inventory = try Example.small([(", token: {env: K3S_TOKEN}", "")])
        let plan = Plan(cluster: "small", order: Bootstrap.order(for: inventory))
        let sources = plan.phases.flatMap(\.work).flatMap { work in
            work.steps.compactMap { step -> String? in
                guard case .file(let path, .secret(let source), let mode) = step.operation else { return nil }
                #expect(path == "/etc/rancher/k3s/token")
                #expect(mode == .privateFile)
                switch source {
                case .generated(let bytes): return "\(work.node) makes \(bytes)"
                case .copied(let node, _): return "\(work.node) from \(node)"
                case .provided(let what): return "\(work.node) given \(what)"
                }
            }
        }
        #expect(
            sources == [
                "dpu-01 makes 32", "dpu-02 from dpu-01", "server-01 from dpu-01", "worker-01 from dpu-01",
                "pxe-01 from dpu-01",
            ])
    }
}
