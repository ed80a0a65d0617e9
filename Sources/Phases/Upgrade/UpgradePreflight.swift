import Engine
import Inventory
import Rendering

/// Asks the living cluster whether it can be led to what is wanted, one node at a time, and refuses the run with all
/// reasons at once.
public struct UpgradePreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether the cluster can be led there"
    public var nodes: [NodeName] { cluster.all }
    let cluster: Cluster
    let options: Upgrade.Options
    private let isPending: @Sendable (NodeName, Facts) -> Bool

    public init(_ inventory: Inventory, _ options: Upgrade.Options = Upgrade.Options()) {
        self.init(inventory, options, isPending: UpgradeWorkers(inventory).isPending)
    }

    /// - Parameter isPending: whether something will be done on a worker, as far as the facts tell.
    init(
        _ inventory: Inventory, _ options: Upgrade.Options, isPending: @escaping @Sendable (NodeName, Facts) -> Bool
    ) {
        cluster = Cluster(inventory)
        self.options = options
        self.isPending = isPending
    }

    /// The cluster is asked on every server, because any of them may be the one that is out.
    public func needs(_ node: NodeName) -> [Probe] {
        var probes: [Probe] = [.host, K3sQuestion.config]
        if cluster[node].management == .full { probes += [.guardState, .path(NodeTurn.letter), TokenProblem.underWay] }
        guard cluster[node].isControlPlane else { return probes }
        return probes + [NodesQuestion.probe, EtcdQuestion.probe, DisruptionQuestion.probe, RestoreState.probe]
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let speaker = cluster.reference
        guard let nodes = ServerQuestion.nodes(facts, cluster) else {
            let why = facts.first(of: cluster.controlPlane, NodesQuestion.probe).map { ": \($0.reason)" } ?? ""
            let problem = Problem(
                "the cluster cannot be asked for its nodes\(why)",
                fix: "see that K3s runs on the servers; a cluster that has no quorum cannot be upgraded")
            return node == speaker ? .blocked([problem]) : .satisfied
        }
        var problems = machineProblems(node, facts) + versionProblems(node, nodes) + RestoreState.problems(node, facts)
        if node == speaker {
            problems += ServerQuestion.quorumProblems(facts, nodes, cluster) + disruptionProblems(facts, nodes)
        }
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    private var wanted: K3sVersion { cluster.inventory.k3s.version }

    /// - Parameter phases: those that may go on with a guard that an earlier run has left armed.
    func machineProblems(
        _ node: NodeName, _ facts: Facts, goingOn phases: [PhaseID] = [UpgradeServers.id, UpgradeWorkers.id]
    ) -> [Problem] {
        guard cluster[node].management == .full else { return [] }
        var problems: [Problem] = []
        if let free = HostFacts(facts[node, .host])?.diskFreeKiB, free < 1_000_000 {
            problems.append(
                Problem("only \(free / 1024) MiB are free below /var/lib, and images need more", fix: "make 2 GiB free")
            )
        }
        problems += GuardProblem.problems(node, facts, own: phases)
        if options.via == nil, facts[node, .path(NodeTurn.letter)]?.output.hasPrefix("file") == true {
            problems.append(
                Problem(
                    "an earlier run has let the cluster's controller change it, which may still do so",
                    fix: "end that first: 'clusterctl upgrade --via system-upgrade-controller'"))
        }
        guard let text = K3sQuestion.text(facts[node, K3sQuestion.config]), K3sQuestion.isOurs(text) else {
            return problems + [
                Problem("there is no K3s that clusterctl set up", fix: "run 'clusterctl bootstrap' for this inventory")
            ]
        }
        return problems + CriticalSettings.problems(cluster, node, text, adding: true)
            + TokenProblem.problems(cluster, node, facts) + TokenProblem.problems(ofChange: node, facts)
    }
}

// MARK: Versions

extension UpgradePreflight {
    /// Kubernetes' rules of version skew: no minor version is skipped, none goes back, and no kubelet is newer than the
    /// API servers or more than three minor versions older. Back to an earlier patch release is a way like any other, but
    /// for the cluster's own controller, whose image refuses it (k3s-upgrade scripts/upgrade.sh).
    func versionProblems(_ node: NodeName, _ nodes: NodesQuestion) -> [Problem] {
        guard let row = nodes[node] else {
            return [
                Problem(
                    "the cluster does not know it",
                    fix: "let it join first: run 'clusterctl bootstrap' for this inventory")
            ]
        }
        guard let running = K3sVersion(String(row.version)) else {
            return [Problem("it runs \(row.version), which is no version of K3s", fix: "leave the node out")]
        }
        // What its operator brings there is waited for, not refused.
        if options.keepsVersion, running != wanted, cluster[node].management == .full {
            return [
                Problem(
                    "it runs \(running), and the inventory says \(wanted)",
                    fix: "lead the cluster there first: 'clusterctl upgrade'; or put \(running) back into the inventory"
                )
            ]
        }
        if running.isMinorAfter(wanted) {
            return [
                Problem(
                    "it runs \(running) already, and Kubernetes' data do not go back",
                    fix: "ask for \(running) or newer; to go back, restore the snapshot that was taken before")
            ]
        }
        if running > wanted, options.via != nil {
            return [
                Problem(
                    "it runs \(running) already, and the cluster's own controller does not go back",
                    fix: "say it without --via, which goes back to an earlier patch release")
            ]
        }
        let isFar = running.major != wanted.major || wanted.minor - running.minor > 1
        if cluster[node].isControlPlane, isFar {
            return [
                Problem(
                    "it runs \(running), and minor versions must not be skipped",
                    fix: "upgrade to the last v\(running.major).\(running.minor + 1) first")
            ]
        }
        if !cluster[node].isControlPlane, running.major != wanted.major || wanted.minor - running.minor > 3 {
            return [
                Problem(
                    "its kubelet is \(running), more than three minor versions older than \(wanted)",
                    fix: "bring it to the servers' present version first")
            ]
        }
        return []
    }

    /// Of all workers that will be drained, at once: the answer may be long.
    private func disruptionProblems(_ facts: Facts, _ nodes: NodesQuestion) -> [Problem] {
        let drained = cluster.workers.filter { isPending($0, facts) && nodes[$0]?.isReady == true }
        guard !drained.isEmpty else { return [] }
        guard let question = DisruptionQuestion(facts.first(of: cluster.controlPlane, DisruptionQuestion.probe)) else {
            return [
                Problem(
                    "the cluster cannot be asked which pods a drain would send away",
                    fix: "see what 'k3s kubectl get pods,poddisruptionbudgets -A' says on \(cluster.reference)")
            ]
        }
        return drained.flatMap { question.problems(of: $0, options.drain) }
    }
}

// MARK: Notes

extension UpgradePreflight {
    /// What a person may want to know before the run and what does not stop it.
    public func notes(_ facts: Facts) -> [String] {
        var notes: [String] = []
        let servers = cluster.controlPlane.count
        if servers < 3 {
            notes.append(
                "with \(servers) server\(servers == 1 ? "" : "s") the API is away while K3s starts anew"
                    + (servers == 2 ? ", on either of them" : "") + "; if it does not come back, nobody is left to ask")
        }
        let running = ServerQuestion.nodes(facts, cluster)?.rows.compactMap { K3sVersion(String($0.version)) } ?? []
        if let newest = running.max(), newest > wanted, !newest.isMinorAfter(wanted) {
            notes.append(
                "this goes back, from \(newest) to \(wanted): within a minor version the data stay as they are")
        }
        guard running.contains(where: { $0.minor != wanted.minor }) else { return notes }
        notes.append(
            "a server that misses its gate is led back to the earlier program; when it is the last one, etcd's data may be "
                + "the new version's by then: it stays out in that case, and the next run leads it on")
        let cilium = cluster.inventory.cilium.version
        if let tested = CiliumVersions.testedKubernetes(cilium) {
            if !tested.contains(wanted.minor) {
                notes.append(
                    "Cilium \(cilium) was tested with Kubernetes 1.\(tested.lowerBound) to 1.\(tested.upperBound), not with "
                        + "1.\(wanted.minor)")
            }
        } else {
            notes.append(
                "clusterctl does not know whether Cilium \(cilium) was tested with Kubernetes 1.\(wanted.minor): see "
                    + "Cilium's page on Kubernetes compatibility")
        }
        return notes
    }
}
