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
            return [problem]
        }
        return []
    }

    /// The same for whoever writes that file where it is missing: only one that is there and is another one counts.
    static func problemsOfMember(_ cluster: Cluster, _ node: NodeName, _ facts: Facts) -> [Problem] {
        guard EtcdQuestion.hasData(facts[node, EtcdQuestion.data]) == true else { return [] }
        for step in K3sFiles(cluster: cluster).settingSteps(node) {
            guard case .file(K3sPaths.token, .secret(.provided), _) = step.operation,
                case .differs(let current)? = facts[node, step], current.hasPrefix("(differs")
            else { continue }
            return [problem]
        }
        return []
    }

    /// What is on a managed node as long as a change of the token has not come to its end.
    static let underWay = Probe.path("\(K3sPaths.state)/token")

    /// A node in the middle of such a change may come with another token than the cluster's when K3s starts anew there.
    static func problems(ofChange node: NodeName, _ facts: Facts) -> [Problem] {
        guard facts[node, underWay]?.output.hasPrefix("directory") == true else { return [] }
        return [
            Problem(
                "a change of the cluster's token has not come to its end there",
                fix: "lead it to its end first: 'clusterctl token rotate'")
        ]
    }

    private static var problem: Problem {
        Problem(
            "the inventory has another token than the cluster",
            fix: "put the cluster's own token back into the inventory, or change the cluster's to it: "
                + "'clusterctl token rotate'")
    }
}
