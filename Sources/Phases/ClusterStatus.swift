import Engine
import Inventory

/// How a cluster stands, as its nodes say themselves: what `status` shows.
public struct ClusterStatus: Sendable, Equatable {
    public struct Row: Sendable, Equatable {
        public let name: String
        /// `primary`, `replica` or `worker`.
        public let role: String
        public let address: String
        /// Why the node could not be asked over SSH; nil where it answered.
        public let unreachable: String?
        public let isReady: Bool
        /// Why it is not ready, in the kubelet's words; empty where it is.
        public let message: String
        /// Of K3s on the node; nil where none is.
        public let version: String?
        /// Nil: no control plane node, or nobody says.
        public let isVoter: Bool?
        /// Whether its member has no vote because it has not caught up yet.
        public let isLearner: Bool
        public let isEtcdHealthy: Bool?
        /// What Cilium on the node says of itself; nil where it does not answer.
        public let cilium: String?
        public let replacesKubeProxy: Bool
        /// Whether kube-proxy runs on the node, and what it has left there; nil where the node does not say.
        public let kubeProxy: KubeProxyQuestion?
        /// Why no pods come to it, `cordoned` or `drained`; nil where they do, or nobody says.
        public let cordon: String?
        /// That its K3s is of another version than the inventory's; nil where it is not.
        public let otherVersion: String?
        /// Which of K3s' files are not as the inventory has them.
        public let otherFiles: [String]

        /// What is not as the inventory has it, in words; what a node that does not answer has is not known.
        public var differs: [String] { (otherVersion.map { [$0] } ?? []) + otherFiles }

        /// How it is, in a line, for a rolling change that has ended in the middle.
        public var words: String {
            if let unreachable { return "no SSH: \(unreachable)" }
            var words = [version ?? "no K3s", isReady ? "ready" : "not ready, \(message)"]
            if let isVoter { words.append(isVoter ? "votes" : isLearner ? "learns" : "does not vote") }
            if isEtcdHealthy == false { words.append("its etcd is not healthy") }
            if let cordon { words.append(cordon) }
            return (words + otherFiles).joined(separator: "; ")
        }
    }

    /// A node that the cluster has and the inventory does not.
    public struct Stranger: Sendable, Equatable {
        public let name: String
        /// Whether it has an etcd member.
        public let isMember: Bool
    }

    public struct EndpointRow: Sendable, Equatable {
        public let address: String
        /// The control plane nodes that have the address; one when all is well.
        public let holders: [String]
        /// What kube-vip's lease in the cluster says.
        public let leaseHolder: String?
        public let answers: Bool
        /// The node that asked through the address; nil where nobody could.
        public let askedFrom: String?
    }

    public let rows: [Row]
    /// Addons that are still installed though the inventory no longer has them.
    public let leftAddons: [String]
    public let strangers: [Stranger]
    /// Nil where the endpoint is a name that somebody else serves.
    public let endpoint: EndpointRow?

    /// Whether something is marked as not being as the inventory has it. That says nothing of whether all is well.
    public var differs: Bool {
        !strangers.isEmpty || !leftAddons.isEmpty || rows.contains { !$0.differs.isEmpty || $0.cordon != nil }
    }

    public var voters: Int { rows.count { $0.isVoter == true } }
    /// Whether everything is as the inventory has it.
    public var isWhole: Bool {
        rows.allSatisfy { row in
            row.isReady && row.cilium == "Ok" && row.replacesKubeProxy && row.isVoter != false
                && row.isEtcdHealthy != false && row.kubeProxy?.isClean != false
        } && endpoint.map { $0.answers && $0.holders.count == 1 } ?? true
    }

    /// What the nodes are asked, all of it in one exec a node; the cluster itself is asked on every control plane node,
    /// because any of them can be lost.
    public static func asks(_ inventory: Inventory) -> [Ask] {
        let cluster = Cluster(inventory)
        let endpoint = EndpointQuestion(cluster)
        var asks = cluster.all.flatMap { node in
            [K3sQuestion.version, CiliumQuestion.status, KubeProxyQuestion.probe].map { Ask(node, $0) }
        }
        for node in cluster.controlPlane {
            asks += [NodesQuestion.probe, SchedulingQuestion.probe, EtcdQuestion.probe, LeftAddonsQuestion.probe]
                .map { Ask(node, $0) }
            if let endpoint { asks += [EndpointQuestion.lease, endpoint.onLink].map { Ask(node, $0) } }
        }
        if let endpoint { asks += endpoint.askers.map { Ask($0, endpoint.ping) } }
        return asks
    }

    /// How these files stand is asked in the same exec: what K3s is started with.
    public static func steps(_ inventory: Inventory) -> [NodeName: [Step]] {
        let cluster = Cluster(inventory)
        let files = K3sFiles(cluster: cluster)
        return Dictionary(
            uniqueKeysWithValues: cluster.managed.map { node in (node, files.steps(node).filter(\.isShownFile)) })
    }

    public init(_ inventory: Inventory, facts: Facts, unreachable: [NodeName: String]) {
        let cluster = Cluster(inventory)
        let nodes = cluster.controlPlane.lazy.compactMap { NodesQuestion(facts[$0, NodesQuestion.probe]) }.first
        let scheduling = cluster.controlPlane.lazy
            .compactMap { SchedulingQuestion(facts[$0, SchedulingQuestion.probe]) }.first
        rows = inventory.nodes.map { node in
            let row = nodes?[node.id]
            let cilium = CiliumQuestion.reading(facts[node.id, CiliumQuestion.status])
            let isMember = node.isControlPlane
            let version = K3sQuestion.version(facts[node.id, K3sQuestion.version]).map(String.init)
            return Row(
                name: node.name, role: node.isPrimary ? "primary" : isMember ? "replica" : "worker",
                address: node.address.description, unreachable: unreachable[node.id], isReady: row?.isReady ?? false,
                message: row.map { $0.isReady ? "" : String($0.message) } ?? "the cluster does not know it",
                version: version,
                isVoter: isMember ? row?.isVoter : nil, isLearner: isMember && row?.isLearner == true,
                isEtcdHealthy: isMember
                    ? EtcdQuestion.verdict(facts[node.id, EtcdQuestion.probe], on: node.id) == .holds : nil,
                cilium: cilium?.state, replacesKubeProxy: cilium?.replacesKubeProxy ?? false,
                kubeProxy: KubeProxyQuestion(facts[node.id, KubeProxyQuestion.probe]),
                cordon: scheduling?[node.id]?.rawValue,
                otherVersion: version.flatMap { Drift.versionDifference($0, node, inventory) },
                otherFiles: version == nil ? [] : Self.otherFiles(node, facts))
        }
        strangers = Strangers(nodes, cluster).all
        leftAddons = LeftAddonsQuestion.names(inventory, facts)
        endpoint = EndpointQuestion(cluster).map { question in
            let asker = question.askers.first { facts[$0, question.ping] != nil }
            return EndpointRow(
                address: question.address.description,
                holders: question.holders(facts).map(\.rawValue),
                leaseHolder: cluster.controlPlane.lazy.compactMap { node in
                    facts[node, EndpointQuestion.lease].flatMap { $0.succeeded ? $0.lines.first.map(String.init) : nil }
                }.first,
                answers: asker.flatMap { facts[$0, question.ping]?.http?.code } == 200,
                askedFrom: asker?.rawValue)
        }
    }

    /// Of a node without K3s nothing is said: it has nothing of the inventory yet.
    private static func otherFiles(_ node: Node, _ facts: Facts) -> [String] {
        facts.differing(of: node.id).filter(\.isShownFile)
            .map { "\($0.operation.touchedPaths.joined()) is not as the inventory has it" }.sorted()
    }
}

extension Step {
    /// Whether it is a file whose text may be shown.
    var isShownFile: Bool {
        if case .file(_, .text, _) = operation { return true }
        return false
    }
}

/// What the cluster knows of, and the inventory does not.
struct Strangers {
    let all: [ClusterStatus.Stranger]

    init(_ nodes: NodesQuestion?, _ cluster: Cluster) {
        let known = Set(cluster.all.map(\.rawValue))
        all = (nodes?.rows ?? []).filter { !known.contains(String($0.name)) }
            .map { ClusterStatus.Stranger(name: String($0.name), isMember: $0.isVoter != nil) }
    }
}
