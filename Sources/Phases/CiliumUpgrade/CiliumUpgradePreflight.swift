import Engine
import Inventory
import Rendering

/// Asks the living cluster whether its Cilium can be led to the wanted version, one node at a time, and refuses the run with
/// all reasons at once.
public struct CiliumUpgradePreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether Cilium can be led there"
    public var nodes: [NodeName] { cluster.all }
    let cluster: Cluster

    /// - Parameter inventory: with the version that is wanted.
    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
    }

    public func needs(_ node: NodeName) -> [Probe] {
        var probes: [Probe] = [CiliumQuestion.status]
        if cluster[node].management == .full { probes += [.host, .guardState] }
        guard cluster[node].isControlPlane else { return probes }
        return probes + [
            NodesQuestion.probe, EtcdQuestion.probe, CiliumQuestion.pods, CiliumChartQuestion.probe, RestoreState.probe,
        ]
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let speaker = cluster.reference
        guard let nodes = ServerQuestion.nodes(facts, cluster) else {
            let why = facts.first(of: cluster.controlPlane, NodesQuestion.probe).map { ": \($0.reason)" } ?? ""
            let problem = Problem(
                "the cluster cannot be asked for its nodes\(why)",
                fix: "see that K3s runs on the servers; a cluster that has no quorum is left as it is")
            return node == speaker ? .blocked([problem]) : .satisfied
        }
        guard nodes[node] != nil else {
            return .blocked([
                Problem(
                    "the cluster does not know it",
                    fix: "let it join first: 'clusterctl bootstrap'; or take it out of the inventory")
            ])
        }
        var problems = machineProblems(node, facts) + RestoreState.problems(node, facts) + agentProblems(node, facts)
        if node == speaker {
            problems += ServerQuestion.quorumProblems(facts, nodes, cluster) + strangers(nodes)
            problems += chartProblems(facts) + versionProblems(facts)
        }
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    private func machineProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        var problems: [Problem] = []
        if let free = HostFacts(facts[node, .host])?.diskFreeKiB, free < 1_000_000 {
            problems.append(
                Problem("only \(free / 1024) MiB are free below /var/lib, and images need more", fix: "make 2 GiB free")
            )
        }
        return problems + GuardProblem.problems(node, facts, own: CiliumUpgradePreflight.guarded)
    }

    private static let guarded = CiliumChart.ids + [ServersRun.id, CiliumAgents.id]

    /// Every agent is well before another one goes. In the middle of an upgrade one may be unwell: its turn comes first.
    private func agentProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard case .waiting(let reason) = verdict(node, facts) else { return [] }
        if isUnderWay(facts), nodes.count(where: { verdict($0, facts) != .holds }) == 1 { return [] }
        return [
            Problem(
                "\(reason), and one node at a time may be without it",
                fix: "lead it back first: 'clusterctl status' and 'clusterctl doctor' say how it is")
        ]
    }

    private func verdict(_ node: NodeName, _ facts: Facts) -> Verdict {
        CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node)
    }

    /// Whether an earlier run has held the chart, and not released it.
    private func isUnderWay(_ facts: Facts) -> Bool {
        CiliumChartQuestion(facts.first(of: cluster.controlPlane, CiliumChartQuestion.probe))?.isHeld == true
    }

    /// Their pods would be replaced by the DaemonSet, at the end, with nobody looking.
    private func strangers(_ nodes: NodesQuestion) -> [Problem] {
        let names = nodes.rows.map { NodeName(String($0.name)) }.filter { cluster.node($0) == nil }
        guard !names.isEmpty else { return [] }
        let list = names.map(\.rawValue).joined(separator: ", ")
        return [
            Problem(
                "\(list) has Cilium too, and the inventory does not name it",
                fix: "write it into the inventory, or take it out of the cluster: k3s kubectl delete node \(list)")
        ]
    }

    private func chartProblems(_ facts: Facts) -> [Problem] {
        let answer = facts.first(of: cluster.controlPlane, CiliumChartQuestion.probe)
        guard let answer, answer.succeeded else {
            return [
                Problem(
                    "the cluster cannot be asked for the chart of Cilium\(answer.map { ": \($0.reason)" } ?? "")",
                    fix: "see what 'k3s kubectl get helmchart -n kube-system cilium' says on \(cluster.reference)")
            ]
        }
        guard let chart = CiliumChartQuestion(answer) else {
            return [
                Problem(
                    "Cilium was not installed by a HelmChart of K3s's",
                    fix: "upgrade it where it was installed from; 'clusterctl bootstrap' makes a new cluster's")
            ]
        }
        return [chart.compatibilityProblem(cluster.inventory, running: versions(facts).keys.min())].compactMap(\.self)
    }
}

// MARK: Versions

extension CiliumUpgradePreflight {
    /// What the agents say that they are, with the nodes; those that say none are not in it.
    private func versions(_ facts: Facts) -> [CiliumVersion: [NodeName]] {
        var found: [CiliumVersion: [NodeName]] = [:]
        for node in nodes {
            if let version = CiliumQuestion.version(facts[node, CiliumQuestion.status]) {
                found[version, default: []].append(node)
            }
        }
        return found
    }

    /// Upgrades and the way back are tested between consecutive minor versions (Cilium Documentation/operations/upgrade.rst).
    /// The way back over one is for an upgrade that is under way; later the new version may have been made use of.
    private func versionProblems(_ facts: Facts) -> [Problem] {
        guard let wanted = CiliumVersion(cluster.inventory.cilium.version) else {
            let version = cluster.inventory.cilium.version
            return [Problem("\(version) is no version of Cilium", fix: "write it as in 1.19.4")]
        }
        let isUnderWay = isUnderWay(facts)
        let running = versions(facts)
        return running.keys.sorted().compactMap { version in
            let places = (running[version] ?? []).map(\.rawValue).joined(separator: ", ")
            guard version.major == wanted.major, abs(version.minor - wanted.minor) <= 1 else {
                let next = version < wanted ? version.minor + 1 : version.minor - 1
                return Problem(
                    "\(places) runs Cilium \(version), and minor versions must not be skipped on the way to \(wanted)",
                    fix: "go to the last \(version.major).\(next) first")
            }
            guard version.minor > wanted.minor, !isUnderWay else { return nil }
            return Problem(
                "\(places) runs Cilium \(version) already, and no upgrade is under way that could go back to \(wanted)",
                fix: "ask for \(version.minorText) or newer")
        }
    }

    /// What a person may want to know before the run and what does not stop it.
    public func notes(_ facts: Facts) -> [String] {
        var notes: [String] = []
        guard let wanted = CiliumVersion(cluster.inventory.cilium.version) else { return [] }
        let kubernetes = Set(
            (ServerQuestion.nodes(facts, cluster)?.rows ?? []).compactMap { K3sVersion(String($0.version))?.minor })
        if let tested = CiliumVersions.testedKubernetes(wanted.description) {
            for minor in kubernetes.sorted() where !tested.contains(minor) {
                notes.append(
                    "Cilium \(wanted) was tested with Kubernetes 1.\(tested.lowerBound) to 1.\(tested.upperBound), not with "
                        + "1.\(minor)")
            }
        } else {
            let minors = kubernetes.sorted().map { "1.\($0)" }.joined(separator: " and ")
            notes.append(
                "clusterctl does not know whether Cilium \(wanted) was tested with Kubernetes \(minors): see Cilium's page on "
                    + "Kubernetes compatibility")
        }
        if let known = CiliumVersion(CiliumVersions.ofKnownValues), !known.isSameMinor(as: wanted),
            !cluster.inventory.cilium.values.isEmpty
        {
            notes.append(
                "the values of the inventory were held against the chart of \(known); what \(wanted) does otherwise is in "
                    + "its upgrade notes")
        }
        return notes
    }
}
