import Engine
import Inventory
import Rendering

/// Asks whether these nodes can be taken out of use, and refuses the run with all reasons at once.
public struct ResetPreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether the nodes can be taken out of use"
    public var nodes: [NodeName] { chosen + staying }
    let scope: ResetScope
    let options: Reset.Options

    init(_ scope: ResetScope, _ options: Reset.Options) {
        self.scope = scope
        self.options = options
    }

    private var cluster: Cluster { scope.cluster }
    private var chosen: [NodeName] { scope.nodes }
    /// Servers that stay, and are asked whom their cluster knows.
    private var staying: [NodeName] { options.isForced ? [] : cluster.controlPlane.filter { !chosen.contains($0) } }

    public func needs(_ node: NodeName) -> [Probe] {
        guard chosen.contains(node) else { return [NodesQuestion.probe] }
        return [
            .guardState, K3sQuestion.config, .unit(Units.server), .unit(Units.agent), EtcdQuestion.data,
            ResetQuestion.volumes, ResetQuestion.deleting, scope.left(node),
        ]
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard chosen.contains(node), !scope.isClean(node, facts) else { return .satisfied }
        let problems =
            GuardProblem.problems(node, facts, own: ResetNodes.ids) + ownerProblems(node, facts)
            + volumeProblems(node, facts) + clusterProblems(node, facts)
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    private func ownerProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        let text = K3sQuestion.text(facts[node, K3sQuestion.config])
        if text.map(K3sQuestion.isOurs) ?? false { return [] }
        let isBeingDeleted = facts[node, ResetQuestion.deleting]?.output.hasPrefix("absent") == false
        let hasUnit = [Units.server, Units.agent].contains { UnitQuestion(facts[node, .unit($0)])?.isLoaded == true }
        let hasData = EtcdQuestion.hasData(facts[node, EtcdQuestion.data]) == true
        guard text != nil || !isBeingDeleted && (hasUnit || hasData) else { return [] }
        return [
            Problem(
                "there is a K3s that clusterctl did not set up",
                fix: "see whose it is; K3s' own k3s-uninstall.sh takes it off")
        ]
    }

    private func volumeProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard !options.deletesVolumes, let answer = facts[node, ResetQuestion.volumes] else { return [] }
        guard answer.succeeded else {
            return [
                Problem(
                    "it cannot be seen whether there are volumes of pods below \(K3sPaths.volumes): \(answer.reason)",
                    fix: "see what 'ls -A \(K3sPaths.volumes)' says; or say --delete-volumes")
            ]
        }
        guard !answer.lines.isEmpty else { return [] }
        return [
            Problem(
                "\(answer.lines.count) volume\(answer.lines.count == 1 ? "" : "s") of pods would be deleted, below "
                    + K3sPaths.volumes,
                fix: "bring away what is needed, then say --delete-volumes")
        ]
    }

    /// A node that the others still know leaves them by another verb, which sees that their quorum is kept.
    private func clusterProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard !staying.isEmpty else { return [] }
        guard let known = NodesQuestion(facts.first(of: staying, NodesQuestion.probe)) else {
            return [
                Problem(
                    "the servers that stay cannot be asked whether their cluster still knows it",
                    fix: "see that K3s runs there; or say --force, if that cluster is given up")
            ]
        }
        guard known[node] != nil else { return [] }
        return [
            Problem(
                "it is still a node of the cluster",
                fix: "let it leave first: 'clusterctl node remove'; or say --force, if that cluster is given up")
        ]
    }

    /// What a person may want to know before the cluster's name is asked for.
    func notes() -> [String] {
        var notes = ["snapshots of etcd on the nodes are deleted, too: bring away what is needed"]
        let verified = cluster.all.filter { cluster[$0].management == .verify }
        if options.nodes == nil, !verified.isEmpty {
            notes.append(
                "\(verified.map(\.rawValue).joined(separator: ", ")): clusterctl never writes there; its own configuration "
                    + "has to take K3s away")
        }
        if options.nodes == nil, !cluster.inventory.routers.isEmpty {
            notes.append("the routers keep their end of the BGP sessions")
        }
        let linked = chosen.filter { cluster[$0].interfaces != nil }
        if !linked.isEmpty {
            notes.append("links that 'interfaces' has set up stay: they are the machine's own network by now")
        }
        return notes
    }
}
