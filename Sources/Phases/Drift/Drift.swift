import Engine
import Inventory

/// What the machines and the cluster have that the inventory has otherwise, or not at all: what `diff` shows.
///
/// It asks what a run asks, and holds the same steps against the same states; `plan --live` shows which of that a run would
/// change, in which order and behind which gates. A run leaves alone what the inventory does not name: this names it.
public struct Drift: Sendable, Equatable {
    public enum Kind: String, Sendable, Equatable {
        /// A step of the plan that is not as it should be.
        case step
        /// What a phase says of the node, such as that a setting cannot be changed any more.
        case phase
        /// The K3s on the node.
        case version
        /// A node, a member of etcd or an addon that only the cluster knows.
        case unknown
        /// A node that only the inventory knows.
        case missing
        /// A file that K3s reads and clusterctl has not written.
        case foreign
        /// What something that is gone has left.
        case leftover
    }

    public struct Item: Sendable, Equatable {
        public let kind: Kind
        /// A node, or `cluster`.
        public let place: String
        /// The phase that it belongs to; nil: none.
        public let phase: PhaseID?
        /// In words; of a step what it is about.
        public let what: String
        /// What to do about it; nil where a run does it.
        public let fix: String?
        /// The step with what is there now; nil for all other kinds.
        public let change: Review.Change?
    }

    public let items: [Item]

    // MARK: Asking

    /// What is asked besides what the plan asks.
    static func extras(_ inventory: Inventory) -> [Ask] {
        let cluster = Cluster(inventory)
        let servers = cluster.controlPlane.flatMap { node in
            [NodesQuestion.probe, LeftAddonsQuestion.probe].map { Ask(node, $0) }
        }
        return servers
            + cluster.all.flatMap { node in
                [K3sQuestion.version, ForeignFilesQuestion.probe, KubeProxyQuestion.probe].map { Ask(node, $0) }
            }
    }

    /// All that is asked, each once; with the steps whose state is asked in the same exec.
    public static func asks(_ inventory: Inventory, plan: Plan) -> (asks: [Ask], steps: [NodeName: [Step]]) {
        var seen: Set<Ask> = []
        var steps: [NodeName: [Step]] = [:]
        var seenSteps: [NodeName: Set<Step>] = [:]
        var asks: [Ask] = []
        func add(_ ask: Ask) { if seen.insert(ask).inserted { asks.append(ask) } }
        for work in plan.phases.lazy.flatMap(\.work) {
            work.probes.forEach { add(Ask(work.place, $0)) }
            work.gate?.asks.forEach(add)
            for step in work.steps where !step.operation.isCheckpoint {
                if seenSteps[work.place, default: []].insert(step).inserted {
                    steps[work.place, default: []].append(step)
                }
            }
        }
        extras(inventory).forEach(add)
        return (asks, steps)
    }

    // MARK: Concluding

    /// - Parameter unreachable: the nodes that could not be asked: nothing is said of them.
    public init(_ inventory: Inventory, order: Order, facts: Facts, unreachable: Set<NodeName> = []) {
        var items: [Item] = []
        for entry in order.entries {
            for node in entry.phase.nodes where !unreachable.contains(node) {
                items += Self.items(entry.phase, node, facts)
            }
        }
        self.items = items + Self.beside(inventory, order: order, facts: facts, unreachable: unreachable)
    }

    /// What no step of the plan is about.
    static func beside(_ inventory: Inventory, order: Order, facts: Facts, unreachable: Set<NodeName>) -> [Item] {
        let cluster = Cluster(inventory)
        let ours = paths(order)
        var items: [Item] = []
        for node in cluster.all where !unreachable.contains(node) {
            items += Self.items(cluster[node], inventory, facts, ours: ours[node] ?? [])
        }
        let answer = cluster.controlPlane.lazy.compactMap { NodesQuestion(facts[$0, NodesQuestion.probe]) }.first
        items += nodes(answer, cluster)
        return items
            + LeftAddonsQuestion.names(inventory, facts).map { name in
                Item(
                    kind: .unknown, place: Check.cluster, phase: nil,
                    what: "the addon \(name) is installed, and not in the inventory",
                    fix: "k3s kubectl delete helmchart \(name) -n kube-system, unless Argo CD has it", change: nil)
            }
    }

    /// The steps of one phase on one node, unless it does not concern the node as it is.
    private static func items(_ phase: any Phase, _ node: NodeName, _ facts: Facts) -> [Item] {
        let finding = phase.check(node, facts)
        func item(_ kind: Kind, _ what: String, _ fix: String?, _ change: Review.Change? = nil) -> Item {
            Item(kind: kind, place: node.rawValue, phase: phase.id, what: what, fix: fix, change: change)
        }
        let changes = phase.apply(node).compactMap { step -> Item? in
            guard case .differs(let current)? = facts[phase.place(node), step] else { return nil }
            return item(.step, step.operation.summary, nil, .init(step: step, current: current))
        }
        switch finding {
        case .notApplicable, .putOff, .settled: return []
        case .satisfied: return changes
        case .pending(let reason): return changes.isEmpty ? [item(.phase, reason, nil)] : changes
        case .blocked(let problems): return problems.map { item(.phase, $0.what, $0.fix) } + changes
        }
    }

    /// What is written to each node by any phase.
    private static func paths(_ order: Order) -> [NodeName: Set<String>] {
        var paths: [NodeName: Set<String>] = [:]
        for phase in order.entries.lazy.map(\.phase) {
            for node in phase.nodes {
                paths[phase.place(node), default: []].formUnion(phase.apply(node).flatMap(\.operation.touchedPaths))
            }
        }
        return paths
    }

    private static func items(
        _ node: Node, _ inventory: Inventory, _ facts: Facts, ours: Set<String>
    ) -> [Item] {
        func item(_ kind: Kind, _ what: String, _ fix: String?) -> Item {
            Item(kind: kind, place: node.name, phase: nil, what: what, fix: fix, change: nil)
        }
        var items: [Item] = []
        if let version = K3sQuestion.version(facts[node.id, K3sQuestion.version]),
            let difference = versionDifference(String(version), node, inventory)
        {
            let fix =
                node.management == .full
                ? "clusterctl upgrade" : "install it there: clusterctl does not change this node"
            items.append(item(.version, difference, fix))
        }
        let files =
            node.management == .full
            ? ForeignFilesQuestion.files(facts[node.id, ForeignFilesQuestion.probe], without: ours) : []
        items += files.map { file in
            switch file.kind {
            case .config:
                item(.foreign, "\(file.path) adds to what K3s is told", "set it in the inventory, and remove the file")
            case .unit: item(.foreign, "\(file.path) changes the unit of K3s", "remove it, or keep it knowingly")
            case .manifest:
                item(.foreign, "\(file.path) is applied by K3s at each start", "keep it knowingly, or remove it")
            }
        }
        if let kubeProxy = KubeProxyQuestion(facts[node.id, KubeProxyQuestion.probe]) {
            if kubeProxy.isRunning {
                items.append(item(.leftover, "kube-proxy runs there", "'clusterctl kube-proxy disable'"))
            } else if kubeProxy.isLeft {
                items.append(
                    item(.leftover, "kube-proxy has left \(kubeProxy.words)", "'clusterctl kube-proxy clean'"))
            }
        }
        return items
    }

    private static func nodes(_ nodes: NodesQuestion?, _ cluster: Cluster) -> [Item] {
        guard let nodes else { return [] }
        let strangers = Strangers(nodes, cluster).all.map { stranger in
            Item(
                kind: .unknown, place: Check.cluster, phase: nil,
                what:
                    "the node \(stranger.name) is \(stranger.isMember ? "a member of etcd" : "in the cluster"), and not in the inventory",
                fix: "write it into the inventory, or take it out of the cluster", change: nil)
        }
        let missing = cluster.all.filter { nodes[$0] == nil }.map { node in
            Item(
                kind: .missing, place: node.rawValue, phase: nil, what: "the cluster does not know the node", fix: nil,
                change: nil)
        }
        return strangers + missing
    }

    /// Words for a version that is not the inventory's; nil for one that may be there. Who installs K3s by himself may be
    /// behind, as an agent may be behind its servers, but not ahead of them.
    static func versionDifference(_ text: String, _ node: Node, _ inventory: Inventory) -> String? {
        let wanted = inventory.k3s.version
        guard let version = K3sVersion(text) else { return "K3s is \(text), which is no release" }
        if version == wanted { return nil }
        let isBehind = version < wanted && version.major == wanted.major && wanted.minor - version.minor <= 3
        return isBehind && node.management != .full ? nil : "K3s is \(text), the inventory has \(wanted)"
    }
}
