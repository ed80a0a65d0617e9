import Engine
import Inventory
import Rendering

/// Whether a server serves: its etcd member is healthy and votes.
///
/// One question for all who ask it, so that nobody takes a learner for a voter.
enum ServerQuestion {
    /// The newest answer of any server that gives one.
    static func nodes(_ facts: Facts, _ cluster: Cluster) -> NodesQuestion? {
        NodesQuestion(facts.first(of: cluster.controlPlane, NodesQuestion.probe))
    }

    static func isWell(_ node: NodeName, _ facts: Facts, _ nodes: NodesQuestion?) -> Bool {
        EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node) == .holds && nodes?[node]?.isVoter == true
    }

    /// The first server that is well; nil where none is, as far as the facts say.
    static func firstWell(_ cluster: Cluster, _ facts: Facts) -> NodeName? {
        let known = nodes(facts, cluster)
        return cluster.controlPlane.first { isWell($0, facts, known) }
    }

    /// One server that is not well is led back first, alone; a member that the inventory does not name counts for the
    /// quorum too, and nobody here knows how it is.
    static func quorumProblems(_ facts: Facts, _ nodes: NodesQuestion, _ cluster: Cluster) -> [Problem] {
        let servers = cluster.controlPlane
        var problems: [Problem] = []
        let unwell = servers.filter { !isWell($0, facts, nodes) }
        if unwell.count > 1 || servers.count == 2 && !unwell.isEmpty {
            problems.append(
                Problem(
                    "the etcd members on \(unwell.map(\.rawValue).joined(separator: ", ")) are not healthy voters, and only "
                        + "one server may be out at a time",
                    fix: "lead them back first: 'clusterctl status' says how they are"))
        }
        let strangers = nodes.rows.filter { $0.isVoter != nil && !servers.contains(NodeName(String($0.name))) }
        if !strangers.isEmpty {
            let names = strangers.map { String($0.name) }.joined(separator: ", ")
            problems.append(
                Problem(
                    "\(names) is a member of etcd, and no server of the inventory",
                    fix: "write it into the inventory, or take it out of the cluster: k3s kubectl delete node \(names)")
            )
        }
        return problems
    }

    static let looksAtOthers = "see that all other servers serve"

    /// Asked on a server between its files and the restart: all others must serve, at that moment and not by what was once
    /// seen. One that is not about to be restarted, such as a resumed one, asks nobody.
    static func othersServe(_ node: NodeName, _ cluster: Cluster, before unit: UnitState) -> Step? {
        guard case .running(let files) = unit.activity else { return nil }
        return look(node, cluster, unit.name, files: files.joined(separator: " "))
    }

    /// The same on a server that is stopped for good; nodes that have not joined yet are not asked.
    static func othersServe(
        _ node: NodeName, _ cluster: Cluster, beforeStopping unit: String, besides joining: [NodeName]
    ) -> Step? { look(node, cluster, unit, files: "", besides: joining) }

    private static func look(
        _ node: NodeName, _ cluster: Cluster, _ unit: String, files list: String, besides joining: [NodeName] = []
    ) -> Step? {
        let others = cluster.inventory.controlPlane.filter { $0.id != node && !joining.contains($0.id) }
        guard !others.isEmpty else { return nil }
        let words = others.map { "\($0.name)=\(K3sConfiguration.serverURL($0, cluster.inventory))" }
        return Step(
            .command(
                Command(
                    name: looksAtOthers,
                    arguments: Script.arguments(.othersServe, ["60", unit, list] + words),
                    unless: Script.arguments(.othersServe, ["0", unit, list] + words), timeoutSeconds: 120)),
            because: "never are two servers out at once")
    }
}

/// Whether K3s on a node runs again since it was told to start anew, and its kubelet answers.
enum RestartQuestion {
    static let kubelet = Probe.http("http://127.0.0.1:10248/healthz")

    static func asks(_ node: NodeName, _ unit: String) -> [Ask] { [Ask(node, .unit(unit)), Ask(node, kubelet)] }

    static func verdict(_ facts: Facts, _ node: NodeName, _ unit: String) -> Verdict {
        guard let state = UnitQuestion(facts[node, .unit(unit)]) else {
            return .waiting("\(node) has not said yet how \(unit) is")
        }
        guard state.state == "active", !state.hasJob else {
            return .waiting("\(unit) on \(node) is \(state.hasJob ? "being started" : String(state.state))")
        }
        guard let (code, _) = facts[node, kubelet]?.http, code == 200 else {
            return .waiting("the kubelet on \(node) does not answer yet")
        }
        return .holds
    }
}
