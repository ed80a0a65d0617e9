import Engine
import Inventory
import Testing

@testable import Phases

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
        #expect(last == ["cilium: c4140", "cilium-api-server: c4140"])
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
                "interfaces", "kube-vip", "keepalived", "replicas", "primary-rejoin", "dns", "dns-resolved",
                "dns-networkmanager", "readmit", "cilium-api-server", "router-prep",
                "routers", "bgp-passwords", "bgp-sessions", "router-sessions", "api-endpoint",
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

    /// Where Cilium is to find the API at the endpoint, it starts with the primary's address: the endpoint needs it.
    @Test func ciliumFindsTheAPIAtThePrimaryUntilTheEndpointAnswers() throws {
        let inventory = try Example.small([("{version: 1.19.4}", "{version: 1.19.4, apiServer: endpoint}")])
        func chart(_ stage: Cilium.Stage) throws -> KubernetesObject {
            let steps = Cilium(inventory, stage).apply("dpu-01").map(\.operation)
            return try #require(
                steps.lazy.compactMap { if case .object(let object) = $0 { object } else { nil } }
                    .first { $0.name == "HelmChart kube-system/cilium" })
        }
        let (first, second) = (try chart(.first), try chart(.endpoint))
        #expect(first.manifest.contains(#"k8sServiceHost: "10.77.0.11""#))
        #expect(second.manifest.contains(#"k8sServiceHost: "10.77.0.100""#))
        let phase = Cilium(inventory)
        var facts = Facts()
        func values(_ host: String) -> Answer {
            Answer(status: 0, output: "k8sServiceHost: \"\(host)\"\nk8sServicePort: 6443\nother: 1\n")
        }
        facts["dpu-01", CiliumObjects.applied] = values("10.77.0.11")
        #expect(phase.check("dpu-01", facts) == .satisfied)
        facts["dpu-01", CiliumObjects.applied] = Answer(status: 1, output: "", error: "timeout")
        #expect(phase.check("dpu-01", facts) == .satisfied)
        facts["dpu-02", CiliumObjects.applied] = values("10.77.0.100")
        for node in ["dpu-01", "dpu-02"] as [NodeName] {
            guard case .notApplicable = phase.check(node, facts) else {
                Issue.record("a second run would lead \(node) back to the primary")
                continue
            }
        }
        let order = Bootstrap.order(for: inventory)
        let violations = OrderRules.violations(Plan(cluster: "small", order: order), for: inventory)
        #expect(violations == [])
        let tooEarly = Order(
            name: "bootstrap",
            order.entries.map { entry in
                entry.phase.id == "cilium-api-server" ? .init(entry.phase, after: [.all("cilium")]) : entry
            })
        #expect(
            OrderRules.violations(Plan(cluster: "small", order: tooEarly), for: inventory).contains {
                $0.hasPrefix("order.cilium-before-endpoint: cilium-api-server may start before kube-vip")
            })
        #expect(Cilium(try Example.small(), .endpoint).nodes.isEmpty)
    }
}
