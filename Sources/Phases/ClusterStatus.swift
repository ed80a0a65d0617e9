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
        public let isEtcdHealthy: Bool?
        /// What Cilium on the node says of itself; nil where it does not answer.
        public let cilium: String?
        public let replacesKubeProxy: Bool
        /// Whether kube-proxy runs on the node, and what it has left there; nil where the node does not say.
        public let kubeProxy: KubeProxyQuestion?
    }

    public struct EndpointRow: Sendable, Equatable {
        public let address: String
        /// The control plane nodes that have the address; one when all is well.
        public let holders: [String]
        /// What kube-vip's lease in the cluster says.
        public let leaseHolder: String?
        public let answers: Bool
        /// The node that asked through the address.
        public let askedFrom: String
    }

    public let rows: [Row]
    /// Addons that are still installed though the inventory no longer has them.
    public let leftAddons: [String]
    /// Nil where the endpoint is a name that somebody else serves.
    public let endpoint: EndpointRow?

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
            asks += [NodesQuestion.probe, EtcdQuestion.probe, LeftAddonsQuestion.probe].map { Ask(node, $0) }
            if let endpoint { asks += [Ask(node, EndpointQuestion.lease), Ask(node, endpoint.onLink)] }
        }
        if let endpoint { asks.append(Ask(endpoint.witness, endpoint.ping)) }
        return asks
    }

    public init(_ inventory: Inventory, facts: Facts, unreachable: [NodeName: String]) {
        let cluster = Cluster(inventory)
        let nodes = cluster.controlPlane.lazy.compactMap { NodesQuestion(facts[$0, NodesQuestion.probe]) }.first
        rows = inventory.nodes.map { node in
            let row = nodes?[node.id]
            let cilium = CiliumQuestion.reading(facts[node.id, CiliumQuestion.status])
            let isMember = node.isControlPlane
            return Row(
                name: node.name, role: node.isPrimary ? "primary" : isMember ? "replica" : "worker",
                address: node.address.description, unreachable: unreachable[node.id], isReady: row?.isReady ?? false,
                message: row.map { $0.isReady ? "" : String($0.message) } ?? "the cluster does not know it",
                version: K3sQuestion.version(facts[node.id, K3sQuestion.version]).map(String.init),
                isVoter: isMember ? row?.isVoter : nil,
                isEtcdHealthy: isMember
                    ? EtcdQuestion.verdict(facts[node.id, EtcdQuestion.probe], on: node.id) == .holds : nil,
                cilium: cilium?.state, replacesKubeProxy: cilium?.replacesKubeProxy ?? false,
                kubeProxy: KubeProxyQuestion(facts[node.id, KubeProxyQuestion.probe]))
        }
        leftAddons = LeftAddonsQuestion.names(inventory, facts)
        endpoint = EndpointQuestion(cluster).map { question in
            EndpointRow(
                address: question.address.description,
                holders: question.holders(facts).map(\.rawValue),
                leaseHolder: cluster.controlPlane.lazy.compactMap { node in
                    facts[node, EndpointQuestion.lease].flatMap { $0.succeeded ? $0.lines.first.map(String.init) : nil }
                }.first,
                answers: facts[question.witness, question.ping]?.http?.code == 200,
                askedFrom: question.witness.rawValue)
        }
    }
}
