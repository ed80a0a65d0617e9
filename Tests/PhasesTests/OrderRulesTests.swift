import Engine
import Inventory
import Testing

@testable import Phases
@testable import Rendering

/// A phase of the table with something about it changed.
private struct Changed: Phase {
    var base: any Phase
    var limit: Int?
    var steps: (@Sendable (NodeName, [Step]) -> [Step])?
    var undone: Undo?
    var hasGate = true

    var id: PhaseID { base.id }
    var title: String { base.title }
    var nodes: [NodeName] { base.nodes }
    var atOnce: Int { limit ?? base.atOnce }
    func apply(_ node: NodeName) -> [Step] { steps.map { $0(node, base.apply(node)) } ?? base.apply(node) }
    func gate(_ node: NodeName) -> Gate? { hasGate ? base.gate(node) : nil }
    func undo(_ node: NodeName) -> Undo { undone ?? base.undo(node) }
}

struct OrderRulesTests {
    private func violations(
        _ inventory: Inventory, options: Bootstrap.Options = .init(), _ change: (Order.Entry) -> Order.Entry = { $0 }
    ) -> [String] {
        let order = Bootstrap.order(for: inventory, options: options)
        let plan = Plan(cluster: inventory.name, order: Order(name: "bootstrap", order.entries.map(change)))
        return OrderRules.violations(plan, for: inventory)
    }

    /// The rules that fire, each once.
    private func rules(_ violations: [String]) -> [String] {
        violations.map { String($0.prefix { $0 != ":" }) }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private func without(_ phase: PhaseID, of later: PhaseID) -> (Order.Entry) -> Order.Entry {
        { $0.phase.id == later ? .init($0.phase, after: $0.after.filter { $0.phase != phase }) : $0 }
    }

    private func changing(_ id: PhaseID, _ change: @escaping (inout Changed) -> Void) -> (Order.Entry) -> Order.Entry {
        { entry in
            guard entry.phase.id == id else { return entry }
            var changed = Changed(base: entry.phase)
            change(&changed)
            return .init(changed, after: entry.after)
        }
    }

    @Test(arguments: ["diskless.yaml", "dual-stack-bgp.yaml", "unifi-bgp.yaml", "keepalived.yaml", "lab.yaml"])
    func committedInventoriesBreakNoRule(
        _ file: String
    ) throws {
        #expect(violations(try Example.file(file)) == [])
    }

    @Test func theSmallOneBreaksNoRuleInAnyForm() throws {
        #expect(violations(try Example.small()) == [])
        #expect(violations(try Example.small([("{kubeVip: 10.77.0.100}", "{dns: api.example.org}")])) == [])
        #expect(violations(try Example.small([("{version: 1.19.4}", "{version: 1.19.4, apiServer: primary}")])) == [])
    }

    @Test func endpointBeforeCilium() throws {
        let fired = rules(violations(try Example.small(), without("cilium", of: "kube-vip")))
        #expect(fired == ["order.preflight-first", "order.cilium-before-endpoint"])
    }

    @Test(
        arguments: [
            ("replicas", "dns"), ("kube-vip", "dns"), ("dns", "dns-resolved"), ("dns", "dns-networkmanager"),
            ("dns-resolved", "workers"), ("dns-networkmanager", "workers"),
        ] as [(PhaseID, PhaseID)])
    func namesBeforeThoseWhoLookForThem(_ phase: PhaseID, _ later: PhaseID) throws {
        let inventory = try DNSTests.inventory()
        #expect(violations(inventory) == [])
        let fired = violations(inventory, without(phase, of: later))
        #expect(fired == ["order.names-before-their-users: \(later) may start before \(phase) has passed on all nodes"])
    }

    private func keepalived() throws -> Inventory {
        try Example.small([("kubeVip: 10.77.0.100", "keepalived: 10.77.0.100")])
    }

    @Test func anEndpointOfKeepalivedBeforeCilium() throws {
        let fired = rules(violations(try keepalived(), without("cilium", of: "keepalived")))
        #expect(fired == ["order.cilium-before-endpoint"])
    }

    @Test func workersBeforeAnEndpointOfKeepalived() throws {
        let fired = violations(try keepalived(), without("keepalived", of: "workers"))
        #expect(
            fired == [
                "order.endpoint-before-its-users: worker-01 is sent to https://10.77.0.100:9445 in workers, which may start "
                    + "before the endpoint answers"
            ])
    }

    @Test func replicasBeforeCilium() throws {
        let fired = rules(violations(try Example.small(), without("cilium", of: "replicas")))
        #expect(fired.contains("order.cilium-before-replicas"))
        #expect(fired.contains("order.one-control-plane-node-at-a-time"))
    }

    @Test func ciliumOnTheSameNodeAloneIsNotEnough() throws {
        let fired = violations(try Example.small()) { entry in
            guard entry.phase.id == "replicas" else { return entry }
            return .init(entry.phase, after: entry.after.map { $0 == .all("cilium") ? .sameNode("cilium") : $0 })
        }
        #expect(rules(fired).contains("order.cilium-before-replicas"))
    }

    @Test func workersBeforeCilium() throws {
        let inventory = try Example.small([
            ("{kubeVip: 10.77.0.100}", "{dns: api.example.org}"), (", ephemeral: true", ""),
        ])
        #expect(rules(violations(inventory, without("cilium", of: "workers"))) == ["order.cilium-before-workers"])
    }

    @Test func workersBeforeTheEndpointThatTheyUse() throws {
        let fired = rules(violations(try Example.small(), without("kube-vip", of: "workers")))
        #expect(fired == ["order.endpoint-before-its-users"])
    }

    @Test func replicasThroughTheEndpoint() throws {
        let fired = rules(violations(try Example.small(), options: .init(joinThrough: .endpoint)))
        #expect(fired == ["order.endpoint-before-its-users", "order.replicas-join-primary"])
    }

    @Test func twoReplicasAtOnce() throws {
        let fired = rules(violations(try Example.small(), changing("replicas") { $0.limit = 2 }))
        #expect(fired == ["order.one-control-plane-node-at-a-time"])
    }

    @Test func aReplicaWithoutAGate() throws {
        let fired = rules(violations(try Example.small(), changing("replicas") { $0.hasGate = false }))
        #expect(fired == ["order.replica-gate"])
    }

    @Test func changedLinksWithoutAGate() throws {
        let fired = violations(try InterfacesTests.inventory(), changing("interfaces") { $0.hasGate = false })
        #expect(
            fired == [
                "order.links-gate: the gate of dpu-01 in interfaces does not ask whether its etcd member votes"
            ], "a worker has none")
    }

    @Test(arguments: ["k3s-primary", "replicas", "cilium"] as [PhaseID]) func withoutAnArmedGuard(_ phase: PhaseID)
        throws
    {
        let fired = rules(
            violations(
                try Example.small(), changing(phase) { $0.undone = .restore(first: [], guardWindowSeconds: nil) }))
        #expect(fired == ["order.guard-armed"])
    }

    @Test func anAddonBeforeTheNetwork() throws {
        let small = try Example.read(Example.small + Example.addons)
        let early = violations(small) { entry in
            entry.phase.id == "addon-web" ? .init(entry.phase, after: [.all("cilium"), .all("kube-vip")]) : entry
        }
        #expect(rules(early).allSatisfy { $0 == "order.network-before-addons" } && !early.isEmpty)
        let announced = try Example.read(Example.announced + Example.addons)
        let fired = violations(announced) { entry in
            entry.phase.id == "addon-web" ? .init(entry.phase, after: [.all("k3s-primary")]) : entry
        }
        // What comes after it is late enough by itself.
        #expect(
            fired
                == ["cilium", "workers", "bgp", "bgp-sessions", "router-sessions", "api-endpoint"].map {
                    "order.network-before-addons: addon-web may start before \($0) has passed on all nodes"
                })
    }

    @Test func theGuardBeforeItIsInstalled() throws {
        let fired = rules(violations(try Example.small(), without("host-prep", of: "k3s-primary")))
        #expect(fired == ["order.guard-armed"])
    }

    @Test func changesBeforePreflight() throws {
        let fired = rules(violations(try Example.small(), without("preflight", of: "host-prep")))
        #expect(fired == ["order.preflight-first"])
    }

    @Test func linksThatAreNotGuardedOrNotOneAtATime() throws {
        let small = try InterfacesTests.inventory()
        let two = try Example.small([
            ("primary: true}", "primary: true, interfaces: {}}"),
            ("server-01: {address: 10.77.0.13}", "server-01: {address: 10.77.0.13, interfaces: {}}"),
        ])
        func fired(_ inventory: Inventory, _ change: (Order.Entry) -> Order.Entry) -> [String] {
            rules(violations(inventory, change))
        }
        #expect(fired(small) { $0 } == [] && fired(two) { $0 } == [])
        let unguarded = changing("interfaces") { $0.undone = .nothing(because: "") }
        #expect(fired(small, unguarded) == ["order.guard-armed"])
        #expect(violations(small, unguarded).count == 2, "also on a node without a guard of its own")
        #expect(fired(small, without("host-prep", of: "interfaces")) == ["order.guard-armed"])
        let atOnce = "order.one-control-plane-node-at-a-time"
        #expect(fired(two, changing("interfaces") { $0.limit = 2 }) == [atOnce])
        #expect(fired(small, without("interfaces", of: "k3s-primary")) == [atOnce])
    }

    @Test func kubeProxyOffWithoutAReplacement() throws {
        var inventory = try Example.small()
        inventory.cilium.values = ["kubeProxyReplacement": false]
        #expect(rules(violations(inventory)) == ["order.kube-proxy-replaced"])
    }

    @Test func ciliumAtTheServiceAddress() throws {
        var inventory = try Example.small()
        inventory.cilium.values = ["k8sServiceHost": ""]
        #expect(rules(violations(inventory)) == ["order.no-service-address"])
    }

    @Test func kubeVipAtTheServiceAddress() throws {
        let fired = violations(
            try Example.small(),
            changing("kube-vip") { changed in
                changed.steps = { _, steps in
                    steps.map { step in
                        guard case .object(let object) = step.operation else { return step }
                        let manifest = object.manifest.replacing("KUBERNETES_SERVICE_HOST", with: "OTHER")
                        return Step(
                            .object(
                                KubernetesObject(
                                    name: object.name, client: object.client, manifest: manifest,
                                    references: object.references,
                                    digest: object.digest)), because: step.because)
                    }
                }
            })
        #expect(rules(fired) == ["order.no-service-address"])
    }

    @Test func ciliumBeforeTheSettingsOfDPUs() throws {
        let fired = rules(
            violations(try Example.small(), changing("cilium") { $0.steps = { _, steps in steps.reversed() } }))
        #expect(fired == ["order.host-firewall-off", "order.kept-links"])
    }

    @Test func ciliumWithoutTheKindOfItsNodesSettings() throws {
        let fired = rules(
            violations(try Example.small(), changing("cilium") { $0.steps = { _, steps in Array(steps.dropFirst()) } }))
        #expect(fired == ["order.host-firewall-off", "order.kept-links"])
    }

    @Test func routersThatAreNotGuarded() throws {
        let inventory = try Example.read(Example.bgp)
        func fired(_ change: (Order.Entry) -> Order.Entry) -> [String] { rules(violations(inventory, change)) }
        #expect(fired { $0 } == [])
        #expect(fired(changing("routers") { $0.undone = .nothing(because: "") }) == ["order.routers-guarded"])
        #expect(fired(changing("routers") { $0.limit = 2 }) == ["order.routers-guarded"])
        #expect(fired(without("router-prep", of: "routers")) == ["order.routers-guarded"])
        #expect(fired(without("routers", of: "bgp-sessions")) == ["order.routers-guarded"])
    }

    @Test func serversThatDiffer() throws {
        let inventory = try Example.small([
            ("{address: 10.77.0.13}", "{address: 10.77.0.13, k3s: {secrets-encryption: true}}")
        ])
        let fired = violations(inventory)
        #expect(fired == ["order.same-critical-settings: 'secrets-encryption' differs between server-01 and dpu-01"])
    }
}
