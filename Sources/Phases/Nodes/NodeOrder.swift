import Engine
import Inventory

/// The order in which a node comes into a living cluster, leaves it, or gives way to another machine. Nothing else is in this
/// file, and conditions are in the phases.
public enum NodeOrder {
    /// - Parameter chartContent: the Cilium chart in base64, where the inventory names an archive.
    public static func order(for change: NodeChange, chartContent: String? = nil) -> Order {
        let inventory = change.inventory
        let cilium = Cilium(inventory, change.ciliumStage, chartContent: chartContent)
        let prepared: [Order.Dependency] = [.all("host-prep"), .all("interfaces"), .all("artifacts")]
        let endpoint: [Order.Dependency] = [.all("kube-vip"), .all("keepalived")]
        let reached = endpoint + [.all("dns-resolved"), .all("dns-networkmanager")]
        let joined = reached + [.all(cilium.id), .all("upgrade-servers"), .all("workers")]
        let isFirst = change.followsFirst
        let come: [Order.Dependency] = isFirst ? [] : [.all("joined"), .all("primary-rejoin")] + endpoint
        let following: [Order.Entry] = [.init(change.followingServers, after: prepared + come)]
        let before: [Order.Dependency] = isFirst ? [.all("upgrade-servers")] : []
        let announced: [PhaseID] = ["bgp", "bgp-sessions", "router-sessions", "api-endpoint"]
        let preparing: [Order.Entry] = [
            .init(NodePreflight(change)),
            .init(HostPrep(inventory), after: [.all("preflight")]),
            .init(
                Limited(Interfaces(inventory), to: change.joining),
                after: [.all("preflight"), .sameNode("host-prep")]),
            .init(
                Limited(Artifacts(inventory), to: change.joining), after: [.all("preflight"), .all("interfaces")]),
        ]
        let changing: [Order.Entry] = [
            .init(Drain(change.earlier, change.drain, leaving: change.drained), after: prepared + before),
            .init(LeaveNode(change), after: [.all("drain-leaving")] + prepared + before),
            .init(ForgetNode(change), after: [.all("leave")] + prepared),
            .init(CleanNode(change), after: [.all("forget-node")]),
            .init(change.running(cilium), after: [.all("forget-node")] + prepared),
            .init(KubeVip(inventory), after: [.all(cilium.id)]),
            .init(Keepalived(inventory), after: [.all(cilium.id), .sameNode("host-prep")]),
            .init(
                Replicas(inventory, joining: change.joiningServers),
                after: [.all(cilium.id), .all("forget-node")] + prepared + before),
            .init(Joined(change), after: [.all("preflight"), .all("replicas")]),
            .init(PrimaryRejoin(inventory), after: [.all("preflight"), .all("replicas")]),
        ]
        let settling: [Order.Entry] = [
            .init(
                DNS(inventory),
                after: [.all(cilium.id), .all("upgrade-servers"), .sameNode("host-prep")] + endpoint),
            .init(DNSResolved(inventory), after: [.all("dns"), .sameNode("host-prep")]),
            .init(DNSNetworkManager(inventory), after: [.all("dns"), .sameNode("host-prep")]),
            .init(
                Limited(Workers(inventory), to: change.joining),
                after: [.all(cilium.id), .all("upgrade-servers")] + reached + prepared),
            .init(RouterPrep(inventory), after: [.all("preflight")]),
            .init(Routers(inventory), after: [.sameNode("router-prep")] + joined),
            .init(BGPPasswords(inventory), after: joined),
            .init(BGPPasswordFiles(inventory), after: [.sameNode("preflight"), .sameNode("bgp-passwords")]),
            .init(BGP(inventory), after: [.all("bgp-passwords")] + joined),
            .init(BGPSessions(inventory), after: [.all("bgp"), .all("routers")]),
            .init(change.whole(RouterSessions(inventory)), after: [.all("bgp"), .all("routers")]),
            .init(
                APIEndpoint(inventory, asksAll: inventory.leftOut.isEmpty),
                after: [.all("bgp-sessions"), .all("router-sessions")]),
            .init(Verify(inventory), after: joined + announced.map { .all($0) }),
        ]
        return Order(
            name: "node-\(change.verb.rawValue)",
            preparing + (isFirst ? following : []) + changing + (isFirst ? [] : following) + settling)
    }
}

extension NodeChange {
    /// A node whose machine is dead has nothing that could be sent elsewhere.
    fileprivate var drained: [NodeName] { leavingMachine.map { [$0] } ?? [] }

    /// What waits for every node is not waited for while one of them cannot be reached.
    fileprivate func whole(_ phase: any Phase) -> Limited {
        let missing = inventory.leftOut.sorted().first
        let why = missing.map { "\($0) cannot be reached, and it waits for every node" }
        return Limited(phase, to: phase.nodes) { _, _ in why }
    }

    /// Where an earlier run was joining a node and its guard is armed for that, Cilium comes as on any node that joins. An
    /// upgrade of Cilium that is under way keeps its chart.
    fileprivate func running(_ cilium: Cilium) -> Limited {
        Limited(cilium, to: cilium.nodes) { node, facts in
            let isOurs = facts.hasGuardArmed(for: cilium.id, node)
            if !isOurs, leavesCilium(facts) { return "an upgrade of Cilium is under way, and goes on afterwards" }
            return joining.contains(node) && facts.hasOpenGuard(node) && !isOurs
                ? "an earlier run has let it join, and is not through; Cilium comes to it with that" : nil
        }
    }
}
