import YAML

/// Packets of pods find their way: to other nodes, out of the cluster, and back.
enum DatapathCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        checkRoutes(draft, &findings)
        checkMasquerade(draft, &findings)
        checkLoadBalancer(draft, &findings)
        if draft.datapath.answersNeighbors, !draft.families.isEmpty, !draft.families.contains(.ipv6) {
            findings.add(DatapathProblem.ndpWithoutIPv6, at: place("ndp", draft))
        }
    }

    private static func place(_ key: String, _ draft: Draft) -> SourcePlace {
        let network = draft.root["network"]
        return draft.place((network?[key] ?? network ?? draft.root).mark)
    }

    // MARK: From node to node

    private static func checkRoutes(_ draft: Draft, _ findings: inout Findings) {
        let datapath = draft.datapath
        guard datapath.routing == .native else {
            if datapath.directRoutes {
                findings.add(DatapathProblem.directRoutesOverTunnel, at: place("directRoutes", draft))
            }
            return
        }
        guard draft.nodes.count > 1, let family = draft.families.first(where: { !draft.podsAreRoutedByOthers($0) })
        else { return }
        if !datapath.directRoutes {
            return findings.add(
                DatapathProblem.podsNotRouted(family, silent: silent(draft)), at: place("directRoutes", draft))
        }
        if let (first, other) = apart(draft, family) {
            let problem = DatapathProblem.directRoutesAcrossSubnets(
                first.name, first.address, other.name, other.address)
            findings.add(
                problem, at: place(draft.root["network"]?["directRoutes"] == nil ? "routing" : "directRoutes", draft))
        }
    }

    /// A node that does not announce its pods although the cluster does.
    private static func silent(_ draft: Draft) -> String? {
        guard draft.bgpSettings?.announcesPods == true else { return nil }
        let speaking = Set(draft.bgpNodes.map(\.name))
        return draft.nodes.first { !speaking.contains($0.name) }?.name
    }

    /// Two nodes that are likely on different links. The inventory does not know their subnets; these are the usual ones.
    private static func apart(
        _ draft: Draft, _ family: IPAddress.Family
    ) -> (first: (name: String, address: IPAddress), other: (name: String, address: IPAddress))? {
        let addresses = draft.nodes.compactMap { node in
            node.addresses.first { $0.value.family == family }.map { (name: node.name, address: $0.value) }
        }
        guard let first = addresses.first else { return nil }
        let subnet = CIDR(containing: first.address, prefixLength: family == .ipv4 ? 24 : 64)
        return addresses.first { !subnet.contains($0.address) }.map { (first, $0) }
    }

    // MARK: Out and back

    private static func checkMasquerade(_ draft: Draft, _ findings: inout Findings) {
        let datapath = draft.datapath
        for family in draft.families where !datapath.masqueraded.contains(family) {
            guard !draft.podsAreRoutedByOthers(family) else { continue }
            let problem = DatapathProblem.podsWithoutWayBack(family, silent: silent(draft))
            findings.add(problem, at: place("masquerade", draft))
        }
        let firewall = draft.ciliumValues?["hostFirewall"]?["enabled"]
        if let firewall, firewall.boolean == true, draft.families.contains(.ipv6), datapath.masqueraded.contains(.ipv6)
        {
            findings.add(DatapathProblem.masqueradeBesideHostFirewall, at: draft.place(firewall.mark))
        }
    }

    /// Cilium's agent refuses the same three (pkg/kpr/initializer/kube_proxy_replacement.go).
    private static func checkLoadBalancer(_ draft: Draft, _ findings: inout Findings) {
        let datapath = draft.datapath
        let loadBalancer = datapath.loadBalancer
        guard loadBalancer.usesDirectReturn else { return }
        let mode = loadBalancer.mode.rawValue
        switch (datapath.routing, datapath.tunnelProtocol, loadBalancer.dispatch) {
        case (.tunnel, .vxlan, _):
            findings.add(DatapathProblem.dsrOverVXLAN(mode: mode), at: place("loadBalancer", draft))
        case (.tunnel, .geneve, .option):
            findings.add(DatapathProblem.optionInTunnel(mode: mode), at: place("loadBalancer", draft))
        case (.native, .vxlan, .geneve):
            findings.add(DatapathProblem.dispatchNeedsGeneve(mode: mode), at: place("tunnelProtocol", draft))
        case (.tunnel, .geneve, .geneve), (.native, .geneve, .geneve), (.native, _, .option): break
        }
    }
}
