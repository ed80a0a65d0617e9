import Engine
import Foundation
import Inventory
import Rendering

/// What a router's FRR says of the cluster's part of it.
struct RouterQuestion: Sendable {
    let router: Router
    private let inventory: Inventory
    let peer: BGPSettings.Peer?
    /// The nodes that have a session with this router, and the address of theirs that it is with.
    let neighbors: [(node: String, address: IPAddress)]

    static let summary = Probe.command(["vtysh", "-c", "show bgp summary json"])

    init(_ inventory: Inventory, _ router: Router) {
        self.inventory = inventory
        self.router = router
        let peer = inventory.bgp?.peers.first { $0.router == router.name }
        self.peer = peer
        let families = peer?.addresses.map(\.family) ?? []
        neighbors = families.flatMap { family in
            inventory.bgpNodes.compactMap { node in
                node.addresses.first { $0.family == family }.map { (node.name, $0) }
            }
        }
    }

    var name: NodeName { NodeName(router.name) }

    // MARK: Before a change

    /// Why FRR there cannot take the cluster's part, a line a reason.
    var refusal: Probe {
        .command(
            Script.arguments(
                .frr, ["refusal", inventory.name, String(router.asn)] + neighbors.map(\.address.description)))
    }

    func problems(_ answer: Answer?) -> [Problem] {
        guard let answer, answer.succeeded else {
            return [
                Problem(
                    "FRR cannot be asked\(answer.map { ": " + $0.reason } ?? "")",
                    fix: "log in to \(router.name) and try 'vtysh -c \"show running-config\"'")
            ]
        }
        return answer.lines.map { Problem(String($0), fix: fix(String($0))) }
    }

    private func fix(_ reason: String) -> String {
        if reason.hasPrefix("FRR") {
            return switch router.platform {
            case .unifi: "switch BGP on in UniFi Network, Settings > Routing > BGP; FRR comes with it"
            case .linuxFRR: "install frr, write 'bgpd=yes' into /etc/frr/daemons, and restart it"
            case .freeBSDFRR: "install net/frr10, set frr_enable=YES and frr_daemons=\"zebra bgpd\", and start it"
            }
        }
        return reason.hasPrefix("neighbor")
            ? "take it out by hand, or leave that node out with 'bgp.nodes'"
            : "give 'routers.\(router.name)' the ASN that the router has, or change it there by hand"
    }

    /// The commands that a change would consist of.
    var difference: Probe { probe("difference") }
    /// What FRR would not start with after a reboot.
    var unsaved: Probe { probe("unsaved") }

    /// By lines, because the file need not be on the router.
    private func probe(_ verb: String) -> Probe {
        let text = RouterConfiguration(inventory, router)?.text ?? ""
        var lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("!") }.map(String.init)
        // A file that is left from before nobody keeps up to date: such a router is asked whether it has a password.
        if router.management != .full {
            let path = RouterConfiguration.passwordPath(inventory, router)
            lines = lines.map { $0.hasSuffix(" from \(path)") ? $0.replacing(path, with: "/dev/null") : $0 }
        }
        return .command(Script.arguments(.frr, [verb, inventory.name] + lines))
    }

    /// The file with the password of its sessions; nil where they have none.
    var password: Step? {
        ProvidedSecret.bgpPassword(peer).map {
            Step(
                .file(
                    path: RouterConfiguration.passwordPath(inventory, router), content: .secret($0.source),
                    mode: .privateFile),
                because: "FRR takes it from there, and what runs is compared with it")
        }
    }

    /// The file with the password of its sessions, or that there is none.
    var passwordFile: Step {
        password
            ?? Step(
                .absent(path: RouterConfiguration.passwordPath(inventory, router)),
                because: "the sessions have no password")
    }

    /// Whether the router, or the file that it takes it from, has another password than the inventory.
    func changesPassword(_ facts: Facts) -> Bool {
        if case .differs = facts[name, passwordFile] { return true }
        return facts[name, difference]?.lines.contains { $0.hasSuffix(" password (secret)") } ?? false
    }

    // MARK: Sessions

    /// The part of `show bgp summary json` that counts (frr bgpd/bgp_vty.c).
    private struct Family: Decodable {
        let peers: [String: Peer]?
    }

    struct Peer: Decodable, Sendable, Equatable {
        let state: String?
        /// Prefixes that came through the filters.
        let pfxRcd: Int?
    }

    /// Nil where FRR does not tell; by address.
    static func peers(_ answer: Answer?) -> [IPAddress: Peer]? {
        guard let answer, answer.succeeded,
            let families = try? JSONDecoder().decode([String: Family].self, from: Data(answer.output.utf8))
        else { return nil }
        var found: [IPAddress: Peer] = [:]
        for (afi, family) in families {
            for (text, peer) in family.peers ?? [:] {
                guard let address = IPAddress(text), afi == address.family.afi + "Unicast" else { continue }
                found[address] = peer
            }
        }
        return found
    }

    /// Whether sessions with the nodes are set up there, in whatever state; also where FRR does not tell.
    func hasNeighbors(_ facts: Facts) -> Bool {
        guard let peers = RouterQuestion.peers(facts[name, RouterQuestion.summary]) else { return !neighbors.isEmpty }
        return neighbors.contains { peers[$0.address] != nil }
    }

    /// Every session of both families, and in each of them prefixes where nodes announce their pods.
    func verdicts(_ answer: Answer?) -> [Verdict] {
        guard let peers = RouterQuestion.peers(answer) else {
            return [.waiting("FRR does not tell its sessions\(answer.map { ": " + $0.reason } ?? " yet")")]
        }
        return neighbors.map { neighbor in
            let session = "the session with \(neighbor.node) (\(neighbor.address))"
            guard let peer = peers[neighbor.address] else { return .waiting("\(session) is not configured there") }
            guard peer.state == "Established" else {
                return .waiting("\(session) is \(peer.state ?? "in no state")\(self.peer.hint)")
            }
            guard inventory.bgp?.announcesPods != true || (peer.pfxRcd ?? 0) > 0 else {
                return .waiting("\(session) is established, but no range of pods came through the filters")
            }
            return .holds
        }
    }

    // MARK: Routes

    /// The part of `show ip route PREFIX json` that counts (frr zebra/zebra_vty.c).
    private struct Route: Decodable {
        struct NextHop: Decodable {
            let ip: String?
            let fib: Bool?
        }
        let installed: Bool?
        let nexthops: [NextHop]?
    }

    static func route(to address: IPAddress) -> Probe {
        let family = address.family == .ipv4 ? "ip" : "ipv6"
        return .command(["vtysh", "-c", "show \(family) route \(address)/\(address.family.width) json"])
    }

    /// Next hops in the router's kernel; FRR is not always built for more of them.
    static let nextHopsAtMost = 64

    /// Whether the address leads to every node that announces it.
    func verdict(_ answer: Answer?, routeTo address: IPAddress) -> Verdict {
        guard let answer, answer.succeeded,
            let routes = try? JSONDecoder().decode([String: [Route]].self, from: Data(answer.output.utf8))
        else {
            return .waiting(
                "FRR on \(router.name) does not tell its routes\(answer.map { ": " + $0.reason } ?? " yet")")
        }
        let wanted = neighbors.count { $0.address.family == address.family }
        let hops = (routes.values.joined().first { $0.installed == true }?.nexthops ?? []).count { $0.fib == true }
        guard hops < min(wanted, RouterQuestion.nextHopsAtMost) else { return .holds }
        return .waiting("\(router.name) has \(hops) of \(wanted) next hops for \(address)")
    }
}
