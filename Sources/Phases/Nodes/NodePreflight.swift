import Engine
import Inventory
import Rendering

/// Asks the living cluster whether nodes can come and go, and the machines that come whether they can; refuses the run with
/// all reasons at once.
struct NodePreflight: Phase {
    let id: PhaseID = "preflight"
    let title = "Whether the cluster can do with the change"
    var nodes: [NodeName] { cluster.all + [change.leavingMachine].compactMap(\.self) }
    let change: NodeChange
    let cluster: Cluster
    private let bare: Preflight
    private let living: UpgradePreflight

    init(_ change: NodeChange) {
        self.change = change
        cluster = change.cluster
        bare = Preflight(change.inventory)
        var options = Upgrade.Options()
        options.keepsVersion = true
        living = UpgradePreflight(change.inventory, options)
    }

    func needs(_ node: NodeName) -> [Probe] {
        if node == change.leavingMachine { return [K3sQuestion.config, EtcdQuestion.probe] }
        let cluster = [NodesQuestion.probe, EtcdQuestion.probe]
        let isServer = self.cluster[node].isControlPlane
        if change.joining.contains(node) { return bare.needs(node) + (isServer ? [EtcdQuestion.probe] : []) }
        guard isServer else { return [] }
        return cluster + [
            .host, K3sQuestion.config, .guardState, RestoreState.probe, TokenProblem.underWay,
            CiliumChartQuestion.probe, CiliumQuestion.pods,
        ]
            + (change.leavingMachine == nil ? [] : [DisruptionQuestion.probe])
    }

    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard let nodes = ServerQuestion.nodes(facts, cluster) else {
            let why = facts.first(of: cluster.controlPlane, NodesQuestion.probe).map { ": \($0.reason)" } ?? ""
            let problem = Problem(
                "the cluster cannot be asked for its nodes\(why)",
                fix: "see that K3s runs on the servers; nodes come and go only where etcd has a quorum")
            return node == cluster.reference ? .blocked([problem]) : .satisfied
        }
        var problems: [Problem] = []
        if change.joining.contains(node) {
            guard case .blocked(let found) = bare.check(node, facts) else {
                return finding(newcomerProblems(node, facts, nodes))
            }
            problems = found + newcomerProblems(node, facts, nodes)
        } else if node != change.leavingMachine, cluster[node].isControlPlane {
            problems = living.machineProblems(node, facts, goingOn: NodePreflight.goingOn)
            problems += living.versionProblems(node, nodes) + RestoreState.problems(node, facts)
        }
        if node == cluster.reference {
            problems += memberProblems(facts, nodes) + leavingProblems(facts, nodes) + joinProblems()
            problems += ciliumProblems(facts)
        }
        return finding(problems)
    }

    func apply(_ node: NodeName) -> [Step] { [] }

    /// What an earlier run of this verb may have left armed.
    static let goingOn: [PhaseID] = [
        UpgradeServers.id, LeaveNode.id, "replicas", "workers", "cilium", "cilium-api-server", "interfaces",
    ]

    private func finding(_ problems: [Problem]) -> Finding { problems.isEmpty ? .satisfied : .blocked(problems) }
}

// MARK: Who comes

extension NodePreflight {
    /// A name that the cluster knows already belongs to another machine, unless this one was set up with it.
    private func newcomerProblems(_ node: NodeName, _ facts: Facts, _ nodes: NodesQuestion) -> [Problem] {
        guard cluster[node].management == .full, let row = nodes[node], !change.hasComeBack(node, facts),
            K3sQuestion.text(facts[node, K3sQuestion.config]).map(K3sQuestion.isOurs) != true
        else { return [] }
        if row.isReady {
            return [
                Problem(
                    "the cluster knows \(node) as ready, and K3s is not set up on this machine: another one runs under the "
                        + "name, or went down less than a minute ago",
                    fix: "switch the other machine off, and wait until the cluster has noticed")
            ]
        }
        guard change.leaving != node else { return [] }
        return [
            Problem(
                "the cluster knows a node of this name already, and K3s is not set up on this machine",
                fix: "if this machine is to take its place: 'clusterctl node replace INVENTORY \(node)'")
        ]
    }

    private func joinProblems() -> [Problem] {
        guard case .ciliumBgp = cluster.inventory.endpoint, cluster.inventory.leftOut.contains(cluster.primary.rawValue)
        else { return [] }
        return change.joining.filter { !cluster[$0].isControlPlane }.map {
            Problem(
                "\($0) would join through \(cluster.primary), which cannot be reached",
                fix: "replace \(cluster.primary) first: 'clusterctl node replace INVENTORY \(cluster.primary)'")
        }
    }
}

// MARK: Cilium

extension NodeChange {
    /// The one by whose settings a living cluster's Cilium runs.
    var ciliumStage: Cilium.Stage { inventory.cilium.apiServer == .endpoint ? .endpoint : .first }

    /// Whether an upgrade of Cilium is under way that this change can leave to itself: who comes has its settings for Cilium
    /// there already. A node that has died must not keep both from their end.
    func leavesCilium(_ facts: Facts) -> Bool {
        joining.allSatisfy { $0 == leaving }
            && CiliumChartQuestion(facts.first(of: cluster.controlPlane, CiliumChartQuestion.probe))?.isHeld == true
    }
}

extension NodePreflight {
    /// The phase `cilium` asks itself; the one that follows it takes the settings as they are.
    private func ciliumProblems(_ facts: Facts) -> [Problem] {
        guard change.ciliumStage == .endpoint, !change.leavesCilium(facts) else { return [] }
        return [CiliumChartQuestion.problem(cluster, facts)].compactMap(\.self)
    }
}

// MARK: etcd

extension NodePreflight {
    /// Whether the cluster is about to forget a member of etcd.
    private func losesMember(_ facts: Facts, _ nodes: NodesQuestion) -> Bool {
        guard let leaving = change.leaving, !change.hasComeBack(leaving, facts) else { return false }
        return nodes[leaving]?.isVoter != nil
    }

    private func memberProblems(_ facts: Facts, _ nodes: NodesQuestion) -> [Problem] {
        let members = nodes.rows.filter { $0.isVoter != nil }
        let servers = cluster.inventory.controlPlane.map(\.id)
        let loses = losesMember(facts, nodes)
        let remaining = members.map { NodeName(String($0.name)) }.filter { !(loses && $0 == change.leaving) }
        let unwell = remaining.filter {
            servers.contains($0) && !ServerQuestion.isWell($0, facts, nodes) && !change.joining.contains($0)
        }
        let well = remaining.count { ServerQuestion.isWell($0, facts, nodes) }
        let coming = change.joiningServers.filter { !remaining.contains($0) }
        var problems = strangers(members, servers) + learners(members)
        guard loses || !coming.isEmpty else { return problems }
        let names = unwell.map(\.rawValue).joined(separator: ", ")
        // One that serves is taken out, or one more comes, only where nobody else is out; a dead one may be cleared away
        // while another is, as long as there is a quorum.
        let isDead = change.verb == .replace || loses && change.leavingMachine == nil
        if !unwell.isEmpty, !isDead {
            problems.append(
                Problem(
                    unwell.count == 1
                        ? "the etcd member on \(names) is no healthy voter, and only one server may be out at a time"
                        : "the etcd members on \(names) are no healthy voters, and only one server may be out at a time",
                    fix: "lead it back first, or replace it: 'clusterctl status' says how it is"))
        } else if loses, change.leavingMachine != nil, well < members.count / 2 + 1 {
            problems.append(
                Problem(
                    "K3s on \(change.leaving?.rawValue ?? "") stops before the cluster forgets it, and of \(members.count) "
                        + "members of etcd \(well) is no quorum",
                    fix: "add another server first ('clusterctl node add'); or make the cluster anew of a snapshot "
                        + "on the server that stays ('clusterctl etcd restore')"))
        } else if well < remaining.count / 2 + 1 || !coming.isEmpty && well + 1 < (remaining.count + 1) / 2 + 1 {
            problems.append(
                Problem(
                    "etcd would have no quorum: of \(remaining.count) other members \(well) "
                        + "\(well == 1 ? "is a healthy voter" : "are healthy voters")"
                        + (unwell.isEmpty ? "" : ", and not \(names)"),
                    fix: "lead the others back first, or restore a snapshot"))
        }
        return problems
    }

    private func strangers(_ members: [NodesQuestion.Row], _ servers: [NodeName]) -> [Problem] {
        let names = members.map { NodeName(String($0.name)) }.filter { !servers.contains($0) && $0 != change.leaving }
        return names.map {
            Problem(
                "\($0) is a member of etcd, and no server of the inventory",
                fix: "write it into the inventory, or take it out: 'clusterctl node remove INVENTORY \($0)'")
        }
    }

    private func learners(_ members: [NodesQuestion.Row]) -> [Problem] {
        members.filter(\.isLearner).map { NodeName(String($0.name)) }
            .filter { !change.joining.contains($0) && $0 != change.leaving }.map {
                Problem(
                    "the etcd member on \($0) is still a learner, and there can be only one",
                    fix: "wait until it votes, or take it out of the cluster")
            }
    }
}

// MARK: Who goes

extension NodePreflight {
    private func leavingProblems(_ facts: Facts, _ nodes: NodesQuestion) -> [Problem] {
        guard let leaving = change.leaving, !change.joining.contains(leaving), let row = nodes[leaving] else {
            return []
        }
        guard change.leavingMachine != nil else {
            guard row.isReady else { return [] }
            return [
                Problem(
                    change.verb == .replace
                        ? "\(leaving) is ready, and what is replaced has to be dead"
                        : "\(leaving) is ready, and clusterctl cannot stop K3s there",
                    fix: change.verb == .replace
                        ? "switch it off and wait until the cluster has noticed; or add the new node and remove this one"
                        : "switch it off, or stop K3s there, and wait until the cluster has noticed")
            ]
        }
        guard row.isReady else { return [] }
        guard K3sQuestion.text(facts[leaving, K3sQuestion.config]).map(K3sQuestion.isOurs) == true else {
            return [
                Problem(
                    "\(leaving) is ready, and clusterctl has not set up the K3s there and does not stop it",
                    fix: "stop it there for good, and wait until the cluster has noticed")
            ]
        }
        guard let question = DisruptionQuestion(facts.first(of: cluster.controlPlane, DisruptionQuestion.probe)) else {
            return [
                Problem(
                    "the cluster cannot be asked what would stand in the way of draining \(leaving)",
                    fix: "see what 'k3s kubectl get pods,poddisruptionbudgets -A' says on \(cluster.reference)")
            ]
        }
        return question.problems(of: leaving, change.drain)
    }
}

// MARK: Notes

extension NodeChange {
    /// What a person may want to know before the run and what does not stop it.
    public func notes(_ facts: Facts) -> [String] {
        var notes = Preflight(inventory).notes(of: joining, facts)
        for name in inventory.nodes.map(\.name) + inventory.routers.map(\.name) where inventory.leftOut.contains(name) {
            notes.append(
                "\(name) cannot be reached, and is left as it is: 'clusterctl apply' and 'clusterctl bootstrap' bring it what has "
                    + "changed once it answers"
            )
        }
        if let leaving, !joining.contains(leaving), leavingMachine == nil {
            notes.append(
                "the machine of \(leaving) is left as it is: what is there stays there, and K3s must not start there again"
            )
        }
        if cluster.primary != cluster.reference, inventory.primary.name == earlier.primary.name {
            notes.append("\(cluster.reference) speaks for the cluster, because \(cluster.primary) does not serve")
        }
        if let leaving, ServerQuestion.nodes(facts, cluster)?[leaving]?.isVoter != nil, !canFollow(facts) {
            notes.append(
                "the certificates of the two servers that stay go on naming \(leaving), because neither can start anew without "
                    + "the API being away for a moment: 'clusterctl apply' does that when it suits you")
        }
        let servers = inventory.controlPlane.count
        if servers % 2 == 0 {
            notes.append(
                "with \(servers) members etcd stands the loss of \(servers / 2 - 1) of them, as it does with \(servers - 1)"
            )
        }
        return notes
    }

    /// What is left to the user when the run is done.
    public var leftToDo: [String] {
        guard let leaving, !joining.contains(leaving), let node = earlier.node(named: leaving.rawValue) else {
            return []
        }
        var words = "delete \(leaving) from the inventory (\(node.place))"
        if node.isPrimary { words += ", and write 'primary: true' for \(inventory.primary.name)" }
        let cleaning =
            leavingMachine == nil
            ? []
            : [
                "containers, Cilium's rules and links and the programs are on \(leaving) still: 'clusterctl reset INVENTORY "
                    + "\(leaving)' takes them off, as long as the inventory names it"
            ]
        return cleaning + ["\(words): the other verbs go by it, and 'bootstrap' would let it join again"]
    }
}

extension Preflight {
    fileprivate func notes(of nodes: [NodeName], _ facts: Facts) -> [String] {
        nodes.flatMap { node in notes(node, facts).map { "\(node) \($0)" } }
    }
}
