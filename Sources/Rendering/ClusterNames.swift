import Inventory

/// What the cluster's own names stand for, and the files by which CoreDNS and the nodes' resolvers learn it.
public struct ClusterNames: Sendable {
    public let settings: DNSSettings
    let inventory: Inventory

    /// Nil where the inventory has no `dns`.
    public init?(_ inventory: Inventory) {
        guard let dns = inventory.dns else { return nil }
        settings = dns
        self.inventory = inventory
    }

    /// The endpoint; where that is a name, or has none yet, the control plane nodes themselves.
    public var api: [IPAddress] {
        IPAddress(inventory.endpoint.host).map { [$0] } ?? inventory.controlPlane.flatMap(\.addresses)
    }

    /// Where CoreDNS answers: every address of every control plane node.
    public var servers: [IPAddress] { inventory.controlPlane.flatMap(\.addresses) }

    /// A name within the domain and one of its addresses.
    struct Record: Equatable {
        let name: String
        let address: IPAddress
        var type: String { address.family == .ipv4 ? "A" : "AAAA" }
    }

    var records: [Record] {
        DNSSettings.apiLabels.flatMap { name in api.map { Record(name: name, address: $0) } }
            + settings.apps.map { Record(name: "*.\(DNSSettings.appsLabel)", address: $0) }
            + inventory.nodes.flatMap { node in node.addresses.map { Record(name: node.name, address: $0) } }
    }

    /// The zone file (RFC 1035). CoreDNS looks at its serial to know whether it has changed (plugin/file/reload.go).
    public var zone: String { zone(serial: ClusterNames.serial(of: zone(serial: 0))) }

    private func zone(serial: UInt32) -> String {
        Template.zone.text([
            "domain": .text(settings.domain), "primary": .text(inventory.primary.name),
            "serial": .text(String(serial)), "servers": .list(inventory.controlPlane.map(\.name)),
            "records": .records(
                records.map { ["name": $0.name, "type": $0.type, "address": $0.address.description] }),
        ])
    }

    /// FNV-1a; nobody copies the zone, so that later need not be larger.
    static func serial(of text: String) -> UInt32 {
        text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }

    /// Bound to the node's own addresses: others listen at 127.0.0.53, and the endpoint comes and goes.
    public func corefile(_ node: Node) -> String {
        Template.corefile.text([
            "cluster": .text(inventory.name), "node": .text(node.name), "domain": .text(settings.domain),
            "addresses": .text(ClusterNames.joined(node.addresses)),
            "health": .text(DNSSettings.healthPort.description),
        ])
    }

    /// Nil where each node is asked for its own.
    public var upstreams: String? {
        guard !settings.upstreams.isEmpty else { return nil }
        return Template.upstreams.text(["addresses": .text(ClusterNames.joined(settings.upstreams))])
    }

    public func pod(configuration folder: String) -> String {
        Template.coreDNS.text(["image": .text(settings.image), "folder": .text(folder)])
    }

    /// Whom systemd-resolved asks: two of the control plane nodes, a node's own address first, and others for each node.
    ///
    /// It lists global servers before all others in /run/systemd/resolve/resolv.conf, which K3s gives to pods, and of
    /// which the kubelet takes three.
    public func resolvedServers(_ node: Node) -> [IPAddress] { Array(servers(for: node).prefix(2)) }

    public func resolved(_ node: Node) -> String {
        Template.resolvedHook.text([
            "cluster": .text(inventory.name), "domain": .text(settings.domain),
            "servers": .text(ClusterNames.joined(resolvedServers(node))),
        ])
    }

    public func dnsmasq(_ node: Node) -> String {
        Template.dnsmasqHook.text([
            "cluster": .text(inventory.name), "domain": .text(settings.domain),
            "servers": .list(servers(for: node).map(\.description)),
        ])
    }

    private func servers(for node: Node) -> [IPAddress] {
        let servers = inventory.controlPlane.map(\.address)
        let place = inventory.nodes.firstIndex { $0.name == node.name } ?? 0
        let first = servers.firstIndex(of: node.address) ?? place % servers.count
        return Array(servers[first...] + servers[..<first])
    }

    private static func joined(_ addresses: [IPAddress]) -> String {
        addresses.map(\.description).joined(separator: " ")
    }
}
