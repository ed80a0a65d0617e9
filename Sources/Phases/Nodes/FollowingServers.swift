import Engine
import Inventory

/// The servers' certificates name every server, so that those who stay start anew, one at a time, when one comes or goes.
extension NodeChange {
    /// Whether that happens before the number of servers changes: of two, neither can be away without the API being away.
    var followsFirst: Bool { inventory.controlPlane.count == 2 }

    var followingServers: Limited {
        var serving = earlier
        serving.nodes.removeAll { joining.contains($0.id) }
        // It may hold the endpoint's address as long as it is there; one that nobody gets to cannot be asked.
        if let leaving, !reachesLeaving { serving.leftOut.insert(leaving.rawValue) }
        let servers = UpgradeServers(inventory, serving: followsFirst ? serving : inventory)
        return Limited(servers, to: staying) { node, facts in
            if facts.hasOpenGuard(node) { return nil }
            guard servers.isPending(node, facts) else { return "its files are as they should be" }
            return canFollow(facts)
                ? nil : "the API would be away: 'clusterctl apply' tells its certificate which servers there are"
        }
    }

    /// Whether one of the servers that stay can start anew when the time for it comes. A single server may: nobody else
    /// is there to keep anything.
    func canFollow(_ facts: Facts) -> Bool {
        guard followsFirst, let nodes = ServerQuestion.nodes(facts, Cluster(earlier)) else { return true }
        let members = nodes.rows.filter { $0.isVoter != nil }.map { NodeName(String($0.name)) }
        let well = members.count { ServerQuestion.isWell($0, facts, nodes) }
        return members.count == 1 || members.count > 2 && well == members.count
    }
}
