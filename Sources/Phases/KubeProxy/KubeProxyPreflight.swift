import Engine
import Inventory
import Rendering

/// Asks a living cluster whether it can be led away from kube-proxy, and refuses the run with all reasons at once.
public struct KubeProxyPreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether the cluster can do without kube-proxy"
    public var nodes: [NodeName] { cluster.all }
    let cluster: Cluster
    let verb: KubeProxyVerb

    public init(_ inventory: Inventory, _ verb: KubeProxyVerb) {
        cluster = Cluster(inventory)
        self.verb = verb
    }

    /// The cluster is asked on every server, because any of them may be the one that is out.
    public func needs(_ node: NodeName) -> [Probe] {
        var probes = [CiliumQuestion.status, KubeProxyQuestion.probe]
        if cluster[node].management == .full { probes += [.guardState, TokenProblem.underWay] }
        guard cluster[node].isControlPlane else { return probes }
        return probes + [
            NodesQuestion.probe, EtcdQuestion.probe, CiliumObjects.applied,
            KubeProxySettingsQuestion.probe(Units.server), RestoreState.probe,
        ]
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard let nodes = ServerQuestion.nodes(facts, cluster) else {
            let why = facts.first(of: cluster.controlPlane, NodesQuestion.probe).map { ": \($0.reason)" } ?? ""
            let problem = Problem(
                "the cluster cannot be asked for its nodes\(why)",
                fix: "see that K3s runs on the servers; a cluster that has no quorum is left as it is")
            return node == cluster.primary ? .blocked([problem]) : .satisfied
        }
        guard nodes[node] != nil else {
            return .blocked([
                Problem(
                    "the cluster does not know it",
                    fix: "let it join first: 'clusterctl bootstrap'; or take it out of the inventory")
            ])
        }
        var problems =
            GuardProblem.problems(node, facts, own: KubeProxyPreflight.guarded) + RestoreState.problems(node, facts)
            + TokenProblem.problems(ofChange: node, facts)
        // One that was just started anew may have no word of its own to say for a moment; the gates wait for it.
        if !KubeProxyReplaced.isUnderWay(node, facts), !wasLedBack(node, facts),
            !facts.hasGuardArmed(for: ServersRun.id, node)
        {
            problems += ciliumProblems(node, facts) + rulesProblems(node, facts)
        }
        if verb == .disable { problems += settingsProblems(node, facts) }
        if verb == .disable, node == cluster.primary {
            problems += ServerQuestion.quorumProblems(facts, nodes, cluster) + chartProblems(facts)
        }
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    /// Cilium is the network there already: only then can it take kube-proxy's place. Where it does not, `clean` would
    /// leave nobody who serves.
    private func ciliumProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let reading = CiliumQuestion.reading(facts[node, CiliumQuestion.status]) else {
            let why = facts[node, CiliumQuestion.status].map { ": \($0.reason)" } ?? ""
            return [
                Problem(
                    "Cilium does not answer there\(why), and kube-proxy goes only where Cilium takes its place",
                    fix: "see that Cilium serves on it: 'clusterctl status'")
            ]
        }
        guard reading.state == "Ok" else {
            return [
                Problem(
                    "Cilium is not well there (\(reading.state))", fix: "see what 'cilium-dbg status' says in its pod")
            ]
        }
        guard verb == .clean, !reading.replacesKubeProxy else { return [] }
        return [
            Problem(
                "Cilium does not replace kube-proxy there, so that its rules are all that serves",
                fix: "lead the cluster away from it: 'clusterctl kube-proxy disable'")
        ]
    }

    /// Whether its guard has started K3s anew with what it had before.
    private func wasLedBack(_ node: NodeName, _ facts: Facts) -> Bool {
        guard verb == .disable,
            case .rolledBack(let rollback)? = facts[node, .guardState].map({ GuardState(line: $0.output) })
        else { return false }
        return [ServersRun.id, KubeProxyServers.id, KubeProxyWorkers.id].contains(rollback.phase)
    }

    private func rulesProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard cluster[node].management == .full else { return [] }
        guard let found = KubeProxyQuestion(facts[node, KubeProxyQuestion.probe]) else {
            let why = facts[node, KubeProxyQuestion.probe].map { ": \($0.reason)" } ?? ""
            return [
                Problem(
                    "what kube-proxy has left there cannot be read\(why)",
                    fix: "see that iptables-save or nft is there and works")
            ]
        }
        var problems: [Problem] = []
        if let rule = found.foreign.first {
            let more = found.foreign.count > 1 ? ", and \(found.foreign.count - 1) more" : ""
            problems.append(
                Problem(
                    "a rule that is not kube-proxy's leads to its chains, which could not be removed: \(rule)\(more)",
                    fix: "take it out, or see whose it is; nothing is changed before that"))
        }
        if verb == .clean, found.isRunning {
            problems.append(
                Problem(
                    "kube-proxy runs there, and would make its rules anew",
                    fix: "switch it off first: 'clusterctl kube-proxy disable'"))
        }
        return problems
    }

    private func settingsProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard cluster[node].isControlPlane else { return [] }
        let answer = facts[node, KubeProxySettingsQuestion.probe(Units.server)]
        guard let place = KubeProxySettingsQuestion.overruled(answer) else { return [] }
        return [
            Problem(
                "\(place) switches kube-proxy on, and comes after what clusterctl writes",
                fix: "take 'disable-kube-proxy' out of it; K3s need not be started anew for that")
        ]
    }

    /// Whoever installed Cilium otherwise has its settings; a second owner would put other ones in their place.
    private func chartProblems(_ facts: Facts) -> [Problem] {
        if KubeProxyReplaced.everywhere(cluster, facts) { return [] }
        let answer = facts.first(of: cluster.controlPlane, CiliumObjects.applied)
        guard let answer, answer.succeeded, answer.lines.isEmpty else { return [] }
        return [
            Problem(
                "Cilium does not replace kube-proxy yet, and was not installed by a HelmChart of K3s's",
                fix: "set kubeProxyReplacement to true where Cilium was installed from, and run this again")
        ]
    }

    private static let guarded =
        ["cilium", "cilium-api-server", ServersRun.id, KubeProxyServers.id, KubeProxyWorkers.id] + KubeProxyClean.ids
}

/// Waits until Cilium replaces kube-proxy on every node, whoever manages it. Both serve side by side until then.
public struct KubeProxyReplaced: Phase {
    public let id: PhaseID = "kube-proxy-replaced"
    public let title = "Cilium replaces kube-proxy on every node"
    public var nodes: [NodeName] { cluster.all }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        KubeProxyReplaced.isUnderWay(node, facts) ? .settled : .satisfied
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    public func gate(_ node: NodeName) -> Gate? {
        Gate(
            waitingFor: "Cilium on \(node) to replace kube-proxy", asks: [Ask(node, CiliumQuestion.status)],
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.cilium, node),
            journal: (node, cluster[node].unit),
            lookAt: "k3s kubectl -n kube-system get pods -l k8s-app=cilium -o wide, on \(cluster.primary)"
        ) { facts in CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node) }
    }

    /// Whether it does so on all nodes already, and Cilium's settings need not be touched.
    static let everywhere: @Sendable (Cluster, Facts) -> Bool = { cluster, facts in
        cluster.all.allSatisfy { node in
            isUnderWay(node, facts)
                || CiliumQuestion.reading(facts[node, CiliumQuestion.status])?.replacesKubeProxy == true
        }
    }

    /// Whether an earlier run has begun with the node what comes only when Cilium has said so on all of them.
    static func isUnderWay(_ node: NodeName, _ facts: Facts) -> Bool {
        ([KubeProxyServers.id, KubeProxyWorkers.id] + KubeProxyClean.ids).contains {
            facts.hasGuardArmed(for: $0, node)
        }
    }
}
