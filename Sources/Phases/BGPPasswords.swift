import Engine
import Inventory
import Rendering

/// Gives Cilium the passwords of its sessions. A router changes its own end first, behind its guard, while this phase runs:
/// the nodes' end follows when the sessions have fallen, and the router is confirmed when they are there again.
public struct BGPPasswords: Phase {
    public let id: PhaseID = "bgp-passwords"
    public let title = "Passwords of the BGP sessions, on the nodes"
    public var nodes: [NodeName] { inventory.bgp == nil ? [] : [BGPPasswords.speaker(inventory)] }
    private let inventory: Inventory

    public init(_ inventory: Inventory) { self.inventory = inventory }

    /// A node that can change the cluster, and sees sessions fall; where no such node speaks BGP, nothing is waited for.
    static func speaker(_ inventory: Inventory) -> NodeName {
        let speakers = Set(inventory.bgpNodes.map(\.id))
        return ([inventory.primary] + inventory.controlPlane).map(\.id).first { speakers.contains($0) }
            ?? inventory.primary.id
    }

    /// The Secret, in the namespace that Cilium's agents may read for that.
    static func secretName(_ router: String) -> String { "clusterctl-bgp-\(router)" }

    public func apply(_ node: NodeName) -> [Step] {
        guard let bgp = inventory.bgp else { return [] }
        let folder = "\(K3sPaths.state)/bgp"
        let files = bgp.peers.compactMap { peer in
            ProvidedSecret.bgpPassword(peer).map {
                Step(
                    .file(
                        path: "\(folder)/\(peer.router).password", content: .secret($0.source), mode: .privateFile),
                    because: "what the cluster has is compared with it, and is in no command line then")
            }
        }
        let changed = inventory.routers.filter { $0.management == .full }
        // All routers that are changed before it may take their time.
        let seconds = inventory.deadlines.bgp.wholeSeconds * max(1, changed.count) + 30
        let words =
            [CiliumValues(inventory).bgpSecretsNamespace, folder, String(seconds)]
            + bgp.peers.flatMap { peer in
                let addresses = peer.addresses.map(\.description).joined(separator: ",")
                let isChanged = changed.contains { $0.name == peer.router } && !addresses.isEmpty
                return [peer.router, peer.password == nil ? "none" : "has", isChanged ? addresses : "-"]
            }
        let command = Command(
            name: "give Cilium the passwords, each when its router has it",
            arguments: Script.arguments(.bgpPasswords, ["follow"] + words),
            unless: Script.arguments(.bgpPasswords, ["done"] + words), timeoutSeconds: seconds + 60)
        return files + [Step(.command(command), because: "a session needs the same password at both ends")]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(
            because: "a router with the new password would be alone with it; one that is taken back after this is brought "
                + "together with the nodes by the next run")
    }
}
