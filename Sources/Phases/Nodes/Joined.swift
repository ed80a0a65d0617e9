import Engine
import Inventory
import Rendering

/// When a server has joined, it is told no longer where: what it joins through, should it lose its data, is what its
/// `config.yaml` says.
struct Joined: Phase {
    let id: PhaseID = "joined"
    let title = "Where the new servers have joined is forgotten"
    var nodes: [NodeName] { change.joiningServers.filter { $0 != cluster.primary } }
    private let change: NodeChange
    private let cluster: Cluster

    init(_ change: NodeChange) {
        self.change = change
        cluster = change.cluster
    }

    func apply(_ node: NodeName) -> [Step] {
        [Step(.absent(path: JoinFile.path), because: "the server that it joined through may be gone one day")]
    }

    func undo(_ node: NodeName) -> Undo { .nothing(because: "the file counts only when K3s starts without etcd data") }

    /// Whether a node is one of the cluster as clusterctl makes them, and serves.
    static func isMember(_ node: NodeName, _ facts: Facts, _ cluster: Cluster) -> Bool {
        let nodes = ServerQuestion.nodes(facts, cluster)
        guard nodes?[node]?.isReady == true,
            K3sQuestion.text(facts[node, K3sQuestion.config]).map(K3sQuestion.isOurs) == true
        else { return false }
        return !cluster[node].isControlPlane || ServerQuestion.isWell(node, facts, nodes)
    }
}
