import Engine
import Inventory

/// What a node's own links say of the addresses, the segment and the VLANs that the inventory has.
extension Preflight {
    func networkProblems(_ name: NodeName, _ host: HostFacts, _ facts: Facts) -> [Problem] {
        let node = cluster[name]
        return addressProblems(node, host) + segmentProblems(node, host)
            + NodeVLANs(node, cluster.inventory, host, facts).problems
    }

    // MARK: The node's addresses

    /// K3s ends where `node-ip` is no address of the machine, such as one that only a translating router has.
    private func addressProblems(_ node: Node, _ host: HostFacts) -> [Problem] {
        let found = host.addresses.compactMap { NodeAddress($0) }
        guard !found.isEmpty else { return [] }
        // What the phase `interfaces` is about to set need not be there yet.
        let coming = node.management == .full ? (node.interfaces ?? []).flatMap(\.addresses).map(\.address) : []
        let missing = node.addresses.filter { wanted in
            !coming.contains(wanted) && !found.contains { $0.address == wanted }
        }
        return missing.map { wanted in
            let choice = choice(wanted.family, node, host, found)
            let address = choice.map { "'\($0.address)', which \($0.link) has" } ?? "one that it has"
            return Problem(
                "none of its links has the address \(wanted), by which other nodes would look for it",
                fix:
                    "write \(address), as its 'address', and 'ssh: {host: \(node.ssh.host ?? wanted.description)}' where "
                    + "that is the way in")
        }
    }

    /// An address in the endpoint's subnet, else one on a link with a default route; the same one each time. That is
    /// OpenShift's rule (openshift/baremetal-runtimecfg, pkg/utils/addresses_linux.go), with an order where it has none.
    private func choice(
        _ family: IPAddress.Family, _ node: Node, _ host: HostFacts, _ found: [NodeAddress]
    ) -> NodeAddress? {
        let inventory = cluster.inventory
        let endpoint = IPAddress(inventory.endpoint.host)
        let fit = found.filter { candidate in
            candidate.address.family == family && candidate.address != endpoint
                && !inventory.network.pods.contains { $0.contains(candidate.address) }
                && !node.profile.excludes(candidate.link)
        }.sorted { ($0.address.bits, $0.link) < ($1.address.bits, $1.link) }
        if let endpoint, let near = fit.first(where: { $0.subnet.contains(endpoint) }) { return near }
        return host.defaultLinks.lazy.compactMap { link in fit.first { $0.link == link } }.first
    }

    // MARK: The nodes' segment

    /// Cilium sets no direct route to a node that is behind a router (pkg/datapath/linux/node.go).
    private func segmentProblems(_ node: Node, _ host: HostFacts) -> [Problem] {
        let datapath = cluster.inventory.network.datapath
        guard datapath.routing == .native, datapath.directRoutes, !cluster.inventory.podsAreRoutedByOthers else {
            return []
        }
        let found = host.addresses.compactMap { NodeAddress($0) }
        return node.addresses.compactMap { own in
            guard let subnet = found.first(where: { $0.address == own })?.subnet,
                subnet.prefixLength < own.family.width
            else { return nil }
            let others = cluster.inventory.nodes.flatMap { other in
                other.addresses.filter { $0.family == own.family && !subnet.contains($0) }.map { (other.name, $0) }
            }
            guard let (name, address) = others.first else { return nil }
            let more = others.count > 1 ? " and \(others.count - 1) more are" : " is"
            return Problem(
                "\(name) (\(address))\(more) not in its subnet \(subnet), and nobody else routes their pods",
                fix: "announce pods ('bgp: {announce: {pods: true}}'), or write 'routing: tunnel'")
        }
    }
}

/// An address of a node with its subnet, as values.
private struct NodeAddress {
    let link: String
    let address: IPAddress
    let subnet: CIDR

    init?(_ fact: HostFacts.Address) {
        let parts = fact.prefix.split(separator: "/")
        guard let address = parts.first.flatMap({ IPAddress(String($0)) }) else { return nil }
        let length = parts.count == 2 ? Int(parts[1]) : address.family.width
        guard let length, (0...address.family.width).contains(length) else { return nil }
        link = fact.interface
        self.address = address
        subnet = CIDR(containing: address, prefixLength: length)
    }
}

extension Profile {
    /// Whether Cilium must leave this link alone.
    func excludes(_ link: String) -> Bool {
        excludedDevices.contains { $0.hasSuffix("+") ? link.hasPrefix($0.dropLast()) : link == $0 }
    }
}
