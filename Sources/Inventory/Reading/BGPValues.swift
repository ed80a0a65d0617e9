import OrderedCollections
import YAML

extension DraftRouter {
    init(_ entry: YAMLEntry, ssh base: SSHSettings, guardWindow: Duration?) {
        name = entry.key
        mark = entry.mark
        ssh = (entry.value["ssh"].map(SSHSettings.init) ?? SSHSettings()).over(base)
        management = entry.value["manage"]?.choice(Router.Management.self) ?? .full
        self.guardWindow = guardWindow
        platform = entry.value["platform"]?.choice(Router.Platform.self)
        addresses = entry.value["address"]?.oneOrMore.compactMap(\.address) ?? []
        asn = entry.value["asn"].flatMap { node in
            node.number.flatMap { UInt32(exactly: $0) }.map { Located(value: $0, mark: node.mark) }
        }
    }

    func router(_ directory: String) -> Router? {
        guard let platform, let asn, !addresses.isEmpty else { return nil }
        return Router(
            name: name, platform: platform, addresses: addresses.map(\.value), asn: asn.value,
            ssh: ssh.resolved(in: directory), management: management,
            guardWindow: guardWindow ?? GuardSettings().window)
    }
}

extension DraftPool {
    init(_ entry: YAMLEntry) {
        name = entry.key
        mark = entry.mark
        blocks =
            entry.value["blocks"]?.list?.compactMap { node in
                node.text(.addressBlock).flatMap { AddressBlock($0) }.map { Located(value: $0, mark: node.mark) }
            } ?? []
    }
}

extension Draft {
    /// With paths as they stand in the file.
    var bgpSettings: BGPSettings? {
        guard let node = root["bgp"], let asn = node["asn"]?.number.flatMap({ UInt32(exactly: $0) }) else { return nil }
        let announce = node["announce"]
        return BGPSettings(
            asn: asn, nodeLabels: node["nodes"]?.labels ?? [:], peers: bgpPeers,
            announcesPods: announce?["pods"]?.boolean ?? false,
            services: announce?["services"]?.oneOrMore.map(BGPSettings.Services.init) ?? [BGPSettings.Services()],
            communities: announce?["communities"]?.texts(.community) ?? [])
    }

    /// In the order of `bgp.peers`, else of `routers`; routers that are not there were reported.
    var bgpPeers: [BGPSettings.Peer] {
        guard let entries = root["bgp"]?["peers"]?.entries else { return routers.compactMap { peer($0, nil) } }
        return entries.compactMap { entry in
            routers.first { $0.name == entry.key }.flatMap { peer($0, entry.value) }
        }
    }

    private func peer(_ router: DraftRouter, _ node: YAMLNode?) -> BGPSettings.Peer? {
        guard let asn = router.asn else { return nil }
        let wanted = node?["families"]?.list?.compactMap { $0.scalar?.text }
        let addresses = router.addresses.map(\.value).filter {
            families.contains($0.family) && wanted?.contains($0.family.key) != false
        }
        var peer = BGPSettings.Peer(router: router.name, addresses: addresses, asn: asn.value)
        peer.holdTime = node?["holdTime"]?.duration ?? peer.holdTime
        peer.keepAlive = node?["keepAlive"]?.duration ?? peer.keepAlive
        peer.connectRetry = node?["connectRetry"]?.duration ?? peer.connectRetry
        peer.gracefulRestart = node?["gracefulRestart"]?.duration
        peer.multihop = node?["multihop"]?.number
        peer.import = node?["import"]?.choice(BGPSettings.Peer.Import.self) ?? peer.import
        peer.password = node?["password"]?.secretReference(in: ".")
        return peer
    }

    var loadBalancerPools: [LoadBalancerPool] {
        pools.map { pool in
            let node = root["loadBalancerPools"]?[pool.name]
            return LoadBalancerPool(
                name: pool.name, blocks: pool.blocks.map(\.value),
                givesFirstAndLast: node?["allowFirstLastIPs"]?.boolean ?? true, labels: node?["labels"]?.labels ?? [:])
        }
    }
}

extension BGPSettings {
    /// With paths that count from the folder of the inventory.
    func resolved(in directory: String) -> BGPSettings {
        var result = self
        for index in peers.indices { result.peers[index].password = peers[index].password?.resolved(in: directory) }
        return result
    }
}

extension BGPSettings.Services {
    init(_ node: YAMLNode) {
        self.init(labels: node["labels"]?.labels ?? [:])
        if let addresses = node["addresses"]?.list { self.addresses = addresses.compactMap { $0.choice(Address.self) } }
    }
}
