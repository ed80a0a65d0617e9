import Inventory
import YAML

/// A router's end of the sessions, as FRR takes it; only what the cluster needs, and nothing that stands there already.
///
/// Inbound is limited to what the nodes may announce, unless the inventory asks for all of it; outbound to nothing. FRR asks
/// for a policy in both directions (`bgp ebgp-requires-policy`), and a node that announced more would else be believed.
public struct RouterConfiguration: Sendable, Equatable {
    /// Where FRR's files are on the router.
    public let path: String
    public let text: String

    public static func path(_ inventory: Inventory, _ router: Router) -> String {
        let folder = router.platform == .freeBSDFRR ? "/usr/local/etc/frr" : "/etc/frr"
        return "\(folder)/clusterctl-\(inventory.name).conf"
    }

    /// Where the password of the sessions lies on a router that clusterctl changes, for root alone.
    public static func passwordPath(_ inventory: Inventory, _ router: Router) -> String {
        path(inventory, router).dropLast("conf".count) + "password"
    }

    /// Nil where no node opens a session to this router.
    public init?(_ inventory: Inventory, _ router: Router) {
        guard let bgp = inventory.bgp, let peer = bgp.peers.first(where: { $0.router == router.name }),
            !peer.addresses.isEmpty
        else { return nil }
        path = RouterConfiguration.path(inventory, router)
        let families = peer.addresses.map(\.family)
        func group(_ family: IPAddress.Family) -> String { "clusterctl-\(inventory.name)-\(family.afi)" }

        let isLimited = peer.import == .announced
        let taken = families.flatMap { family in
            (isLimited ? RouterConfiguration.taken(inventory, bgp, family) : ["permit any"]).enumerated().map {
                offset, rule in
                [
                    "family": family.keyword, "group": group(family), "number": String(5 * (offset + 1)),
                    "rule": rule,
                ]
            }
        }
        let neighbors = families.flatMap { family in
            inventory.bgpNodes.compactMap { node in
                node.addresses.first { $0.family == family }.map {
                    ["address": $0.description, "group": group(family), "node": node.name]
                }
            }
        }
        var settings: [String] = ["timers \(peer.keepAlive.wholeSeconds) \(peer.holdTime.wholeSeconds)"]
        // Else FRR keeps the routes of a node that has died, since Cilium asks for it (RFC 8538).
        settings.append(peer.gracefulRestart == nil ? "graceful-restart-disable" : "graceful-restart-helper")
        if let hops = peer.multihop { settings.append("ebgp-multihop \(hops)") }
        text = Template.frrConfiguration.text([
            "cluster": .text(inventory.name), "asn": .text(String(router.asn)), "taken": .records(taken),
            "limited": .records(isLimited ? [[:]] : []), "open": .records(isLimited ? [] : [[:]]),
            "families": .records(
                families.map { family in
                    [
                        "family": family.keyword, "afi": family.afi, "group": group(family),
                        "clusterASN": String(bgp.asn),
                        "most": String(RouterConfiguration.most(inventory, bgp, family)),
                    ]
                }),
            "settings": .records(
                families.flatMap { family in settings.map { ["group": group(family), "setting": $0] } }),
            "neighbors": .records(neighbors),
            "passwords": .records(
                peer.password == nil
                    ? []
                    : families.map {
                        [
                            "group": group($0), "asn": String(router.asn),
                            "file": RouterConfiguration.passwordPath(inventory, router),
                        ]
                    }),
            "notOverIPv6": .records(families.contains(.ipv6) ? [["group": group(.ipv6)]] : []),
        ])
    }

    /// The prefixes that nodes may announce, with the lengths that are allowed; a list denies what is not in it.
    private static func taken(
        _ inventory: Inventory, _ bgp: BGPSettings, _ family: IPAddress.Family
    ) -> [String] {
        var prefixes: [String] = []
        if bgp.announcesPods, let pods = inventory.network.pods.first(where: { $0.family == family }) {
            let mask = CiliumValues(inventory).poolMask(family) ?? family.width
            prefixes.append(pods.prefixLength < mask ? "\(pods) ge \(mask) le \(mask)" : pods.description)
        }
        let blocks = inventory.addressPools.flatMap(\.blocks).filter { $0.family == family }
        for network in blocks.flatMap(\.networks) {
            prefixes.append(
                network.prefixLength < family.width ? "\(network) ge \(family.width)" : network.description)
        }
        return prefixes.isEmpty ? ["deny any"] : prefixes.map { "permit \($0)" }
    }

    /// How many prefixes one node may announce: its range of pods and every address of the pools, within reason.
    private static func most(_ inventory: Inventory, _ bgp: BGPSettings, _ family: IPAddress.Family) -> Int {
        let blocks = inventory.addressPools.flatMap(\.blocks).filter { $0.family == family }
        let limit: UInt128 = 4096
        let addresses = blocks.reduce(UInt128(0)) { min(limit, $0 + min(limit, $1.last.bits - $1.first.bits + 1)) }
        return max(1, Int(addresses) + (bgp.announcesPods ? 1 : 0))
    }
}

extension IPAddress.Family {
    /// How FRR begins a prefix list.
    fileprivate var keyword: String { self == .ipv4 ? "ip" : "ipv6" }
    /// How FRR and Cilium call the address family.
    public var afi: String { self == .ipv4 ? "ipv4" : "ipv6" }
}

extension CiliumValues {
    /// The length of the range of pods that one node gets, with what the inventory says of it.
    public func poolMask(_ family: IPAddress.Family) -> Int? {
        let key = family == .ipv4 ? "clusterPoolIPv4MaskSize" : "clusterPoolIPv6MaskSize"
        if case .int(let mask) = values[["ipam", "operator", key]] { return mask }
        return nil
    }
}
