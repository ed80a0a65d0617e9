import Engine
import Foundation
import Inventory
import Rendering

/// Whether a node has its BGP sessions, asked of its Cilium agent.
struct BGPQuestion: Sendable {
    static let peers = Probe.command(Script.arguments(.ciliumDbg, ["bgp", "peers", "-o", "json"]))

    /// The addresses that this node has sessions with.
    private let expected: [(address: IPAddress, peer: BGPSettings.Peer)]
    private let announcesPods: Bool

    /// The part of `cilium-dbg bgp peers -o json` that counts (Cilium api/v1/models, BgpPeer).
    private struct Peer: Decodable {
        struct Family: Decodable {
            let afi: String?
            let advertised: Int?
        }
        let address: String?
        let state: String?
        let families: [Family]?

        enum CodingKeys: String, CodingKey {
            case address = "peer-address"
            case state = "session-state"
            case families
        }
    }

    /// Nil where the inventory has no BGP, or no router that this node could reach.
    init?(_ inventory: Inventory, _ node: Node) {
        guard let bgp = inventory.bgp else { return nil }
        let families = node.addresses.map(\.family)
        expected = bgp.peers.flatMap { peer in
            peer.addresses.filter { families.contains($0.family) }.map { ($0, peer) }
        }
        announcesPods = bgp.announcesPods
        if expected.isEmpty { return nil }
    }

    /// Each router once, with the addresses that this node speaks to.
    var routers: String {
        let names = expected.map(\.peer.router).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        return names.map { name in
            let addresses = expected.filter { $0.peer.router == name }.map(\.address.description)
            return "\(name) (\(addresses.joined(separator: ", ")))"
        }.joined(separator: " and ")
    }

    func verdict(_ answer: Answer?) -> Verdict {
        guard let answer else { return .waiting("nobody has said yet which BGP sessions there are") }
        guard answer.succeeded else { return .waiting("Cilium does not tell its BGP sessions: \(answer.reason)") }
        guard let peers = BGPQuestion.peers(answer) else {
            return .waiting("the BGP sessions of Cilium cannot be read: \(answer.reason)")
        }
        return .all(expected.map { verdict($0.address, $0.peer, peers) })
    }

    private static func peers(_ answer: Answer) -> [Peer]? {
        // `null` where the agent has none at all.
        try? JSONDecoder().decode([Peer]?.self, from: Data(answer.output.utf8)) ?? []
    }

    /// Whether the node has sessions with one of these addresses, in whatever state; nil where it does not tell.
    static func hasSessions(_ answer: Answer?, with addresses: [IPAddress]) -> Bool? {
        guard let answer, answer.succeeded, let peers = peers(answer) else { return nil }
        return peers.contains { $0.address.flatMap { IPAddress($0) }.map(addresses.contains) ?? false }
    }

    private func verdict(_ address: IPAddress, _ wanted: BGPSettings.Peer, _ peers: [Peer]) -> Verdict {
        let router = wanted.router
        guard let peer = peers.first(where: { $0.address.flatMap { IPAddress($0) } == address }) else {
            return .waiting("Cilium has not taken up \(router) (\(address)) as a peer yet")
        }
        guard peer.state == "established" else {
            return .waiting("the session with \(router) (\(address)) is \(peer.state ?? "in no state")\(wanted.hint)")
        }
        let family = peer.families?.first { $0.afi == address.family.afi }
        guard !announcesPods || (family?.advertised ?? 0) > 0 else {
            return .waiting("the session with \(router) (\(address)) is established, but announces no range of pods")
        }
        return .holds
    }
}

extension BGPSettings.Peer? {
    /// TCP drops what another password signed, so that neither end has a word for it.
    var hint: String { self?.password == nil ? "" : ", as it is where its ends have different passwords" }
}

extension BGPSettings.Peer {
    var hint: String { Optional(self).hint }
}

/// Whether Cilium gives out the addresses of all pools of the inventory; it gives none of a pool that is in conflict.
enum PoolsQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "ciliumloadbalancerippools.cilium.io", "-l", BGPObjects.ownLabel, "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.name}{"\t"}"#
                + #"{.status.conditions[?(@.type=="cilium.io/PoolConflict")].status}{"\t"}"#
                + #"{.status.conditions[?(@.type=="cilium.io/PoolConflict")].message}{"\n"}{end}"#,
        ])

    static func verdict(_ answer: Answer?) -> Verdict {
        guard let answer, answer.succeeded else {
            return .waiting("the cluster cannot be asked for its pools\(answer.map { ": " + $0.reason } ?? " yet")")
        }
        for line in answer.lines {
            let columns = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
            guard columns.count == 3 else { continue }
            if columns[1] == "True" { return .waiting("pool \(columns[0]) is in conflict: \(columns[2].prefix(300))") }
            if columns[1] != "False" { return .waiting("Cilium has not taken up pool \(columns[0]) yet") }
        }
        return .holds
    }
}
