import Engine
import Inventory
import Rendering
import YAML

/// The two Plans of system-upgrade-controller, one for servers and one for workers: they select the nodes that clusterctl
/// has handed over, and no others.
///
/// Source: rancher/system-upgrade-controller pkg/apis/upgrade.cattle.io/v1/types.go and pkg/upgrade/job/job.go.
struct ControllerPlans: Sendable {
    static let namespace = "system-upgrade"
    /// Of the Deployment, and of the rights that its jobs have.
    static let controller = "system-upgrade-controller"
    static let account = "system-upgrade"
    static let servers = "clusterctl-servers"
    static let workers = "clusterctl-agents"
    static let names = [servers, workers]
    /// The label by which a node is handed over.
    static let mark = "clusterctl.dev/turn"

    let cluster: Cluster
    private let options: Upgrade.Options
    private let via: UpgradeVia.Options

    init(_ inventory: Inventory, _ options: Upgrade.Options, _ via: UpgradeVia.Options) {
        cluster = Cluster(inventory)
        self.options = options
        self.via = via
    }

    static func name(_ isServer: Bool) -> String { isServer ? servers : workers }

    /// The version as the value of a label, in which there is no plus sign.
    var markValue: String { cluster.inventory.k3s.version.description.replacing("+", with: "-") }

    /// The servers' addresses, for what must be done wherever one of them answers.
    var urls: [String] {
        cluster.inventory.controlPlane.map { K3sConfiguration.serverURL($0, cluster.inventory) }
    }

    var atOnce: Int { options.workersAtOnce.count(of: cluster.inventory.workers.count { $0.management == .full }) }

    /// What a job may take: its pod has to come up, and a worker to be drained.
    func jobSeconds(_ nodes: [NodeName]) -> Int {
        let turn = NodeTurn(cluster.inventory)
        let isDrained = nodes.contains { !cluster[$0].isControlPlane }
        return (nodes.map(turn.startSeconds).max() ?? 0) + NodeTurn.podSeconds
            + (isDrained ? options.drain.timeoutSeconds : 0)
    }

    var objects: [KubernetesObject] {
        [plan(ControllerPlans.servers, isServers: true), plan(ControllerPlans.workers, isServers: false)]
    }

    private func plan(_ name: String, isServers: Bool) -> KubernetesObject {
        let expressions: [YAMLValue] = [
            ["key": .string(ControllerPlans.mark), "operator": "In", "values": .list([.string(markValue)])],
            ["key": "node-role.kubernetes.io/control-plane", "operator": isServers ? "Exists" : "DoesNotExist"],
        ]
        let nodes = (isServers ? cluster.controlPlane : cluster.workers).filter { cluster[$0].management == .full }
        var spec: YAMLMap = ["concurrency": .int(isServers ? 1 : atOnce)]
        spec["version"] = .string(cluster.inventory.k3s.version.description)
        spec["nodeSelector"] = ["matchExpressions": .list(expressions)]
        spec["serviceAccountName"] = .string(ControllerPlans.account)
        spec["tolerations"] = .list([["operator": "Exists"]])
        spec["jobActiveDeadlineSecs"] = .int(jobSeconds(nodes))
        // As without the controller: a server keeps its pods while K3s starts anew.
        if !isServers { spec["drain"] = .map(drain) }
        spec["upgrade"] = [
            "image": .string(via.image),
            // On the node itself, in its own file system: systemctl does nothing where it finds itself in a chroot.
            "command": .list(["nsenter", "-t", "1", "-m", "--", "/bin/sh", .string(NodeTurn.program)]),
            "args": .list(["take", .string(cluster.inventory.k3s.version.description)]),
        ]
        return KubernetesObject(
            name: "Plan \(ControllerPlans.namespace)/\(name)",
            references: [.init(kind: "plans.upgrade.cattle.io", namespace: ControllerPlans.namespace, name: name)]
        ) { digest in
            let metadata: YAMLValue = [
                "name": .string(name), "namespace": .string(ControllerPlans.namespace),
                "annotations": [KubernetesObject.digestAnnotation: .string(digest)],
            ]
            return YAMLValue.map([
                "apiVersion": "upgrade.cattle.io/v1", "kind": "Plan", "metadata": metadata, "spec": .map(spec),
            ]).yamlText()
        }
    }

    /// The controller deletes the data of emptyDirs where nothing is said of them.
    private var drain: YAMLMap {
        var map: YAMLMap = ["timeout": .string("\(options.drain.timeoutSeconds)s"), "ignoreDaemonSets": true]
        map["deleteEmptydirData"] = .bool(options.drain.deletesEmptyDirData)
        map["force"] = .bool(options.drain.force)
        map["disableEviction"] = .bool(options.drain.disablesEviction)
        if let seconds = options.drain.gracePeriodSeconds { map["gracePeriod"] = .int(seconds) }
        return map
    }
}

/// Brings the Plans into the cluster. No node is handed over yet, so that the controller begins nothing.
public struct UpgradePlans: Phase {
    public let id: PhaseID = "upgrade-plans"
    public let title = "Plans for the cluster's own controller"
    public var nodes: [NodeName] { [plans.cluster.reference] }
    private let plans: ControllerPlans
    private let turn: NodeTurn

    init(_ inventory: Inventory, _ plans: ControllerPlans) {
        self.plans = plans
        turn = NodeTurn(inventory)
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        turn.cluster.managed.contains { turn.isPending($0, facts) }
            ? .satisfied : .notApplicable("nothing is changed on any node")
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "take away Plans of which a job has ended",
                        arguments: Script.arguments(.handOver, ["afresh"] + ControllerPlans.names),
                        unless: Script.arguments(.handOver, ["is-afresh"] + ControllerPlans.names),
                        timeoutSeconds: 150)),
                because: "the controller does not begin a job a second time, whatever became of the node since")
        ]
            + plans.objects.map {
                Step(.object($0), because: "they select the nodes that are handed over, and no others")
            }
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "withdraw-plans ends what it has begun") }
}

/// Takes the Plans away again, in any case: one that stayed would lie in wait for nodes that are handed over later.
public struct WithdrawPlans: Phase {
    public let id: PhaseID = "withdraw-plans"
    public let title = "The Plans are withdrawn"
    public var nodes: [NodeName] { [plans.cluster.reference] }
    public let ends: PhaseID? = "upgrade-plans"
    private let plans: ControllerPlans
    private let turn: NodeTurn

    init(_ inventory: Inventory, _ plans: ControllerPlans) {
        self.plans = plans
        turn = NodeTurn(inventory)
    }

    public func needs(_ node: NodeName) -> [Probe] { [ControllerQuestion.plans] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let answer = facts.first(of: plans.cluster.controlPlane, ControllerQuestion.plans)
        if ControllerQuestion.plans(answer)?.contains(where: \.isOurs) == true {
            return .pending("an earlier run has left its Plans")
        }
        return turn.cluster.managed.contains { turn.isPending($0, facts) }
            ? .settled : .notApplicable("there are none")
    }

    public func apply(_ node: NodeName) -> [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "withdraw the Plans",
                        arguments: Script.arguments(.handOver, ["withdraw"] + ControllerPlans.names + plans.urls),
                        unless: Script.arguments(.handOver, ["is-withdrawn"] + ControllerPlans.names),
                        timeoutSeconds: 300)),
                because: "a Plan that stays would lie in wait for other nodes")
        ]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "without Plans the controller changes nothing") }
}
