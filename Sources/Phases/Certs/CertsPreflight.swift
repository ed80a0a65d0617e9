import Engine
import Inventory

/// Which nodes get new certificates, and how far an earlier run has come with that.
public struct CertsScope: Sendable {
    let cluster: Cluster
    let endingWithinSeconds: Int?

    public init(_ inventory: Inventory, endingWithinSeconds: Int?) {
        cluster = Cluster(inventory)
        self.endingWithinSeconds = endingWithinSeconds
    }

    func said(_ node: NodeName, _ facts: Facts) -> CertsFacts? { CertsFacts(facts[node, CertsFacts.probe]) }

    /// What this node gets in this run.
    enum Turn: Equatable {
        /// New certificates: those that it has are noted already, or not yet.
        case renewed(isNoted: Bool)
        /// It has them.
        case done
        /// Its certificates are good for long enough.
        case left(String)
    }

    /// All nodes note what they have before the first of them gets new certificates, and forget it when all have them. So where
    /// some have noted and others not, either nobody has begun, or all have ended.
    func turn(_ node: NodeName, _ facts: Facts) -> Turn {
        if let said = said(node, facts), said.noted != nil { return said.isRenewed ? .done : .renewed(isNoted: true) }
        let noted = cluster.managed.compactMap { said($0, facts) }.filter { $0.noted != nil }
        if !noted.isEmpty, noted.allSatisfy(\.isRenewed) { return .done }
        guard let endingWithinSeconds, let left = said(node, facts)?.shortestLeaf(), left >= endingWithinSeconds else {
            return .renewed(isNoted: false)
        }
        return .left("its certificates are good for \(left / 86400) days")
    }
}

/// Asks a living cluster whether its nodes can get new certificates in turn, and refuses the run with all reasons at once.
public struct CertsPreflight: Phase {
    public let id: PhaseID = "preflight"
    public let title = "Whether the nodes can get new certificates"
    public var nodes: [NodeName] { scope.cluster.all }
    let scope: CertsScope

    public init(_ scope: CertsScope) { self.scope = scope }

    private var cluster: Cluster { scope.cluster }

    /// The cluster is asked on every server, because any of them may be the one that is out.
    public func needs(_ node: NodeName) -> [Probe] {
        guard cluster[node].management == .full else { return [] }
        let probes: [Probe] = [CertsFacts.probe, .guardState, TokenProblem.underWay]
        return cluster[node].isControlPlane
            ? probes + [NodesQuestion.probe, EtcdQuestion.probe, RestoreState.probe] : probes
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard let nodes = ServerQuestion.nodes(facts, cluster) else {
            let why = facts.first(of: cluster.controlPlane, NodesQuestion.probe).map { ": \($0.reason)" } ?? ""
            let problem = Problem(
                "the cluster cannot be asked for its nodes\(why)",
                fix:
                    "see that K3s runs on the servers; where its certificates have ended ('clusterctl certs check'), start it "
                    + "anew there, one server after the other: it makes new ones")
            return node == cluster.reference ? .blocked([problem]) : .satisfied
        }
        guard nodes[node] != nil else {
            return .blocked([
                Problem(
                    "the cluster does not know it",
                    fix: "let it join first: 'clusterctl bootstrap'; or take it out of the inventory")
            ])
        }
        guard cluster[node].management == .full else { return .satisfied }
        var problems =
            GuardProblem.problems(node, facts, own: [RenewServers.id, RenewWorkers.id])
            + RestoreState.problems(node, facts) + TokenProblem.problems(ofChange: node, facts)
            + certificateProblems(node, facts)
        if node == cluster.reference { problems += ServerQuestion.quorumProblems(facts, nodes, cluster) }
        return problems.isEmpty ? .satisfied : .blocked(problems)
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    private func certificateProblems(_ node: NodeName, _ facts: Facts) -> [Problem] {
        guard let said = scope.said(node, facts) else {
            let why = facts[node, CertsFacts.probe].map { ": \($0.reason)" } ?? ""
            return [Problem("it does not say which certificates it has\(why)", fix: "see what keeps it from it")]
        }
        // Of one whose renewal is under way they may just be gone.
        if said.noted == nil, !said.entries.contains(where: { $0.kind == .leaf }) {
            return [
                Problem(
                    "there are no certificates of K3s' there",
                    fix: "see whether K3s was ever started there, and keeps its data in /var/lib/rancher/k3s")
            ]
        }
        return said.entries.filter { $0.kind == .authority }.compactMap { entry in
            guard let ends = entry.certificate?.notAfter, ends <= said.now else { return nil }
            return Problem(
                "the authority \(entry.path) has ended, and nothing that it signs is valid",
                fix: "exchange it: 'k3s certificate rotate-ca', as K3s' documentation says")
        }
    }

    /// What a person may want to know before agreeing, and what does not stop the run.
    public func notes(_ facts: Facts) -> [String] {
        var notes: [String] = []
        let leaves = cluster.controlPlane.compactMap { scope.said($0, facts) }
        let authorities = leaves.flatMap { said in
            said.entries.filter { $0.kind == .authority }.compactMap { $0.certificate.map { $0.notAfter - said.now } }
        }
        if let shortest = authorities.min(), shortest < 365 * 86400 {
            notes.append(
                "an authority ends in \(shortest / 86400) days, and is not renewed here: 'clusterctl certs check' says which, and "
                    + "'k3s certificate rotate-ca' exchanges it")
        }
        let isGoingOn = cluster.managed.contains { scope.said($0, facts)?.noted != nil }
        let unnoted = cluster.managed.filter { scope.turn($0, facts) == .done && scope.said($0, facts)?.noted == nil }
        if isGoingOn, !unnoted.isEmpty {
            notes.append(
                "an earlier run is led to its end; if it was not for all nodes, run this again for "
                    + unnoted.map(\.rawValue).joined(separator: ", "))
        }
        if cluster.controlPlane.count < 3 {
            notes.append("with fewer than three servers the API is away while K3s on one of them starts anew")
        }
        return notes
    }
}
