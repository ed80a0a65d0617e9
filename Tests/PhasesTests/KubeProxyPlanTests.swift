import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// Orders of the way away from kube-proxy that must not be run.
@Suite struct KubeProxyPlanTests {
    private func violations(_ change: (Order.Entry) -> Order.Entry?) throws -> [String] {
        let inventory = try Example.file("lab.yaml")
        let entries = KubeProxy.disable(for: inventory).entries.compactMap(change)
        return OrderRules.violations(Plan(cluster: "lab", order: Order(name: "x", entries)), for: inventory)
    }

    /// A phase of the order with something about it changed.
    private struct Changed: Phase {
        var base: any Phase
        var nodes: [NodeName]
        var limit: Int?
        var undone: Undo?
        var steps: (@Sendable ([Step]) -> [Step]) = { $0 }
        var hasGate = true
        var id: PhaseID { base.id }
        var title: String { base.title }
        var atOnce: Int { limit ?? base.atOnce }
        init(_ base: any Phase) {
            self.base = base
            nodes = base.nodes
        }
        func apply(_ node: NodeName) -> [Step] { steps(base.apply(node)) }
        func gate(_ node: NodeName) -> Gate? { hasGate ? base.gate(node) : nil }
        func undo(_ node: NodeName) -> Undo { undone ?? base.undo(node) }
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        let id: String
        let phase: PhaseID
        var without: Set<PhaseID> = []
        var change: @Sendable (inout Changing) -> Void = { _ in }
        let says: String
        var testDescription: String { id }
    }

    /// What a mistake changes.
    struct Changing {
        var nodes: [NodeName]
        var limit: Int?
        var undone: Undo?
        var steps: @Sendable ([Step]) -> [Step] = { $0 }
        var hasGate = true
    }

    static let broken = [
        Broken(
            id: "before Cilium has said so", phase: "kube-proxy-servers", without: ["kube-proxy-replaced"],
            says: "order.kube-proxy-in-turn: kube-proxy-servers may switch kube-proxy off before Cilium replaces it"),
        Broken(
            id: "one node is not asked", phase: "kube-proxy-replaced", change: { $0.nodes.removeLast() },
            says: "order.kube-proxy-in-turn: kube-proxy-servers may switch kube-proxy off before Cilium replaces it"),
        Broken(
            id: "nobody is asked", phase: "kube-proxy-replaced", change: { $0.hasGate = false },
            says: "order.kube-proxy-in-turn: kube-proxy-servers may switch kube-proxy off before Cilium replaces it"),
        Broken(
            id: "asked before Cilium is changed", phase: "kube-proxy-replaced",
            without: ["cilium", "cilium-api-server"],
            says: "order.kube-proxy-in-turn: kube-proxy-replaced may start before cilium has passed"),
        Broken(
            id: "a server keeps it", phase: "kube-proxy-servers", change: { $0.nodes.removeLast() },
            says: "order.kube-proxy-in-turn: dpu-03 keeps kube-proxy"),
        Broken(
            id: "a server is told, and not started anew", phase: "kube-proxy-servers",
            change: { $0.steps = { Array($0.dropLast()) } },
            says: "order.kube-proxy-in-turn: dpu-01 keeps kube-proxy"),
        Broken(
            id: "two servers out", phase: "kube-proxy-servers", change: { $0.limit = 2 },
            says: "order.one-control-plane-node-at-a-time: kube-proxy-servers may restart 2"),
        Broken(
            id: "nobody looks at the others", phase: "kube-proxy-servers",
            change: { $0.steps = { $0.filter { $0.operation.summary != ServerQuestion.looksAtOthers } } },
            says: "order.kube-proxy-in-turn: dpu-01 may be stopped while another one is out"),
        Broken(
            id: "workers before servers", phase: "kube-proxy-workers", without: ["kube-proxy-servers"],
            says: "order.kube-proxy-in-turn: worker-01 is not started anew after kube-proxy-servers"),
        Broken(
            id: "workers that are not started anew", phase: "kube-proxy-workers", change: { $0.steps = { _ in [] } },
            says: "order.kube-proxy-in-turn: worker-01 is not started anew after kube-proxy-servers"),
        Broken(
            id: "cleaned while it runs on workers", phase: "kube-proxy-clean", without: ["kube-proxy-workers"],
            says: "order.kube-proxy-in-turn: kube-proxy-clean may start before kube-proxy-workers has passed"),
        Broken(
            id: "no guard over a firewall", phase: "kube-proxy-clean", change: { $0.undone = .nothing(because: "") },
            says: "order.guard-armed: kube-proxy-clean changes the network of dpu-01 without an armed guard"),
        Broken(
            id: "all servers' firewalls at once", phase: "kube-proxy-clean", change: { $0.limit = 3 },
            says: "order.one-control-plane-node-at-a-time: kube-proxy-clean may restart 3"),
        Broken(
            id: "a hand-made way of cleaning", phase: "kube-proxy-clean-workers",
            change: {
                $0.steps = { _ in
                    let text = "iptables-save | grep -v KUBE | iptables-restore"
                    return [Step(.command(Command(name: "clean up", arguments: ["sh", "-c", text])), because: "")]
                }
            }, says: "order.own-chains-only: kube-proxy-clean-workers changes the firewall of worker-01 by 'clean up'"),
    ]

    @Test(arguments: broken) func aWrongOrderIsNotRun(broken: Broken) throws {
        let found = try violations { entry in
            guard entry.phase.id == broken.phase else { return entry }
            var changing = Changing(nodes: entry.phase.nodes)
            broken.change(&changing)
            var changed = Changed(entry.phase)
            changed.nodes = changing.nodes
            changed.limit = changing.limit
            changed.undone = changing.undone
            changed.steps = changing.steps
            changed.hasGate = changing.hasGate
            return .init(changed, after: entry.after.filter { !broken.without.contains($0.phase) })
        }
        #expect(found.contains { $0.hasPrefix(broken.says) }, "\(found)")
    }

    @Test(arguments: ["lab", "diskless", "keepalived", "dual-stack-bgp", "unifi-bgp"])
    func everyExamplesPlanKeepsTheRules(name: String) throws {
        let inventory = try Example.file("\(name).yaml")
        for order in [KubeProxy.disable(for: inventory), KubeProxy.clean(for: inventory)] {
            #expect(OrderRules.violations(Plan(cluster: inventory.name, order: order), for: inventory) == [])
        }
    }
}
