import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// Orders of an upgrade of Cilium that must not be run.
@Suite struct CiliumUpgradePlanTests {
    struct Broken: Sendable, CustomTestStringConvertible {
        let id: String
        let phase: PhaseID
        var without: Set<PhaseID> = []
        var nodes: (@Sendable ([NodeName]) -> [NodeName])?
        var atOnce: Int?
        var undone: Undo?
        var isReleased = false
        let says: String
        var testDescription: String { id }
    }

    private struct Changed: Phase {
        let base: any Phase
        let broken: Broken
        var id: PhaseID { base.id }
        var title: String { base.title }
        var nodes: [NodeName] { broken.nodes?(base.nodes) ?? base.nodes }
        var atOnce: Int { broken.atOnce ?? base.atOnce }
        func place(_ node: NodeName) -> NodeName { broken.undone == nil ? base.place(node) : node }
        func apply(_ node: NodeName) -> [Step] { base.apply(node) }
        func gate(_ node: NodeName) -> Gate? { base.gate(node) }
        func undo(_ node: NodeName) -> Undo { broken.undone ?? base.undo(node) }
    }

    static let broken = [
        Broken(
            id: "two at once", phase: "cilium-agents", atOnce: 2,
            says: "order.cilium-in-turn: cilium-agents may replace Cilium on 2 nodes at a time"),
        Broken(
            id: "one without a turn", phase: "cilium-agents", nodes: { Array($0.dropLast()) },
            says: "order.cilium-in-turn: nixos-01 has no turn"),
        Broken(
            id: "before the chart is held", phase: "cilium-agents", without: ["cilium-chart"],
            says: "order.cilium-in-turn: cilium-agents may start before the chart is held"),
        Broken(
            id: "released too early", phase: "cilium-release", without: ["cilium-agents"],
            says: "order.cilium-in-turn: cilium-release may release the chart before every node had its turn"),
        Broken(
            id: "not held at all", phase: "cilium-chart", isReleased: true,
            says: "order.cilium-in-turn: cilium-agents may start before the chart is held"),
        Broken(
            id: "without guards", phase: "cilium-agents", undone: .nothing(because: ""),
            says: "order.guard-armed: cilium-agents changes the network of dpu-01 without an armed guard"),
        Broken(
            id: "the guard is not there yet", phase: "cilium-agents", without: ["host-prep", "cilium-chart"],
            says: "order.guard-armed: cilium-agents may arm the guard of dpu-01 before host-prep has installed it"),
    ]

    @Test(arguments: broken) func aWrongOrderIsNotRun(broken: Broken) throws {
        let inventory = try Example.file("lab.yaml")
        let entries = CiliumUpgrade.order(for: inventory).entries.map { entry in
            guard entry.phase.id == broken.phase else { return entry }
            var base = entry.phase
            if broken.isReleased { base = Renamed(base: CiliumChart(inventory, .released), id: broken.phase) }
            return Order.Entry(
                Changed(base: base, broken: broken), after: entry.after.filter { !broken.without.contains($0.phase) })
        }
        let found = OrderRules.violations(Plan(cluster: "lab", order: Order(name: "x", entries)), for: inventory)
        #expect(found.contains { $0.hasPrefix(broken.says) }, "\(found)")
    }

    private struct Renamed: Phase {
        let base: any Phase
        let id: PhaseID
        var title: String { base.title }
        var nodes: [NodeName] { base.nodes }
        func apply(_ node: NodeName) -> [Step] { base.apply(node) }
        func gate(_ node: NodeName) -> Gate? { base.gate(node) }
        func undo(_ node: NodeName) -> Undo { base.undo(node) }
    }

    @Test(arguments: ["lab", "diskless", "keepalived", "dual-stack-bgp", "unifi-bgp"])
    func everyExamplesPlanKeepsTheRules(name: String) throws {
        let inventory = try Example.file("\(name).yaml")
        let order = CiliumUpgrade.order(for: inventory)
        #expect(OrderRules.violations(Plan(cluster: inventory.name, order: order), for: inventory) == [])
    }
}
