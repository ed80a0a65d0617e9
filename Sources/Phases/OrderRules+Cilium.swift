import Engine
import Inventory
import YAML

extension OrderRules {
    /// Where agents are replaced in their turn, nobody else replaces them: the chart is held before the first turn and
    /// released after the last one, when every node had its own; and each waits for what it has begun.
    static func ciliumInTurn(_ plan: PlanView) -> [String] {
        plan.plan.phases.flatMap { phase -> [String] in
            let turns = phase.work.filter { work in
                work.steps.contains { $0.operation.summary == CiliumAgents.turn(of: work.node) }
            }
            guard !turns.isEmpty else { return [] }
            var violations: [String] = []
            if phase.atOnce > 1, turns.count > 1 {
                violations.append("\(phase.id) may replace Cilium on \(min(turns.count, phase.atOnce)) nodes at a time")
            }
            violations += plan.cluster.all.filter { node in !turns.contains { $0.node == node } }.map {
                "\($0) has no turn, and its Cilium would be replaced with nobody looking"
            }
            violations += turns.compactMap { work in
                let asks = work.gate?.asks ?? []
                let isAsked =
                    asks.contains(Ask(work.node, CiliumQuestion.status))
                    && asks.contains(Ask(work.place, CiliumQuestion.pods))
                return isAsked ? nil : "the gate of \(work.node) does not ask whether its new Cilium serves"
            }
            let charts = plan.objects("HelmChart kube-system/cilium")
            if !charts.contains(where: { isHeld($0.object) && plan.follows(phase.id, $0.phase, onAllNodes: true) }) {
                violations.append(
                    "\(phase.id) may start before the chart is held: the DaemonSet would replace them all")
            }
            for chart in charts where !isHeld(chart.object) && !plan.follows(chart.phase, phase.id, onAllNodes: true) {
                violations.append("\(chart.phase) may release the chart before every node had its turn")
            }
            return violations
        }
    }

    private static func isHeld(_ chart: KubernetesObject) -> Bool {
        guard let document = try? YAMLDocument.parse(chart.manifest, file: "plan") else { return false }
        let set = YAMLValue(document.root).map?["spec"]?[["set"]]
        return ["updateStrategy.type", "envoy.updateStrategy.type"].allSatisfy { set?.map?[$0] == .string("OnDelete") }
    }
}
