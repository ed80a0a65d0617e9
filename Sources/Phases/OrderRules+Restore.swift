import Engine
import Inventory

extension OrderRules {
    /// A snapshot's data begin a new cluster on one server, when the snapshot was seen whole and every server is stopped;
    /// nobody's earlier data make way before that has gone well, and no K3s starts before they have. Else two clusters
    /// would live at once, or none.
    static func restoreInTurn(_ plan: PlanView) -> [String] {
        guard let reset = plan.phase("reset-etcd"), let server = reset.work.first?.node else { return [] }
        var violations: [String] = []
        if reset.work.count > 1 { violations.append("\(reset.work.count) servers begin a cluster each") }
        func all(_ nodes: [NodeName], in phase: PhaseID, _ words: String) {
            let missing = nodes.filter { node in plan.phase(phase)?.work.contains { $0.node == node } != true }
            violations += missing.map { "\($0) \(words)" }
        }
        let others = plan.cluster.controlPlane.filter { $0 != server }
        all(plan.cluster.controlPlane, in: "stop-servers", "is not stopped, and may go on as the earlier cluster")
        all(others, in: "set-data-aside", "keeps the earlier data, and may go on with them")
        for (later, earlier) in [
            ("stop-servers", "check-snapshot"), ("reset-etcd", "stop-servers"), ("set-data-aside", "reset-etcd"),
            ("rejoin-servers", "start-restored"), ("end-restore", "prove-data"), ("end-restore", "rejoin-servers"),
        ] as [(PhaseID, PhaseID)] {
            violations += plan.mustFollow(later, earlier)
        }
        for phase in plan.plan.phases {
            let starting = phase.work.filter { plan.cluster.controlPlane.contains($0.node) && $0.runsK3s }
            guard let first = starting.first else { continue }
            for earlier in ["reset-etcd", "set-data-aside"] as [PhaseID]
            where plan.phase(earlier)?.work.isEmpty == false && !plan.follows(phase.id, earlier, onAllNodes: true) {
                violations.append(
                    "K3s may start on \(first.node) in \(phase.id) before \(earlier) has passed on all nodes")
            }
        }
        return violations
    }
}
