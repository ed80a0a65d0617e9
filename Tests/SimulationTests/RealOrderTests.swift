import Engine
import Foundation
import Inventory
import Phases
import Testing

@testable import Simulation

/// The orders of the example inventories, over faults of every kind.
@Suite @ShellThread struct RealOrderTests {
    private static let acts: [String: EtcdAct] = [
        StopServers.step: .stop, ResetEtcd.step: .reset, SetDataAside.step: .setAside, StartServers.step: .start,
    ]

    private func inventory(_ name: String) throws -> Inventory {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent("inventories/\(name).yaml")
        return try InventoryReader.read(bytes: Array(Data(contentsOf: path)), file: path.path).get().inventory
    }

    private func restoring(_ inventory: Inventory) -> Order {
        EtcdRestore.order(
            for: inventory,
            Restore(attempt: "a", source: .named("s"), server: NodeName(inventory.primary.name)))
    }

    private func controlPlane(_ inventory: Inventory) -> ControlPlane {
        ControlPlane(
            primary: NodeName(inventory.primary.name), replicas: inventory.replicas.map { NodeName($0.name) },
            acts: Self.acts)
    }

    @Test(arguments: [("lab", UInt64(100)), ("keepalived", 10)])
    func aSnapshotIsRestored(name: String, seeds: UInt64) throws {
        let inventory = try inventory(name)
        let scenario = Scenario(
            cluster: inventory.name, order: restoring(inventory), nodes: inventory.nodes.map { NodeName($0.name) },
            controlPlane: controlPlane(inventory), isLiving: true)
        for seed in 1...seeds {
            let trial = scenario.run(seed: seed, faults: Set(Fault.allCases))
            #expect(trial.violations.isEmpty, "seed \(seed): \(trial.violations)")
            #expect(trial.isWhole)
        }
    }

    private func recovering(atOnce: Int = .max) throws -> Scenario {
        var inventory = try inventory("lab")
        inventory.nodes.removeAll { !$0.isControlPlane }
        let right = Recover.order(for: inventory, members: inventory.nodes.count)
        let driven = Order(
            name: "recover",
            right.entries.map { entry in
                entry.phase.id == "start-servers"
                    ? .init(AFew(base: entry.phase, atOnce: atOnce), after: entry.after) : entry
            })
        return Scenario(
            cluster: inventory.name, order: driven, nodes: inventory.nodes.map { NodeName($0.name) },
            controlPlane: controlPlane(inventory), isDown: true)
    }

    @Test func serversThatAreAllDownComeBack() throws {
        let scenario = try recovering()
        for seed in UInt64(1)...100 {
            let trial = scenario.run(seed: seed, faults: Set(Fault.allCases))
            #expect(trial.violations.isEmpty, "seed \(seed): \(trial.violations)")
            #expect(trial.isWhole)
        }
    }

    @Test func serversThatAreStartedOneAfterTheOtherNeverDo() throws {
        let trial = try recovering(atOnce: 1).run(seed: 1, faults: [])
        #expect(trial.violations.map(\.invariant) == [.finishes])
    }

    /// What a restore must not be, seen by what it breaks within two hundred seeds.
    @Test(arguments: ["stop-servers", "set-data-aside"] as [PhaseID])
    func aRestoreThatLeavesOutAPhaseMakesTwoClusters(left: PhaseID) throws {
        let inventory = try inventory("lab")
        let right = restoring(inventory)
        let entries = right.entries.filter { $0.phase.id != left }.map { entry in
            Order.Entry(entry.phase, after: entry.after.filter { $0.phase != left })
        }
        let scenario = Scenario(
            cluster: inventory.name, order: Order(name: "wrong", entries),
            nodes: inventory.nodes.map { NodeName($0.name) }, controlPlane: controlPlane(inventory), isLiving: true)
        let broken = (UInt64(1)...200).contains { seed in
            scenario.run(seed: seed, faults: []).violations.contains { $0.invariant == .oneCluster }
        }
        #expect(broken)
    }

    @Test(arguments: [
        ("lab", "bootstrap", 100), ("diskless", "bootstrap", 10), ("keepalived", "bootstrap", 10),
        ("lab", "upgrade", 100), ("lab", "upgrade-via", 100),
        ("keepalived", "upgrade", 10), ("lab", "kube-proxy-disable", 100), ("keepalived", "kube-proxy-disable", 10),
        ("lab", "upgrade-cilium", 100), ("keepalived", "upgrade-cilium", 10),
    ])
    func nothingHappensThatMustNot(inventory name: String, verb: String, seeds: UInt64) throws {
        let inventory = try inventory(name)
        let orders = [
            Bootstrap.order(for: inventory), Upgrade.order(for: inventory), KubeProxy.disable(for: inventory),
            UpgradeVia.order(for: inventory, options: Upgrade.Options(), via: UpgradeVia.Options()),
            CiliumUpgrade.order(for: inventory),
        ]
        let scenario = Scenario(
            cluster: inventory.name, order: try #require(orders.first { $0.name == verb }),
            nodes: inventory.nodes.map { NodeName($0.name) },
            controlPlane: ControlPlane(
                primary: NodeName(inventory.primary.name), replicas: inventory.replicas.map { NodeName($0.name) },
                acts: Dictionary(
                    uniqueKeysWithValues: inventory.controlPlane.map {
                        (UpgradeVia.turnName(NodeName($0.name)), .startAnew)
                    })),
            isLiving: verb != "bootstrap")
        for seed in 1...seeds {
            let trial = scenario.run(seed: seed, faults: Set(Fault.allCases))
            #expect(trial.violations.isEmpty, "seed \(seed): \(trial.violations)")
            #expect(trial.isWhole)
        }
    }

    private static let renewalActs: [String: EtcdAct] = [
        RotateToken.step: .rotateToken, "/etc/rancher/k3s/token": .takeToken, RenewServers.step: .halt,
    ]

    private func renewal(_ order: Order, of inventory: Inventory) -> Scenario {
        var controlPlane = controlPlane(inventory)
        controlPlane.acts = Self.renewalActs
        return Scenario(
            cluster: inventory.name, order: order, nodes: inventory.nodes.map { NodeName($0.name) },
            controlPlane: controlPlane, isLiving: true)
    }

    @Test(arguments: [("lab", UInt64(100)), ("keepalived", 10)])
    func tokenAndCertificatesAreRenewed(name: String, seeds: UInt64) throws {
        let inventory = try inventory(name)
        for order in [TokenRotate.order(for: inventory), CertsRotate.order(for: inventory)] {
            let scenario = renewal(order, of: inventory)
            for seed in 1...seeds {
                let trial = scenario.run(seed: seed, faults: Set(Fault.allCases))
                #expect(trial.violations.isEmpty, "\(order.name), seed \(seed): \(trial.violations)")
                #expect(trial.isWhole)
            }
        }
    }

    /// A server that is started anew before it has the new token never serves again; and two that are stopped at once cost the
    /// quorum.
    @Test func aTokenThatDoesNotFitKeepsServersFromStarting() throws {
        let inventory = try inventory("lab")
        let order = TokenRotate.order(for: inventory)
        var entries = order.entries.filter { $0.phase.id != "token-servers" }
        let files = try #require(order.entries.first { $0.phase.id == "token-servers" }).phase
        let position = try #require(entries.firstIndex { $0.phase.id == "restart-servers" })
        entries[position] = .init(entries[position].phase, after: [.all("rotate-token"), .all("host-prep")])
        entries.insert(.init(files, after: [.all("restart-servers")]), at: position + 1)
        let hasty = renewal(Order(name: order.name, entries), of: inventory).run(seed: 1, faults: [])
        #expect(hasty.violations.map(\.invariant) == [.finishes])
        let renewing = CertsRotate.order(for: inventory)
        let together = renewing.entries.map { entry in
            entry.phase.id == "renew-servers"
                ? Order.Entry(AFew(base: entry.phase, atOnce: 2), after: entry.after) : entry
        }
        let certs = renewal(Order(name: renewing.name, together), of: inventory)
        let broken = (UInt64(1)...20).flatMap { certs.run(seed: $0, faults: []).violations.map(\.invariant) }
        #expect(broken.contains(.oneServerOut) || broken.contains(.quorumIsKept), "\(broken)")
    }

    /// Cilium on two nodes at once, and a chart that is released while some wait for their turn.
    @Test(arguments: [Invariant.rollingAtOnce, .afterPredecessors])
    func ciliumOutOfTurnIsNoticed(invariant: Invariant) throws {
        let inventory = try inventory("lab")
        let right = CiliumUpgrade.order(for: inventory)
        let wrong = right.entries.map { entry in
            switch (invariant, entry.phase.id) {
            case (.rollingAtOnce, "cilium-agents"): Order.Entry(AFew(base: entry.phase, atOnce: 2), after: entry.after)
            case (.afterPredecessors, "cilium-release"):
                Order.Entry(entry.phase, after: entry.after.filter { $0.phase != "cilium-agents" })
            default: entry
            }
        }
        let scenario = Scenario(
            cluster: inventory.name, order: right, nodes: inventory.nodes.map { NodeName($0.name) },
            controlPlane: controlPlane(inventory), isLiving: true, drivenBy: Order(name: "wrong", wrong))
        let broken = (UInt64(1)...50).contains { seed in
            scenario.run(seed: seed, faults: []).violations.contains { $0.invariant == invariant }
        }
        #expect(broken)
    }

    /// A living cluster whose primary is lost, or leaves, or whose last server comes.
    private func change(
        _ verb: NodeChange.Verb, _ name: String, drivenBy turn: (Order) -> Order = { $0 }
    ) throws -> Scenario {
        let inventory = try inventory(name)
        let node = verb == .add ? inventory.controlPlane.last?.name ?? "" : inventory.primary.name
        let change = try NodeChange(verb, [node], of: inventory)
        let reference = change.inventory.reference.name
        var controlPlane = ControlPlane(
            primary: NodeName(reference),
            replicas: inventory.controlPlane.map(\.name).filter { $0 != reference }.map { NodeName($0) })
        controlPlane.acts = ["forget \(node)": .forget]
        if verb == .add { controlPlane.change.new = [NodeName(node)] }
        if verb == .replace { controlPlane.change.dead = [NodeName(node)] }
        return Scenario(
            cluster: inventory.name, order: turn(NodeOrder.order(for: change)), nodes: change.nodes,
            controlPlane: controlPlane, isLiving: true)
    }

    @Test(arguments: NodeChange.Verb.allCases, ["lab", "keepalived"])
    func nodesComeAndGo(verb: NodeChange.Verb, inventory: String) throws {
        let scenario = try change(verb, inventory)
        for seed: UInt64 in 1...(inventory == "lab" ? 60 : 10) {
            let trial = scenario.run(seed: seed, faults: Set(Fault.allCases))
            #expect(trial.violations.isEmpty, "seed \(seed): \(trial.violations)")
            #expect(trial.isWhole)
        }
    }

    /// Each of these orders is wrong, and the model notices.
    @Test(
        arguments: [
            (.replace, "replicas", .oneCluster), (.remove, "leave", .oneServerOut),
        ] as [(NodeChange.Verb, PhaseID, Invariant)])
    func whatIsLeftOutIsMissed(verb: NodeChange.Verb, phase: PhaseID, invariant: Invariant) throws {
        let scenario = try change(verb, "lab") { order in
            Order(
                name: order.name,
                order.entries.map { $0.phase.id == phase ? .init(Lacking(base: $0.phase), after: $0.after) : $0 })
        }
        let found = (1...20 as ClosedRange<UInt64>).contains { seed in
            scenario.run(seed: seed, faults: []).violations.contains { $0.invariant == invariant }
        }
        #expect(found)
    }
}

/// A phase without what makes it safe: joining, without the word where; leaving, without doing it.
private struct Lacking: Phase {
    let base: any Phase
    var id: PhaseID { base.id }
    var title: String { base.title }
    var nodes: [NodeName] { base.nodes }
    var atOnce: Int { base.atOnce }
    func place(_ node: NodeName) -> NodeName { base.place(node) }
    func apply(_ node: NodeName) -> [Step] {
        guard id == "replicas" else { return [] }
        return base.apply(node).filter { step in
            if case .file(_, .text(let text), _) = step.operation { return !text.contains("server: ") }
            return true
        }
    }
    func gate(_ node: NodeName) -> Gate? { base.gate(node) }
    func undo(_ node: NodeName) -> Undo { base.undo(node) }
}

/// A phase with another number of nodes at once.
private struct AFew: Phase {
    let base: any Phase
    let atOnce: Int

    var id: PhaseID { base.id }
    var title: String { base.title }
    var nodes: [NodeName] { base.nodes }
    func place(_ node: NodeName) -> NodeName { base.place(node) }
    func apply(_ node: NodeName) -> [Step] { base.apply(node) }
    func gate(_ node: NodeName) -> Gate? { base.gate(node) }
    func undo(_ node: NodeName) -> Undo { base.undo(node) }
}
