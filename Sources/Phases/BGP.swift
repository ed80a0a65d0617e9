import Engine
import Inventory

/// Lets the nodes announce pods and Services to the routers, and gives Services their addresses.
///
/// It works through the primary; every node that speaks BGP is waited for by itself.
public struct BGP: Phase {
    public let id: PhaseID = "bgp"
    public let title = "BGP and addresses of Services"
    public var nodes: [NodeName] {
        guard objects.areWanted else { return [] }
        return cluster.all.filter { $0 == cluster.primary || speakers.contains($0) }
    }
    let cluster: Cluster
    let objects: BGPObjects
    private let speakers: Set<NodeName>

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        objects = BGPObjects(inventory)
        speakers = Set(inventory.bgpNodes.map(\.id))
    }

    public func apply(_ node: NodeName) -> [Step] { node == cluster.primary ? objects.steps : [] }

    public func gate(_ node: NodeName) -> Gate? {
        let sessions = speakers.contains(node) ? BGPQuestion(cluster.inventory, cluster[node]) : nil
        let hasPools = node == cluster.primary && !cluster.inventory.loadBalancerPools.isEmpty
        var asks: [Ask] = []
        var conditions: [String] = []
        if let sessions {
            asks.append(Ask(node, BGPQuestion.peers))
            conditions.append("\(node) to have its session with \(sessions.routers)")
        }
        if hasPools {
            asks.append(Ask(node, PoolsQuestion.probe))
            conditions.append("no pool of addresses to be in conflict with another")
        }
        guard !asks.isEmpty else { return nil }
        return Gate(
            waitingFor: conditions.joined(separator: ", and "), asks: asks,
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.bgp, node),
            lookAt: "'show bgp summary' in the router's vtysh ('clusterctl render' writes its end of the sessions); "
                + "'cilium-dbg bgp peers' in the Cilium agent's container on \(node)"
        ) { facts in
            var verdicts: [Verdict] = []
            if let sessions { verdicts.append(sessions.verdict(facts[node, BGPQuestion.peers])) }
            if hasPools { verdicts.append(PoolsQuestion.verdict(facts[node, PoolsQuestion.probe])) }
            return .all(verdicts)
        }
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(
            because: "announcing cuts nothing on the nodes, and taking the announcements back would cut off Services")
    }
}
