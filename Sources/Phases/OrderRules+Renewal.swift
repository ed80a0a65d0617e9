import Engine
import Inventory
import Rendering

// Rules about what nodes trust each other by: the token, and certificates.
extension OrderRules {
    /// Once K3s has changed the token no server starts with the earlier one: so each has the new one before any of them is started
    /// anew, and nothing that takes a phase back puts the earlier one in its place.
    static func tokenInTurn(_ plan: PlanView) -> [String] {
        guard plan.phase("rotate-token") != nil else { return [] }
        var violations: [String] = []
        for (later, earlier) in [
            ("rotate-token", "stage-token"), ("token-servers", "rotate-token"), ("restart-servers", "token-servers"),
            ("token-workers", "restart-servers"), ("restart-workers", "token-workers"),
            ("end-token", "restart-servers"), ("end-token", "restart-workers"),
        ] as [(PhaseID, PhaseID)] {
            violations += plan.mustFollow(later, earlier)
        }
        let writing = plan.plan.phases.filter { $0.work.contains(where: \.writesToken) }
        for node in plan.cluster.managed {
            if !writing.contains(where: { $0.work.contains { $0.node == node && $0.writesToken } }) {
                violations.append("\(node) does not get the new token")
            }
            let restarts = plan.plan.phases.filter { $0.work.contains { $0.node == node && $0.runsK3s } }
            if restarts.isEmpty { violations.append("K3s on \(node) goes on with the earlier token") }
        }
        for phase in writing {
            violations += phase.work.filter { $0.writesToken && $0.steps.contains(where: \.operation.isCheckpoint) }.map
            {
                "taking \(phase.id) back on \($0.node) would put the earlier token in its place"
            }
        }
        return violations + (plan.phase("restart-servers").map(stoppedBlindly) ?? [])
    }

    /// All nodes have noted what they have before the first of them gets other certificates; workers come after servers; a server
    /// is stopped only when all others serve.
    static func certsInTurn(_ plan: PlanView) -> [String] {
        guard let servers = plan.phase("renew-servers") else { return [] }
        let order: [(PhaseID, PhaseID)] = [
            ("renew-servers", "note-certs"), ("renew-workers", "note-certs"), ("renew-workers", "renew-servers"),
            ("end-certs", "renew-servers"), ("end-certs", "renew-workers"),
        ]
        return order.flatMap { plan.mustFollow($0, $1) } + stoppedBlindly(servers) + haltedBlindly(servers)
    }

    /// K3s is stopped by the step that takes the certificates away, before the one that starts it.
    private static func haltedBlindly(_ phase: PlannedPhase) -> [String] {
        guard phase.work.count > 1 else { return [] }
        return phase.work.compactMap { work in
            let looks = work.steps.firstIndex { $0.operation.summary == ServerQuestion.looksAtOthers }
            guard let stops = work.steps.firstIndex(where: { $0.operation.summary == RenewServers.step }) else {
                return nil
            }
            return looks.map { $0 > stops } ?? true ? "\(work.node) may be stopped while another one is out" : nil
        }
    }
}

extension NodeWork {
    fileprivate var writesToken: Bool { steps.contains { $0.operation.touchedPaths.contains(K3sPaths.token) } }
}
