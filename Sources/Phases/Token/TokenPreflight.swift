import Engine
import Inventory
import Rendering

/// Asks a living cluster whether its token can be changed to the inventory's, and refuses the run with all reasons at once.
public struct TokenPreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether the cluster can take the token"
    public var nodes: [NodeName] { cluster.all }
    let cluster: Cluster
    let change: TokenChange

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        change = TokenChange(cluster)
    }

    /// The cluster is asked on every server, because any of them may be the one that is out.
    public func needs(_ node: NodeName) -> [Probe] {
        guard cluster[node].management == .full else { return [] }
        let probes: [Probe] = [TokenFacts.probe(node, cluster), K3sQuestion.config, .guardState]
        return cluster[node].isControlPlane
            ? probes + [NodesQuestion.probe, EtcdQuestion.probe, RestoreState.probe] : probes
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard let nodes = ServerQuestion.nodes(facts, cluster) else {
            let why = facts.first(of: cluster.controlPlane, NodesQuestion.probe).map { ": \($0.reason)" } ?? ""
            let problem = Problem(
                "the cluster cannot be asked for its nodes\(why)",
                fix:
                    "see that K3s runs on the servers; where it runs on none of them, 'clusterctl recover' starts them, "
                    + "with the token that their data are under")
            return node == cluster.reference ? .blocked([problem]) : .satisfied
        }
        guard nodes[node] != nil else {
            return .blocked([
                Problem(
                    "the cluster does not know it",
                    fix: "let it join first: put the cluster's present token into the inventory, and run 'clusterctl "
                        + "bootstrap'; or take the node out of the inventory")
            ])
        }
        guard cluster[node].management == .full else { return .satisfied }
        var problems =
            GuardProblem.problems(node, facts, own: [RestartServers.id, RestartWorkers.id])
            + RestoreState.problems(node, facts) + settingProblems(node, facts)
        if node == cluster.reference { problems += clusterProblems(facts, nodes) }
        if node == change.teller(facts), change.isRotated(facts) == false { problems += tellerProblems(node, facts) }
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    private func settingProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let text = K3sQuestion.text(facts[node, K3sQuestion.config]), K3sQuestion.isOurs(text) else {
            return [
                Problem(
                    "there is no K3s that clusterctl set up", fix: "change its token where its settings are, by hand")
            ]
        }
        guard let said = change.said(node, facts) else {
            let why = facts[node, TokenFacts.probe(node, cluster)].map { ": \($0.reason)" } ?? ""
            return [Problem("it does not say what it knows of the token\(why)", fix: "see what keeps it from it")]
        }
        var problems = said.overruled.map { path in
            Problem(
                "\(path) names a token of its own, which K3s would go by instead",
                fix: "take that key out of it; the token is in \(K3sPaths.token)")
        }
        if !said.hasCurl {
            problems.append(Problem("curl is not there, and etcd and K3s are asked by it", fix: "install curl"))
        }
        return problems
    }

    private func clusterProblems(_ facts: Facts, _ nodes: NodesQuestion) -> [Problem] {
        var problems = ServerQuestion.quorumProblems(facts, nodes, cluster)
        guard let isRotated = change.isRotated(facts) else {
            let why = cluster.controlPlane.lazy.compactMap { change.said($0, facts)?.silence }.first
            return problems + [
                Problem(
                    "etcd says on no server under which token the cluster's data are\(why.map { ": \($0)" } ?? "")",
                    fix: "see that etcd runs on the servers: 'clusterctl etcd members'")
            ]
        }
        if isRotated { return problems }
        // One that is out meanwhile would come back with data from before, and start with neither token by itself.
        let unwell = cluster.controlPlane.filter { !ServerQuestion.isWell($0, facts, nodes) }
        if problems.isEmpty, !unwell.isEmpty {
            problems.append(
                Problem(
                    "the etcd member on \(unwell.map(\.rawValue).joined(separator: ", ")) is not a healthy voter, and all servers "
                        + "must be there when the token changes",
                    fix: "lead it back first: 'clusterctl status' says how it is"
                ))
        }
        // Before it is staged nobody can tell whether they are under the inventory's; then `rotate` itself refuses.
        let staged = change.stagedFile
        let said = cluster.controlPlane.filter { node in staged.map { facts[node, $0] == .same } ?? false }
            .compactMap { change.said($0, facts)?.etcd }
        if !said.isEmpty, !said.contains(where: { $0.isUnderFile || $0.isUnderNew || $0.isUnderServers }) {
            problems.append(
                Problem(
                    "the cluster's data are under a token that neither its servers nor the inventory have",
                    fix:
                        "if an earlier change was to another token than the inventory has now, put that one there and lead it "
                        + "to its end first"))
        }
        return problems
    }

    private func tellerProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let said = change.said(node, facts), said.hasCurl else { return [] }
        if said.hasBegun {
            return [
                Problem(
                    "K3s there has failed in the middle of an earlier change, and goes on only when it is started anew",
                    fix: "systemctl restart \(cluster[node].unit), there, and run this again")
            ]
        }
        guard !said.isKnown else { return [] }
        switch said.code {
        case "401", "403", "none":
            return [
                Problem(
                    "K3s there takes none of the tokens that are on the machine",
                    fix: "put the token that it was started with into \(K3sPaths.token)")
            ]
        case "000", nil:
            return [Problem("K3s there does not answer", fix: "see that it runs: journalctl -u \(cluster[node].unit)")]
        case let code?:
            return [
                Problem(
                    "K3s there does not know how to change its token (it answers \(code))",
                    fix: "that came with v1.28.3, v1.27.7 and v1.26.10: upgrade first")
            ]
        }
    }
}

// MARK: Notes

extension TokenPreflight {
    /// What a person may want to know before agreeing, and what does not stop the run.
    public func notes(_ facts: Facts) -> [String] {
        var notes: [String] = []
        if change.isRotated(facts) == false {
            let teller = change.teller(facts)
            notes.append(
                "snapshots of etcd taken before now can be restored with the present token only, and the nodes forget it: keep a "
                    + "copy of \(K3sPaths.token), which is on \(teller)")
        }
        let nodes = ServerQuestion.nodes(facts, cluster)
        let strangers = nodes?.rows.map { String($0.name) }.filter { cluster.node(NodeName($0)) == nil } ?? []
        if !strangers.isEmpty {
            notes.append(
                "\(strangers.joined(separator: ", ")) is in the cluster and not in the inventory: it does not join again before "
                    + "it has the new token")
        }
        if cluster.controlPlane.count < 3 {
            notes.append("with fewer than three servers the API is away while K3s on one of them starts anew")
        }
        return notes
    }
}
