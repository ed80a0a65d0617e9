import Engine
import Inventory
import Rendering

/// A server that comes with another token than the cluster's does not start.
enum TokenProblem {
    /// Of a node that has K3s already.
    static func problems(_ cluster: Cluster, _ node: NodeName, _ facts: Facts) -> [Problem] {
        for step in K3sFiles(cluster: cluster).settingSteps(node) {
            guard case .file(K3sPaths.token, .secret(.provided), _) = step.operation, let state = facts[node, step],
                state != .same
            else { continue }
            return [
                Problem(
                    "the inventory has another token than the cluster",
                    fix: "put the cluster's own token back into the inventory, or change the cluster's to it: "
                        + "'clusterctl token rotate'")
            ]
        }
        return []
    }
}
