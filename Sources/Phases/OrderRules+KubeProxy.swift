import Engine
import Inventory
import Rendering

// Rules about the way away from kube-proxy.
extension OrderRules {
    /// It is switched off only when Cilium has said on every node that it replaces it; on every server, and then the
    /// workers are started anew, which would keep it else; and what it has left goes when nobody runs it any more.
    static func kubeProxyInTurn(_ plan: PlanView) -> [String] {
        let cluster = plan.cluster
        var violations: [String] = []
        for phase in plan.plan.phases where phase.work.contains(where: \.switchesKubeProxyOff) {
            let proof = plan.plan.phases.first { other in
                let proven = other.work.filter { work in
                    work.gate?.asks.contains(Ask(work.node, CiliumQuestion.status)) ?? false
                }
                return Set(proven.map(\.node)).isSuperset(of: cluster.all)
                    && plan.follows(phase.id, other.id, onAllNodes: true)
            }
            if let proof {
                violations += ["cilium", "cilium-api-server"].flatMap { plan.mustFollow(proof.id, $0) }
            } else {
                violations.append(
                    "\(phase.id) may switch kube-proxy off before Cilium replaces it on every node of the cluster")
            }
            let servers = Set(phase.work.filter { $0.switchesKubeProxyOff && $0.runsK3s }.map(\.node))
            violations += cluster.controlPlane.filter { !servers.contains($0) }.map {
                "\($0) keeps kube-proxy, and workers may learn from it that they run it"
            }
            let later = plan.plan.phases.filter { plan.follows($0.id, phase.id, onAllNodes: true) }
            let workers = Set(later.flatMap { $0.work.filter(\.runsK3s).map(\.node) })
            violations += cluster.workers.filter { cluster[$0].management == .full && !workers.contains($0) }.map {
                "\($0) is not started anew after \(phase.id), and keeps kube-proxy"
            }
            violations += stoppedBlindly(phase)
            for cleaning in plan.plan.phases where cleaning.work.contains(where: \.removesRules) {
                let restarts = plan.plan.phases.filter { $0.work.contains(where: \.runsK3s) }
                violations += restarts.flatMap { plan.mustFollow(cleaning.id, $0.id) }
            }
        }
        return violations
    }

    /// A server is stopped only when all others serve.
    static func stoppedBlindly(_ phase: PlannedPhase) -> [String] {
        guard phase.work.count > 1 else { return [] }
        return phase.work.compactMap { work in
            let looks = work.steps.firstIndex { $0.operation.summary == ServerQuestion.looksAtOthers }
            guard let stops = work.steps.firstIndex(where: {
                $0.operation.touchedUnit == Units.server || $0.operation.letsK3sBeChanged
            }) else {
                return nil
            }
            return looks.map { $0 > stops } ?? true ? "\(work.node) may be stopped while another one is out" : nil
        }
    }

    /// Whoever takes rules out of a node's firewall is the one program that knows which of them are kube-proxy's.
    static func ownChainsOnly(_ plan: PlanView) -> [String] {
        plan.plan.phases.flatMap { phase in
            phase.work.flatMap { work in
                work.steps.compactMap { step in
                    guard case .command(let command) = step.operation, !command.isKubeProxyRules,
                        command.arguments.contains(where: {
                            $0.contains("tables") || $0.split(separator: " ").contains("nft")
                        })
                    else { return nil }
                    return "\(phase.id) changes the firewall of \(work.node) by '\(command.name)'"
                }
            }
        }
    }
}

extension NodeWork {
    /// Whether K3s finds there that it is to run without kube-proxy.
    var switchesKubeProxyOff: Bool {
        steps.contains { $0.operation.touchedPaths.contains(KubeProxySettingsQuestion.dropIn) }
    }

    /// Whether it takes rules out of the node's firewall.
    var removesRules: Bool {
        steps.contains { step in
            guard case .command(let command) = step.operation, command.isKubeProxyRules else { return false }
            return command.arguments.contains("clean")
        }
    }
}

extension Command {
    fileprivate var isKubeProxyRules: Bool { arguments.contains(Template.kubeProxyRules.text()) }
}
