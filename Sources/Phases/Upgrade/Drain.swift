import Engine
import Inventory
import Rendering

/// Sends the pods of a worker elsewhere before it is changed, so that nothing is cut in the middle of its work.
///
/// It is the cluster that is asked for it, on the server that speaks for it. What it has begun `Uncordon` ends. A worker that somebody
/// else has cordoned stays so.
public struct Drain: Phase {
    /// What kubectl's options of the same names say.
    public struct Settings: Sendable, Equatable {
        public var timeoutSeconds = 300
        /// Seconds that each pod is given to end; nil: the pod's own.
        public var gracePeriodSeconds: Int?
        /// Whether pods may go whose data in an emptyDir go with them.
        public var deletesEmptyDirData = false
        /// Whether pods may go that nobody makes anew.
        public var force = false
        /// Whether pods are deleted where a budget does not let them be evicted.
        public var disablesEviction = false
        public init() {}

        var arguments: [String] {
            ["--timeout=\(timeoutSeconds)s"] + (gracePeriodSeconds.map { ["--grace-period=\($0)"] } ?? [])
                + (deletesEmptyDirData ? ["--delete-emptydir-data"] : []) + (force ? ["--force"] : [])
                + (disablesEviction ? ["--disable-eviction"] : [])
        }
    }

    public var id: PhaseID { change == nil ? "drain-leaving" : "drain" }
    public var title: String { change == nil ? "Drain the node that leaves" : "Drain the workers whose turn it is" }
    public let nodes: [NodeName]
    public let atOnce: Int
    let cluster: Cluster
    let settings: Settings
    /// Nil: the nodes leave the cluster, and nobody uncordons them.
    let change: UpgradeWorkers?

    public init(_ inventory: Inventory, _ settings: Settings, atOnce: WorkersAtOnce) {
        cluster = Cluster(inventory)
        self.settings = settings
        change = UpgradeWorkers(inventory)
        nodes = cluster.workers.filter { [cluster] in cluster[$0].management == .full }
        self.atOnce = atOnce.count(of: inventory.workers.count { $0.management == .full })
    }

    /// - Parameter leaving: nodes that leave the cluster, servers perhaps among them.
    init(_ inventory: Inventory, _ settings: Settings, leaving: [NodeName]) {
        cluster = Cluster(inventory)
        self.settings = settings
        change = nil
        nodes = leaving
        atOnce = 1
    }

    public func place(_ node: NodeName) -> NodeName { cluster.reference }

    public func needs(_ node: NodeName) -> [Probe] { [CordonQuestion.probe] }

    /// Where no kubelet ends the pods a drain would wait in vain.
    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        if let change, !change.isPending(node, facts) { return .notApplicable("nothing is changed on \(node)") }
        guard ServerQuestion.nodes(facts, cluster)?[node]?.isReady == true else {
            return .notApplicable("\(node) is not ready: nobody there would end its pods")
        }
        return .pending(change == nil ? "\(node) is about to leave" : "\(node) is about to be changed")
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "drain \(node)",
                        arguments: Script.arguments(.drain, ["drain", node.rawValue] + settings.arguments),
                        timeoutSeconds: settings.timeoutSeconds + 60)),
                because: change == nil
                    ? "its pods run elsewhere from now on" : "its pods run elsewhere while it is changed")
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(
            because: change == nil ? "the node is cordoned until it is gone" : "uncordon ends what it has begun")
    }
}

/// Lets pods onto a worker again that `Drain` has cordoned, also where the change has failed.
public struct Uncordon: Phase {
    public let id: PhaseID = "uncordon"
    public let title = "Let pods onto the workers again"
    public var nodes: [NodeName] { cluster.workers.filter { cluster[$0].management == .full } }
    public let ends: PhaseID? = "drain"
    let cluster: Cluster
    let change: UpgradeWorkers

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        change = UpgradeWorkers(inventory)
    }

    public func place(_ node: NodeName) -> NodeName { cluster.reference }

    public func needs(_ node: NodeName) -> [Probe] { [CordonQuestion.probe] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        switch CordonQuestion.isDrained(node, facts[cluster.reference, CordonQuestion.probe]) {
        case true: .pending("\(node) was drained by an earlier run")
        case false: change.isPending(node, facts) ? .settled : .notApplicable("it is not drained")
        case nil: .pending("the cluster cannot be asked whether \(node) was drained by an earlier run")
        }
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "uncordon \(node)", arguments: Script.arguments(.drain, ["uncordon", node.rawValue]))),
                because: "what was cordoned for the change is so no longer than the change")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "a node that pods may come to cuts nothing") }
}

/// Which nodes clusterctl has cordoned: asked once for all of them.
enum CordonQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "nodes", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.name}{"\t"}{.metadata.annotations.clusterctl\.dev/drain}{"\n"}{end}"#,
        ])

    /// Nil where the cluster could not be asked.
    static func isDrained(_ node: NodeName, _ answer: Answer?) -> Bool? {
        guard let answer, answer.succeeded else { return nil }
        return answer.line(of: node.rawValue).map { $0.split(separator: "\t").count > 1 } ?? false
    }
}
