import Engine
import Inventory

/// Which nodes of a living cluster come and go, and what is known of the others.
public struct NodeChange: Sendable {
    public enum Verb: String, Sendable, CaseIterable {
        case add, remove, replace
    }

    /// What was found when all nodes were asked, before anything was planned.
    public struct Found: Sendable {
        public var facts: Facts
        public var unreachable: Set<NodeName>

        public init(facts: Facts, unreachable: Set<NodeName>) {
            self.facts = facts
            self.unreachable = unreachable
        }
    }

    public let verb: Verb
    /// With the nodes as they are to be.
    public let inventory: Inventory
    /// As the file has it: with a node that leaves, where it is still in there.
    public let earlier: Inventory
    /// In inventory order.
    public let joining: [NodeName]
    /// The node that the cluster is to forget; also one that comes back under its name on another machine.
    public let leaving: NodeName?
    /// Whether clusterctl can get to the machine of the node that leaves, and may change it.
    public let reachesLeaving: Bool
    public var drain = Drain.Settings()

    var cluster: Cluster { Cluster(inventory) }
    var joiningServers: [NodeName] { joining.filter { cluster[$0].isControlPlane } }
    /// The machine that is taken out of the cluster; nil where nobody gets to it, or another one comes in its place.
    var leavingMachine: NodeName? { reachesLeaving ? leaving : nil }
    /// Nodes that stay as they are, and which the run asks.
    public var staying: [NodeName] { cluster.all.filter { !joining.contains($0) } }

    /// Everything that is asked or changed, in the order of the inventory.
    public var nodes: [NodeName] {
        earlier.hosts.map { NodeName($0.name) }.filter { name in
            !earlier.leftOut.contains(name.rawValue)
                && (name != leaving || joining.contains(name) || reachesLeaving)
        }
    }

    /// What the servers are asked first: which of them speaks for the cluster.
    public static func asks(_ inventory: Inventory) -> [Ask] {
        inventory.controlPlane.flatMap { [Ask($0.id, NodesQuestion.probe), Ask($0.id, EtcdQuestion.probe)] }
    }

    /// - Parameters:
    ///   - names: those that come; of `remove` and `replace` the one that goes.
    ///   - substitute: of `replace`, the node that comes in its place; nil: one of the same name.
    ///   - found: nil where nobody was asked: then the plan shows what is done when everybody answers.
    /// - Throws: every mistake in what was asked for.
    public init(
        _ verb: Verb, _ names: [String], with substitute: String? = nil, of read: Inventory, found: Found? = nil
    ) throws(NodeRefusal) {
        let coming = verb == .add ? names : verb == .replace ? [substitute ?? names.first ?? ""] : []
        let going = verb == .add ? nil : names.first
        var problems = coming.filter { read.node(named: $0) == nil }.map {
            Problem(
                "the inventory names no node '\($0)'",
                fix: "write it into the inventory first, with the address of its machine")
        }
        if let going, read.node(named: going) == nil, !NodeChange.isName(going) {
            problems.append(Problem("'\(going)' cannot be the name of a node", fix: "say it as the cluster has it"))
        }
        let isReplacedByItself = going.map(coming.contains) ?? false
        let after = going == nil || isReplacedByItself ? read.nodes : read.nodes.filter { $0.name != going }
        let left = after.filter { $0.isControlPlane && !coming.contains($0.name) }
        if problems.isEmpty, left.isEmpty {
            let what = verb == .add ? "there is no server that they could join" : "it is the last server"
            problems.append(
                Problem(what, fix: "build a cluster with 'clusterctl bootstrap', or add another server first"))
        }
        guard problems.isEmpty else { throw NodeRefusal(problems: problems) }

        var inventory = read
        inventory.leftOut = Set(
            (found?.unreachable ?? []).map(\.rawValue).filter { $0 != going && !coming.contains($0) })
        inventory.speaker = try NodeChange.speaker(left, found).name
        earlier = inventory
        inventory.nodes = after
        if !after.contains(where: \.isPrimary), let place = after.firstIndex(where: { $0.name == inventory.speaker }) {
            inventory.nodes[place].isPrimary = true
        }
        self.verb = verb
        self.inventory = inventory
        joining = inventory.nodes.map(\.id).filter { coming.contains($0.rawValue) }
        leaving = going.map { NodeName($0) }
        reachesLeaving =
            verb == .remove && read.nodes.contains { $0.name == going && $0.management == .full }
            && !(found?.unreachable.contains(NodeName(going ?? "")) ?? false)
    }

    /// The primary if it serves, else the first server that does.
    private static func speaker(_ servers: [Node], _ found: Found?) throws(NodeRefusal) -> Node {
        let ordered = servers.filter(\.isPrimary) + servers.filter { !$0.isPrimary }
        guard let found else { return ordered[0] }
        let facts = found.facts
        let known = NodesQuestion(facts.first(of: ordered.map(\.id), NodesQuestion.probe))
        let serving = ordered.first { server in
            NodesQuestion(facts[server.id, NodesQuestion.probe]) != nil
                && ServerQuestion.isWell(server.id, facts, known)
        }
        if let serving { return serving }
        let reasons = ordered.map { server in
            let why =
                found.unreachable.contains(server.id)
                ? "SSH does not reach it" : facts[server.id, NodesQuestion.probe]?.reason ?? "it was not asked"
            return "\(server.name): \(why)"
        }
        throw NodeRefusal(problems: [
            Problem(
                "no server speaks for the cluster (\(reasons.joined(separator: "; ")))",
                fix: "see that K3s runs on the servers; nodes come and go only where etcd has a quorum")
        ])
    }

    /// As Kubernetes has them.
    private static func isName(_ text: String) -> Bool {
        let isPlain = text.utf8.allSatisfy {
            (97...122).contains($0) || (48...57).contains($0) || [45, 46].contains($0)
        }
        return isPlain && (1...253).contains(text.utf8.count) && text.first != "-" && text.last != "-"
    }
}

/// Why nodes cannot come or go as was asked for: all reasons at once.
public struct NodeRefusal: Error, Equatable {
    public let problems: [Problem]
}
