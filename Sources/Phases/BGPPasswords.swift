import Engine
import Inventory
import Rendering

/// Gives Cilium the passwords of its sessions. A router changes its own end first, behind its guard, while this phase runs:
/// the nodes' end follows when the sessions have fallen, and the router is confirmed when they are there again. A router
/// that is taken back after that takes this phase back with it.
public struct BGPPasswords: Phase {
    public let id: PhaseID = "bgp-passwords"
    public let title = "Passwords of the BGP sessions, on the nodes"
    public var nodes: [NodeName] { inventory.bgp == nil ? [] : [BGPPasswords.speaker(inventory)] }
    public let standsWith: PhaseID? = "routers"
    private let inventory: Inventory

    public init(_ inventory: Inventory) { self.inventory = inventory }

    /// A node that can change the cluster, and sees sessions fall; where no such node speaks BGP, nothing is waited for.
    static func speaker(_ inventory: Inventory) -> NodeName {
        let speakers = Set(inventory.bgpNodes.map(\.id))
        let cluster = Cluster(inventory)
        return ([cluster.reference] + cluster.controlPlane).first { speakers.contains($0) } ?? cluster.reference
    }

    /// Where a control plane node has the passwords that it compares with.
    static let folder = "\(K3sPaths.state)/bgp"

    /// The Secret, in the namespace that Cilium's agents may read for that.
    static func secretName(_ router: String) -> String { "clusterctl-bgp-\(router)" }

    public func needs(_ node: NodeName) -> [Probe] {
        RouterQuestion.changed(inventory).allSatisfy(\.neighbors.isEmpty) ? [] : [differing]
    }

    /// What an earlier run began at a router is not decided yet: it stands or goes with that.
    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let undecided = RouterQuestion.changed(inventory).map(\.name).filter { router in
            switch facts[router, .guardState].map({ GuardState(line: $0.output) }) {
            case .armed, .held, .firing: true
            default: false
            }
        }
        guard let router = undecided.first else { return .satisfied }
        return .pending("\(router) has not confirmed what an earlier run has changed there")
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard let bgp = inventory.bgp else { return [] }
        let command = Command(
            name: "give Cilium the passwords, each when its router has it", arguments: script("follow"),
            unless: script("done"), timeoutSeconds: patience + 60)
        return bgp.peers.compactMap(BGPPasswords.file)
            + [Step(.command(command), because: "a session needs the same password at both ends")]
    }

    public func undo(_ node: NodeName) -> Undo {
        let command = Command(
            name: "give Cilium the earlier passwords of routers that have gone back", arguments: script("back"),
            timeoutSeconds: 120)
        return .steps([Step(.command(command), because: "a router that has the earlier one would be alone with it")])
    }

    /// Where sessions are set up at both ends, and both have another password than the inventory, one end alone would
    /// wait for the other in vain.
    public func ties(_ node: NodeName, _ facts: Facts) -> [Tie] {
        RouterQuestion.changed(inventory).compactMap { router in
            guard let peer = router.peer, changesPassword(of: peer, node, facts), router.changesPassword(facts),
                router.hasNeighbors(facts),
                BGPQuestion.hasSessions(facts[node, BGPQuestion.peers], with: peer.addresses) != false
            else { return nil }
            return Tie(
                router.name,
                why: "the password of the BGP sessions with peer \(peer.router) changes, which its two ends do "
                    + "together: the router \(router.name), and \(node), which gives it to the nodes")
        }
    }
}

extension BGPPasswords {
    /// The routers that the nodes' end lacks something of, a line each.
    private var differing: Probe { .command(script("differ")) }

    /// The routers have all of their time, one after the other.
    private var patience: Int {
        let changed = inventory.routers.count { $0.management == .full }
        return inventory.deadlines.bgp.wholeSeconds * max(1, changed) + 30
    }

    private func script(_ verb: String) -> [String] {
        let speaker = BGPPasswords.speaker(inventory)
        let seesSessions = inventory.bgpNodes.contains { $0.id == speaker }
        let peers = (inventory.bgp?.peers ?? []).flatMap { peer in
            let addresses = peer.addresses.map(\.description).joined(separator: ",")
            let isChanged = inventory.routers.contains { $0.name == peer.router && $0.management == .full }
            let isSeen = seesSessions && isChanged && !addresses.isEmpty
            return [peer.router, peer.password == nil ? "none" : "has", isSeen ? addresses : "-"]
        }
        let namespace = CiliumValues(inventory).bgpSecretsNamespace
        return Script.arguments(.bgpPasswords, [verb, namespace, BGPPasswords.folder, String(patience)] + peers)
    }

    private static func file(_ peer: BGPSettings.Peer) -> Step? {
        ProvidedSecret.bgpPassword(peer).map {
            Step(
                .file(path: "\(folder)/\(peer.router).password", content: .secret($0.source), mode: .privateFile),
                because: "what the cluster has is compared with it, and is in no command line then")
        }
    }

    private func changesPassword(of peer: BGPSettings.Peer, _ node: NodeName, _ facts: Facts) -> Bool {
        if let file = BGPPasswords.file(peer), case .differs = facts[node, file] { return true }
        return facts[node, differing]?.lines.contains { $0 == peer.router } ?? false
    }
}

/// Takes passwords of sessions off control plane nodes that have no more use for them: which node gives Cilium the passwords
/// may change, and what was before a change is kept until both ends have changed.
public struct BGPPasswordFiles: Phase {
    public let id: PhaseID = "bgp-password-files"
    public let title = "Passwords of BGP sessions that a node has no more use for"
    public let nodes: [NodeName]
    private let inventory: Inventory

    /// - Parameter nodes: nil: every control plane node.
    init(_ inventory: Inventory, on nodes: [NodeName]? = nil) {
        self.inventory = inventory
        self.nodes = nodes ?? Cluster(inventory).controlPlane
    }

    public func apply(_ node: NodeName) -> [Step] {
        let peers = node == BGPPasswords.speaker(inventory) ? inventory.bgp?.peers ?? [] : []
        let words = [BGPPasswords.folder] + peers.filter { $0.password != nil }.map(\.router)
        let command = Command(
            name: "remove passwords of BGP sessions that nothing is compared with",
            arguments: Script.arguments(.bgpPasswordFiles, ["remove"] + words),
            unless: Script.arguments(.bgpPasswordFiles, ["none"] + words))
        return [Step(.command(command), because: "a password is nowhere longer than it is needed")]
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "nobody needs what it removes") }
}
