/// A rescue path is another way than the one that may be cut, and leads to one node.
enum OutOfBandCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        var first: [RescuePath: String] = [:]
        for node in draft.nodes {
            guard let rescue = node.profile.outOfBand.rescue else { continue }
            let place = draft.place(node.mark(of: "outOfBand"))
            if let detour = noDetour(rescue, of: node) {
                findings.addOnce(NodeProblem.outOfBandIsNoDetour(node.name, detour), at: place)
            }
            // Who logs in there, and what proves it, makes no other machine of it.
            let way = RescuePath(address: rescue.address, port: rescue.port, proxy: rescue.proxy)
            guard let other = first.updateValue(node.name, forKey: way) else { continue }
            findings.addOnce(NodeProblem.sharedOutOfBand(node: node.name, other: other), at: place)
        }
    }

    /// Where the path is the node's own way after all.
    private static func noDetour(_ rescue: RescuePath, of node: DraftNode) -> NodeProblem.NoDetour? {
        let own = node.addresses.map(\.value.description) + [node.settings.ssh.host].compactMap(\.self)
        func isOwn(_ host: String) -> Bool { own.contains(IPAddress(host)?.description ?? host) }
        if isOwn(rescue.address) { return .ownAddress(rescue.address) }
        return rescue.jumpHosts.first { $0.host == node.name || isOwn($0.host) }.map { .throughItself($0.host) }
    }
}
