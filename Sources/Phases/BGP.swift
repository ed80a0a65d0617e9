import Engine
import Inventory

/// Tells Cilium what the nodes announce to the routers, and which addresses Services get; through the server that speaks for the cluster.
public struct BGP: Phase {
    public let id: PhaseID = "bgp"
    public let title = "Announcements and addresses of Services"
    public var nodes: [NodeName] { [cluster.reference] }
    let cluster: Cluster
    let objects: BGPObjects

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        objects = BGPObjects(inventory)
    }

    public func apply(_ node: NodeName) -> [Step] { objects.steps }

    public func gate(_ node: NodeName) -> Gate? {
        guard !cluster.inventory.addressPools.isEmpty else { return nil }
        return Gate(
            waitingFor: "Cilium to have taken up every pool of addresses, none of them in conflict with another",
            asks: [Ask(node, PoolsQuestion.probe)],
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.bgp, node),
            lookAt: "k3s kubectl get ciliumloadbalancerippools -o yaml, on \(node)"
        ) { PoolsQuestion.verdict($0[node, PoolsQuestion.probe]) }
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(
            because: "announcing cuts nothing on the nodes, and taking the announcements back would cut off Services")
    }
}

/// Waits on every node that speaks BGP until it has its sessions.
public struct BGPSessions: Phase {
    public let id: PhaseID = "bgp-sessions"
    public let title = "BGP sessions"
    public var nodes: [NodeName] { cluster.speakers }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func apply(_ node: NodeName) -> [Step] { [] }

    public func gate(_ node: NodeName) -> Gate? {
        guard let sessions = BGPQuestion(cluster.inventory, cluster[node]) else { return nil }
        return Gate(
            waitingFor: "\(node) to have its BGP sessions with \(sessions.routers)",
            asks: [Ask(node, BGPQuestion.peers)],
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.bgp, node),
            lookAt: "'clusterctl router verify'; "
                + "'cilium-dbg bgp peers' in the Cilium agent's container on \(node)"
        ) { sessions.verdict($0[node, BGPQuestion.peers]) }
    }
}
