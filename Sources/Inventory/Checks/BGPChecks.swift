import YAML

/// Routers are machines of their own that nodes can reach.
enum RouterCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        var owners: [IPAddress: String] = [:]
        for node in draft.nodes {
            for address in node.addresses { owners[address.value] = "node '\(node.name)'" }
        }
        switch draft.endpoint {
        case .kubeVip(let vip, _), .keepalived(let vip, _, _), .ciliumBgp(let vip): owners[vip] = "the endpoint"
        case .dns, nil: break
        }
        for router in draft.routers {
            if let node = draft.nodes.first(where: { $0.name == router.name }) {
                let problem = NodeProblem.duplicateNode(router.name, first: draft.place(node.mark))
                findings.add(problem, at: draft.place(router.mark))
            }
            let families = router.addresses.map(\.value.family)
            if families.count > Set(families).count {
                let problem = BGPProblem.routerFamilies(router: router.name, families)
                findings.add(problem, at: draft.place(router.addresses[1].mark))
            }
            for address in router.addresses {
                let place = draft.place(address.mark)
                if let what = AddressCheck.unusable(address.value) {
                    findings.add(
                        BGPProblem.routerUnusable(router: router.name, address.value, what: what), at: place)
                }
                if let other = owners.updateValue("router '\(router.name)'", forKey: address.value) {
                    let problem = BGPProblem.routerHasAddressOf(
                        router: router.name, address.value, other: other)
                    findings.add(problem, at: place)
                }
            }
        }
    }
}

/// Every session has two ends, and both keep the same time.
enum BGPCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        checkValues(draft, &findings)
        guard let bgp = draft.root["bgp"], bgp.entries != nil else { return }
        if draft.bgpNodes.isEmpty, !draft.nodes.isEmpty, let nodes = bgp["nodes"] {
            findings.add(BGPProblem.withoutNode, at: draft.place(nodes.mark))
        }
        let peers = bgp["peers"]?.entries
        if peers?.isEmpty == true || peers == nil && draft.root["routers"]?.entries?.isEmpty != false {
            findings.add(BGPProblem.withoutPeer, at: draft.place(bgp["peers"]?.mark ?? bgp.mark))
        }
        for entry in peers ?? [] where !draft.routers.contains(where: { $0.name == entry.key }) {
            let nearest = Nearest.match(entry.key, in: draft.routers.map(\.name))
            findings.add(BGPProblem.unknownRouter(entry.key, nearest: nearest), at: draft.place(entry.mark))
        }
        for peer in draft.bgpPeers {
            guard let router = draft.routers.first(where: { $0.name == peer.router }) else { continue }
            let entry = peers?.first { $0.key == peer.router }
            check(peer, of: router, at: draft.place(entry?.mark ?? router.mark), draft, entry?.value, &findings)
        }
    }

    /// What Cilium needs for it must not be switched off beside it.
    private static func checkValues(_ draft: Draft, _ findings: inout Findings) {
        var needed: [(key: String, by: String)] = []
        if draft.root["bgp"]?.entries != nil || !draft.pools.isEmpty {
            needed.append(("bgpControlPlane", "'bgp' and pools"))
        }
        if case .ciliumBgp = draft.endpoint { needed.append(("envoyConfig", "an endpoint that is announced")) }
        for (key, user) in needed {
            guard let value = draft.ciliumValues?[key]?["enabled"], value.boolean != true else { continue }
            let problem = CiliumProblem.ownedValue(
                path: "\(key).enabled", why: "\(user) cannot do without it", instead: "leave it out")
            findings.add(problem, at: draft.place(value.mark))
        }
    }

    private static func check(
        _ peer: BGPSettings.Peer, of router: DraftRouter, at place: SourcePlace, _ draft: Draft, _ node: YAMLNode?,
        _ findings: inout Findings
    ) {
        let found = router.addresses.map(\.value.family)
        if let families = node?["families"]?.list {
            for family in families {
                let key = family.scalar?.text ?? ""
                guard let wanted = IPAddress.Family.allCases.first(where: { $0.key == key }), !found.isEmpty,
                    !peer.addresses.contains(where: { $0.family == wanted })
                else { continue }
                let problem = BGPProblem.routerWithoutFamily(router: peer.router, wanted: wanted.rawValue, found: found)
                findings.add(problem, at: draft.place(family.mark))
            }
        } else if peer.addresses.isEmpty, !found.isEmpty, !draft.families.isEmpty {
            let problem = BGPProblem.routerWithoutFamily(
                router: peer.router, wanted: draft.families.text, found: found)
            findings.add(problem, at: place)
        }
        if peer.keepAlive * 3 > peer.holdTime {
            let mark = (node?["keepAlive"] ?? node?["holdTime"])?.mark
            let problem = BGPProblem.timers(keepAlive: peer.keepAlive, holdTime: peer.holdTime)
            findings.add(problem, at: mark.map(draft.place) ?? place)
        }
        if let restart = peer.gracefulRestart, restart > peer.holdTime, let mark = node?["gracefulRestart"]?.mark {
            let problem = BGPProblem.staleRoutes(router: peer.router, holdTime: peer.holdTime, restart: restart)
            findings.add(problem, at: draft.place(mark))
        }
        if let asn = router.asn, asn.value == draft.root["bgp"]?["asn"]?.number.flatMap({ UInt32(exactly: $0) }) {
            findings.add(BGPProblem.sameASN(router: peer.router, asn.value), at: draft.place(asn.mark))
        }
    }
}

/// Pools have addresses that nobody else has, and that somebody announces.
enum PoolCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        let ranges =
            draft.pods.map { ("'network.pods'", AddressBlock.network($0.value)) }
            + draft.services.map { ("'network.services'", AddressBlock.network($0.value)) }
        var earlier = ranges
        for pool in draft.pools {
            for block in pool.blocks {
                let place = draft.place(block.mark)
                let name = "a block of pool '\(pool.name)'"
                if let (what, other) = earlier.first(where: { $0.1.overlaps(block.value) }) {
                    findings.add(BGPProblem.blocksOverlap(what, other, name, block.value), at: place)
                }
                earlier.append((name, block.value))
                if !draft.families.isEmpty, !draft.families.contains(block.value.family) {
                    findings.add(BGPProblem.poolFamily(pool: pool.name, block.value), at: place)
                }
                checkMachines(pool, block, draft, &findings)
            }
            checkAnnouncement(pool, draft, &findings)
        }
    }

    private static func checkMachines(
        _ pool: DraftPool, _ block: Located<AddressBlock>, _ draft: Draft, _ findings: inout Findings
    ) {
        let machines =
            draft.nodes.flatMap { node in node.addresses.map { ("node '\(node.name)'", $0.value) } }
            + draft.routers.flatMap { router in router.addresses.map { ("router '\(router.name)'", $0.value) } }
        if let (what, address) = machines.first(where: { block.value.contains($0.1) }) {
            let problem = BGPProblem.poolHasMachine(pool: pool.name, block.value, what: what, address)
            return findings.add(problem, at: draft.place(block.mark))
        }
        if let vip = draft.endpoint?.movedAddress, block.value.contains(vip) {
            let problem = BGPProblem.poolHasMachine(pool: pool.name, block.value, what: "the endpoint", vip)
            return findings.add(problem, at: draft.place(block.mark))
        }
        // The inventory does not know the subnets of nodes; these are the usual ones.
        let length = block.value.family == .ipv4 ? 24 : 64
        for node in draft.distinctNodes {
            for address in node.addresses where address.value.family == block.value.family {
                let subnet = CIDR(containing: address.value, prefixLength: length)
                guard AddressBlock.network(subnet).overlaps(block.value) else { continue }
                let problem = BGPProblem.poolInNodeSubnet(
                    pool: pool.name, block.value, node: node.name, subnet)
                return findings.add(problem, at: draft.place(block.mark))
            }
        }
    }

    /// A Service that the pool serves may have more labels than the pool asks for; it must be able to have those that
    /// an announcement asks for.
    private static func checkAnnouncement(_ pool: DraftPool, _ draft: Draft, _ findings: inout Findings) {
        let wanted = draft.root["loadBalancerPools"]?[pool.name]?["labels"]?.labels ?? [:]
        let isAnnounced = (draft.bgpSettings?.services ?? []).contains { services in
            services.addresses.contains(.loadBalancer)
                && services.labels.allSatisfy { wanted[$0.key] == nil || wanted[$0.key] == $0.value }
        }
        if !isAnnounced { findings.add(BGPProblem.poolNotAnnounced(pool: pool.name), at: draft.place(pool.mark)) }
    }
}

/// An endpoint that the nodes announce has somebody to announce it to, and is no neighbour of those who look for it.
enum AnnouncedEndpointCheck {
    static func run(_ address: IPAddress, _ draft: Draft, at place: SourcePlace, _ findings: inout Findings) {
        if !draft.bgpPeers.contains(where: { $0.addresses.contains { $0.family == address.family } })
            || draft.root["bgp"]?.entries == nil
        {
            findings.add(BGPProblem.endpointNotAnnounced(address), at: place)
        }
        if let choice = draft.root["cilium"]?["apiServer"],
            choice.choice(CiliumSettings.APIServer.self) == .endpoint
        {
            findings.add(BGPProblem.endpointNeedsItself, at: draft.place(choice.mark))
        }
        for pool in draft.loadBalancerPools where !pool.givesFirstAndLast {
            for case .network(let network) in pool.blocks
            where network.prefixLength < network.family.width - 1 && [network.base, network.last].contains(address) {
                findings.add(BGPProblem.endpointIsSpared(address, pool: pool.name), at: place)
            }
        }
        let length = address.family == .ipv4 ? 24 : 64
        for node in draft.nodes {
            for own in node.addresses where own.value.family == address.family {
                let subnet = CIDR(containing: own.value, prefixLength: length)
                guard subnet.contains(address) else { continue }
                let problem = BGPProblem.endpointInNodeSubnet(address, node: node.name, subnet)
                return findings.add(problem, at: place)
            }
        }
    }
}
