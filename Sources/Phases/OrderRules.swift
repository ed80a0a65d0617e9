import Engine
import Inventory
import Rendering

/// What no order may ever allow, checked on the plan as data: by what phases do and come after, not by their code.
///
/// Each violation is one sentence behind the name of its rule. A plan with violations must not be run.
public enum OrderRules {
    /// The rules by name; each has a test that breaks it.
    public enum Rule: String, Sendable, CaseIterable {
        case preflightFirst = "order.preflight-first"
        case ciliumBeforeEndpoint = "order.cilium-before-endpoint"
        case ciliumBeforeReplicas = "order.cilium-before-replicas"
        case ciliumBeforeWorkers = "order.cilium-before-workers"
        case endpointBeforeItsUsers = "order.endpoint-before-its-users"
        case namesBeforeTheirUsers = "order.names-before-their-users"
        case replicasJoinPrimary = "order.replicas-join-primary"
        case oneControlPlaneNodeAtATime = "order.one-control-plane-node-at-a-time"
        case replicaGate = "order.replica-gate"
        case oneCluster = "order.one-cluster"
        case linksGate = "order.links-gate"
        case noServiceAddress = "order.no-service-address"
        case kubeProxyReplaced = "order.kube-proxy-replaced"
        case networkBeforeAddons = "order.network-before-addons"
        case guardArmed = "order.guard-armed"
        case upgradeInTurn = "order.upgrade-in-turn"
        case resetInTurn = "order.reset-in-turn"
        case restoreInTurn = "order.restore-in-turn"
        case kubeProxyInTurn = "order.kube-proxy-in-turn"
        case ciliumInTurn = "order.cilium-in-turn"
        case ownChainsOnly = "order.own-chains-only"
        case tokenInTurn = "order.token-in-turn"
        case certsInTurn = "order.certs-in-turn"
        case routersGuarded = "order.routers-guarded"
        case hostFirewallOff = "order.host-firewall-off"
        case keptLinks = "order.kept-links"
        case sameCriticalSettings = "order.same-critical-settings"
    }

    /// Everything that is wrong with a plan, in the order of the rules; empty for a plan that may be run.
    public static func violations(_ plan: Plan, for inventory: Inventory) -> [String] {
        Rule.allCases.flatMap { rule in
            check(rule, PlanView(plan, inventory)).map { "\(rule.rawValue): \($0)" }
        }
    }

    private static func check(_ rule: Rule, _ plan: PlanView) -> [String] {
        switch rule {
        case .preflightFirst: preflightFirst(plan)
        case .ciliumBeforeEndpoint:
            ["kube-vip", "keepalived", "api-endpoint"].flatMap { plan.mustFollow($0, "cilium") }
                + ["kube-vip", "keepalived"].flatMap { plan.mustFollow("cilium-api-server", $0) }
        case .ciliumBeforeReplicas: plan.mustFollow("replicas", "cilium")
        case .ciliumBeforeWorkers: plan.mustFollow("workers", "cilium")
        case .endpointBeforeItsUsers: endpointBeforeItsUsers(plan)
        case .namesBeforeTheirUsers: namesBeforeTheirUsers(plan)
        case .replicasJoinPrimary: replicasJoinPrimary(plan)
        case .oneControlPlaneNodeAtATime: oneControlPlaneNodeAtATime(plan)
        case .replicaGate: replicaGate(plan)
        case .oneCluster: oneCluster(plan)
        case .linksGate: linksGate(plan)
        case .noServiceAddress: noServiceAddress(plan)
        case .kubeProxyReplaced: kubeProxyReplaced(plan)
        case .networkBeforeAddons: networkBeforeAddons(plan)
        case .guardArmed: guardArmed(plan)
        case .upgradeInTurn: upgradeInTurn(plan)
        case .resetInTurn:
            plan.mustFollow("reset-files", "reset-workers") + plan.mustFollow("reset-files", "reset-servers")
        case .restoreInTurn: restoreInTurn(plan)
        case .kubeProxyInTurn: kubeProxyInTurn(plan)
        case .ciliumInTurn: ciliumInTurn(plan)
        case .ownChainsOnly: ownChainsOnly(plan)
        case .tokenInTurn: tokenInTurn(plan)
        case .certsInTurn: certsInTurn(plan)
        case .routersGuarded: routersGuarded(plan)
        case .hostFirewallOff: hostFirewallOff(plan)
        case .keptLinks: keptLinks(plan)
        case .sameCriticalSettings: sameCriticalSettings(plan)
        }
    }
}

/// A plan with the questions that the rules put to it.
struct PlanView {
    let plan: Plan
    let cluster: Cluster

    init(_ plan: Plan, _ inventory: Inventory) {
        self.plan = plan
        cluster = Cluster(inventory)
    }

    func phase(_ id: PhaseID) -> PlannedPhase? { plan.phases.first { $0.id == id } }

    /// Whether `later` starts on a node only after `earlier` has passed there; `onAllNodes`: on all its nodes.
    ///
    /// A phase without nodes passes at once, so that nothing can be said to come after something through it.
    func follows(_ later: PhaseID, _ earlier: PhaseID, onAllNodes: Bool) -> Bool {
        guard let phase = phase(later) else { return false }
        return phase.after.contains { dependency in
            let isAll = if case .all = dependency { true } else { false }
            guard isAll || !onAllNodes else { return false }
            if dependency.phase == earlier { return true }
            guard let between = self.phase(dependency.phase), !between.work.isEmpty else { return false }
            return follows(dependency.phase, earlier, onAllNodes: onAllNodes)
        }
    }

    func mustFollow(_ later: PhaseID, _ earlier: PhaseID) -> [String] {
        guard let phase = phase(later), !phase.work.isEmpty, let first = self.phase(earlier), !first.work.isEmpty else {
            return []
        }
        return follows(later, earlier, onAllNodes: true)
            ? [] : ["\(later) may start before \(earlier) has passed on all nodes"]
    }

    /// The text of a file that a phase writes on a node.
    func text(of path: String, in work: NodeWork) -> String? {
        for step in work.steps {
            if case .file(path, .text(let text), _) = step.operation { return text }
        }
        return nil
    }

    /// Objects of all phases whose name begins so, such as `HelmChart`, each with its phase and position.
    func objects(_ prefix: String) -> [(phase: PhaseID, position: Int, object: KubernetesObject)] {
        plan.phases.flatMap { phase in
            phase.work.flatMap { work in
                work.steps.enumerated().compactMap { position, step in
                    guard case .object(let object) = step.operation, object.name.hasPrefix(prefix) else { return nil }
                    return (phase.id, position, object)
                }
            }
        }
    }
}

extension NodeWork {
    /// Whether it starts or restarts K3s, or lets somebody else do so.
    var runsK3s: Bool {
        steps.contains { step in
            if case .unit(let unit) = step.operation { return unit.name == Units.server || unit.name == Units.agent }
            return step.operation.letsK3sBeChanged
        }
    }

    /// Whether it changes the links of the machine.
    var changesLinks: Bool {
        steps.contains { step in
            if case .command(let command) = step.operation {
                return command.arguments.contains(GuardFiles.interfaces.path)
            }
            return false
        }
    }

    /// Whether it brings or changes Cilium.
    var changesCilium: Bool {
        steps.contains { step in
            if case .object(let object) = step.operation { return object.name == "HelmChart kube-system/cilium" }
            return step.operation.summary == CiliumAgents.turn(of: node)
        }
    }
}
