import Engine
import Inventory
import Rendering

/// The order in which a cluster is built. Nothing else is in this file, and conditions are in the phases.
public enum Bootstrap {
    /// What cannot be read from the inventory alone.
    public struct Options: Sendable {
        /// The Cilium chart in base64, where the inventory names an archive.
        public var chartContent: String?
        /// How replicas join; anything but the primary hangs, which a test shows.
        public var joinThrough: JoinAddress
        public init(chartContent: String? = nil, joinThrough: JoinAddress = .primary) {
            self.chartContent = chartContent
            self.joinThrough = joinThrough
        }
    }

    public static func order(for inventory: Inventory, options: Options = Options()) -> Order {
        let prepared: [Order.Dependency] = [.sameNode("host-prep"), .sameNode("artifacts")]
        let endpoint: [Order.Dependency] = [.all("kube-vip"), .all("keepalived")]
        let reached = endpoint + [.all("dns-resolved"), .all("dns-networkmanager")]
        let joined = reached + [.all("cilium"), .all("primary-rejoin"), .all("workers")]
        let announced: [PhaseID] = ["bgp", "bgp-sessions", "router-sessions", "api-endpoint"]
        let network = joined + [.all("cilium-api-server")] + announced.map { .all($0) }
        return Order(
            name: "bootstrap",
            [
                .init(Preflight(inventory)),
                .init(HostPrep(inventory), after: [.sameNode("preflight")]),
                .init(Interfaces(inventory), after: [.all("preflight"), .sameNode("host-prep")]),
                .init(Artifacts(inventory), after: [.sameNode("preflight"), .all("interfaces")]),
                .init(K3sPrimary(inventory), after: [.all("preflight"), .all("interfaces")] + prepared),
                .init(
                    Cilium(inventory, chartContent: options.chartContent),
                    after: [.all("k3s-primary"), .sameNode("host-prep")]),
                .init(KubeVip(inventory), after: [.all("cilium")]),
                .init(Keepalived(inventory), after: [.all("cilium"), .sameNode("host-prep")]),
                .init(Replicas(inventory, joinThrough: options.joinThrough), after: [.all("cilium")] + prepared),
                .init(PrimaryRejoin(inventory), after: [.all("replicas")]),
                .init(DNS(inventory), after: [.all("cilium"), .all("replicas"), .sameNode("host-prep")] + endpoint),
                .init(DNSResolved(inventory), after: [.all("dns"), .sameNode("host-prep")]),
                .init(DNSNetworkManager(inventory), after: [.all("dns"), .sameNode("host-prep")]),
                .init(Readmit(inventory), after: [.all("cilium")]),
                .init(Workers(inventory), after: [.all("cilium"), .all("readmit")] + reached + prepared),
                .init(Cilium(inventory, .endpoint, chartContent: options.chartContent), after: joined),
                .init(RouterPrep(inventory), after: [.all("preflight")]),
                .init(Routers(inventory), after: [.sameNode("router-prep")] + joined),
                .init(BGPPasswords(inventory), after: joined),
                .init(BGPPasswordFiles(inventory), after: [.sameNode("preflight"), .sameNode("bgp-passwords")]),
                .init(BGP(inventory), after: [.all("cilium-api-server"), .all("bgp-passwords")] + joined),
                .init(BGPSessions(inventory), after: [.all("bgp"), .all("routers")]),
                .init(RouterSessions(inventory), after: [.all("bgp"), .all("routers")]),
                .init(APIEndpoint(inventory), after: [.all("bgp-sessions"), .all("router-sessions")]),
            ] + AddonPhase.entries(inventory, after: network) + [
                .init(Verify(inventory), after: network + inventory.addons.map { .all(AddonPhase.id($0.name)) })
            ])
    }
}
