import Engine
import Inventory
import Rendering

// Rules about what comes after what.
extension OrderRules {
    static func preflightFirst(_ plan: PlanView) -> [String] {
        plan.plan.phases.compactMap { phase in
            guard phase.work.contains(where: { !$0.steps.isEmpty }) else { return nil }
            return plan.follows(phase.id, "preflight", onAllNodes: false)
                ? nil : "\(phase.id) may start before preflight"
        }
    }

    /// Who is told to find the API at the endpoint may start only when it answers there.
    static func endpointBeforeItsUsers(_ plan: PlanView) -> [String] {
        let endpoints: [PhaseID] = ["kube-vip", "keepalived"]
        guard let endpoint = endpoints.first(where: { plan.phase($0)?.work.isEmpty == false }) else { return [] }
        let url = K3sConfiguration.endpointURL(plan.cluster.inventory)
        return plan.plan.phases.compactMap { phase in
            let user = phase.work.first { work in
                plan.text(of: K3sPaths.config, in: work).map { K3sQuestion.value(of: "server", in: $0) == url } ?? false
            }
            guard let user, !plan.follows(phase.id, endpoint, onAllNodes: true) else { return nil }
            return "\(user.node) is sent to \(url) in \(phase.id), which may start before the endpoint answers"
        }
    }

    /// Resolvers are sent to CoreDNS only when it answers, and nobody looks for a name of the cluster before that. All
    /// control plane nodes are there by then, so that the next one that joins does not find a resolver half-way.
    static func namesBeforeTheirUsers(_ plan: PlanView) -> [String] {
        let hooks: [PhaseID] = ["dns-resolved", "dns-networkmanager"]
        let before: [PhaseID] = ["k3s-primary", "replicas", "kube-vip", "keepalived"]
        return before.flatMap { plan.mustFollow("dns", $0) } + hooks.flatMap { plan.mustFollow($0, "dns") }
            + hooks.flatMap { plan.mustFollow("workers", $0) }
    }

    static func replicasJoinPrimary(_ plan: PlanView) -> [String] {
        guard let phase = plan.phase("replicas") else { return [] }
        let primary = K3sConfiguration.serverURL(plan.cluster.inventory.primary, plan.cluster.inventory)
        return phase.work.compactMap { work in
            let server = plan.text(of: K3sPaths.config, in: work).flatMap { K3sQuestion.value(of: "server", in: $0) }
            guard let server, server != primary else { return nil }
            return "\(work.node) would join through \(server) and not through the primary, \(primary)"
        }
    }

    /// Neither two nodes of one phase nor two phases may have control plane nodes down at the same time.
    static func oneControlPlaneNodeAtATime(_ plan: PlanView) -> [String] {
        let members = Set(plan.cluster.controlPlane)
        func takesOut(_ work: NodeWork) -> Bool {
            members.contains(work.node) && (work.runsK3s || work.changesLinks || work.removesRules)
        }
        let phases = plan.plan.phases.filter { $0.work.contains(where: takesOut) }
        var violations: [String] = []
        for (index, phase) in phases.enumerated() {
            let count = phase.work.count(where: takesOut)
            if count > 1, phase.atOnce > 1 {
                violations.append("\(phase.id) may restart \(min(count, phase.atOnce)) control plane nodes at a time")
            }
            for other in phases[..<index] where !plan.follows(phase.id, other.id, onAllNodes: true) {
                violations.append("\(phase.id) and \(other.id) may restart control plane nodes at the same time")
            }
        }
        return violations
    }

    /// A replica has joined only when its member votes; else the next one would come while it is a learner.
    static func replicaGate(_ plan: PlanView) -> [String] {
        guard let phase = plan.phase("replicas") else { return [] }
        let reference = plan.cluster.reference
        return phase.work.compactMap { work in
            let asks = work.gate?.asks ?? []
            let isAsked =
                asks.contains(Ask(work.node, EtcdQuestion.probe)) && asks.contains(Ask(reference, NodesQuestion.probe))
            return isAsked ? nil : "the gate of \(work.node) does not ask whether its etcd member votes"
        }
    }

    /// Whoever joins a living cluster knows where, before it is started: a server without data that knows of no other begins
    /// a cluster of its own.
    static func oneCluster(_ plan: PlanView) -> [String] {
        (plan.phase("replicas")?.work ?? []).compactMap { work in
            let config = plan.text(of: K3sPaths.config, in: work)
            guard config.flatMap({ K3sQuestion.value(of: "cluster-init", in: $0) }) == "true" else { return nil }
            let join = plan.text(of: JoinFile.path, in: work).flatMap { K3sQuestion.value(of: "server", in: $0) }
            let own = plan.cluster.node(work.node).map { K3sConfiguration.serverURL($0, plan.cluster.inventory) }
            return join == nil || join == own
                ? "\(work.node) would begin a second cluster: nothing tells it which server to join" : nil
        }
    }

    /// A control plane node whose links were changed is a member again before the next one is out for a moment.
    static func linksGate(_ plan: PlanView) -> [String] {
        let members = Set(plan.cluster.controlPlane)
        return plan.plan.phases.flatMap { phase in
            phase.work.compactMap { work in
                guard members.contains(work.node), work.changesLinks else { return nil }
                let asks = work.gate?.asks ?? []
                let isAsked = [EtcdQuestion.probe, NodesQuestion.probe].allSatisfy { asks.contains(Ask(work.node, $0)) }
                return isAsked
                    ? nil : "the gate of \(work.node) in \(phase.id) does not ask whether its etcd member votes"
            }
        }
    }

    /// Routers are changed one at a time, each behind its guard, and before anybody waits for sessions with them.
    static func routersGuarded(_ plan: PlanView) -> [String] {
        guard let phase = plan.phase("routers"), !phase.work.isEmpty else { return [] }
        var violations = plan.mustFollow("bgp-sessions", "routers") + plan.mustFollow("router-sessions", "routers")
        if phase.atOnce > 1 && phase.work.count > 1 {
            violations.append("routers may change \(phase.work.count) routers at a time")
        }
        if !plan.follows("routers", "router-prep", onAllNodes: false) {
            violations.append("routers may arm a guard before router-prep has installed it")
        }
        for work in phase.work {
            guard case .checkpoint(let checkpoint)? = work.steps.first?.operation, checkpoint.windowSeconds != nil
            else {
                violations.append("routers changes \(work.node) without an armed guard")
                continue
            }
        }
        return violations
    }

    /// Charts are fetched over the network, and what they make may want an address.
    static func networkBeforeAddons(_ plan: PlanView) -> [String] {
        let addons = plan.cluster.inventory.addons.map { AddonPhase.id($0.name) }
        let network: [PhaseID] = [
            "cilium", "kube-vip", "keepalived", "workers", "cilium-api-server", "bgp", "bgp-sessions",
            "router-sessions", "api-endpoint",
        ]
        return addons.flatMap { addon in network.flatMap { plan.mustFollow(addon, $0) } }
    }

    /// What can cut a guarded node off happens only with its guard armed, whose program is there before. A change of links
    /// can cut off any node.
    static func guardArmed(_ plan: PlanView) -> [String] {
        plan.plan.phases.flatMap { phase in
            phase.work.compactMap { work -> String? in
                let hasGuard = plan.cluster.node(work.node)?.profile.guard != nil
                let isRisky = work.runsK3s || work.changesCilium || work.removesRules
                guard work.changesLinks || hasGuard && isRisky else { return nil }
                guard case .checkpoint(let checkpoint)? = work.steps.first?.operation, checkpoint.windowSeconds != nil
                else {
                    return "\(phase.id) changes the network of \(work.node) without an armed guard"
                }
                return plan.follows(phase.id, "host-prep", onAllNodes: false)
                    ? nil : "\(phase.id) may arm the guard of \(work.node) before host-prep has installed it"
            }
        }
    }

    /// A living cluster's servers are changed when there is a snapshot, its workers after the servers, drained, and what
    /// was drained takes pods again, whatever comes in between. A server is stopped only when all others serve. Whom the
    /// cluster's controller is to change it gets when there are Plans, which go in any case.
    static func upgradeInTurn(_ plan: PlanView) -> [String] {
        guard let servers = plan.phase("upgrade-servers") else { return [] }
        let snapshot = ["etcd-snapshot", "artifacts"].flatMap { plan.mustFollow("upgrade-servers", $0) }
        let isHandedOver = plan.phase("hand-over") != nil
        let drain: PhaseID = isHandedOver ? "hand-over" : "drain"
        let workers = [drain, "upgrade-workers"].flatMap { plan.mustFollow($0, "upgrade-servers") }
        var violations = snapshot + workers
        if isHandedOver {
            violations += ["upgrade-servers", drain].flatMap { plan.mustFollow($0, "upgrade-plans") }
                + ["upgrade-servers", "upgrade-workers"].flatMap { plan.mustFollow($0, "turn-program") }
            let isEnded = plan.plan.phases.contains { $0.ends == "upgrade-plans" }
            if !isEnded { violations.append("upgrade-plans leaves Plans behind, which would change other nodes later") }
        }
        for work in plan.phase("upgrade-workers")?.work ?? [] where work.runsK3s {
            let isDrained = plan.phase(drain)?.work.contains { $0.node == work.node } ?? false
            if !isDrained || !plan.follows("upgrade-workers", drain, onAllNodes: false) {
                violations.append("\(work.node) may be changed before it is drained")
            }
            let isEnded = plan.plan.phases.contains { $0.ends == drain && $0.work.contains { $0.node == work.node } }
            if !isEnded { violations.append("\(work.node) is drained, and nothing lets pods come back") }
        }
        return violations + stoppedBlindly(servers)
    }
}
