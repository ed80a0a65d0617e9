import Engine
import Inventory
import Rendering

/// Sends the pods of a worker elsewhere before it is changed, so that nothing is cut in the middle of its work.
///
/// It is the cluster that is asked for it, on the primary. What it has begun `Uncordon` ends. A worker that somebody
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

    public let id: PhaseID = "drain"
    public let title = "Drain the workers whose turn it is"
    public var nodes: [NodeName] { cluster.workers.filter { cluster[$0].management == .full } }
    public let atOnce: Int
    let cluster: Cluster
    let settings: Settings
    let change: UpgradeWorkers

    public init(_ inventory: Inventory, _ settings: Settings, atOnce: WorkersAtOnce) {
        cluster = Cluster(inventory)
        self.settings = settings
        change = UpgradeWorkers(inventory)
        self.atOnce = atOnce.count(of: inventory.workers.count { $0.management == .full })
    }

    public func place(_ node: NodeName) -> NodeName { cluster.primary }

    public func needs(_ node: NodeName) -> [Probe] { [CordonQuestion.probe] }

    /// Where no kubelet ends the pods a drain would wait in vain.
    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard change.isPending(node, facts) else { return .notApplicable("nothing is changed on \(node)") }
        guard ServerQuestion.nodes(facts, cluster)?[node]?.isReady == true else {
            return .notApplicable("\(node) is not ready: nobody there would end its pods")
        }
        return .pending("\(node) is about to be changed")
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "drain \(node)",
                        arguments: Script.arguments(.drain, ["drain", node.rawValue] + settings.arguments),
                        timeoutSeconds: settings.timeoutSeconds + 60)),
                because: "its pods run elsewhere while it is changed")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "uncordon ends what it has begun") }
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

    public func place(_ node: NodeName) -> NodeName { cluster.primary }

    public func needs(_ node: NodeName) -> [Probe] { [CordonQuestion.probe] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        switch CordonQuestion.isDrained(node, facts[cluster.primary, CordonQuestion.probe]) {
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
