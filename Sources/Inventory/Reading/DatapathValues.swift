import YAML

extension Draft {
    /// What `network` says of how packets travel, with the defaults that follow from it.
    var datapath: DatapathSettings {
        let network = root["network"]
        return DatapathSettings(
            routing: network?["routing"]?.choice(DatapathSettings.Routing.self) ?? .tunnel,
            tunnelProtocol: network?["tunnelProtocol"]?.choice(DatapathSettings.TunnelProtocol.self),
            directRoutes: network?["directRoutes"]?.boolean,
            externalRoutes: network?["externalRoutes"]?.boolean ?? false,
            masqueraded: Set(IPAddress.Family.allCases.filter { isMasqueraded($0, network?["masquerade"]) }),
            loadBalancer: DatapathSettings.LoadBalancer(network?["loadBalancer"]),
            answersNeighbors: network?["ndp"]?.boolean ?? false,
            vlans: network?["vlans"]?.list?.compactMap(\.number))
    }

    private func isMasqueraded(_ family: IPAddress.Family, _ node: YAMLNode?) -> Bool {
        (node?[family.key] ?? node)?.boolean ?? true
    }

    /// As `Inventory.podsAreRoutedByOthers`, for one family and before the whole is known to be right.
    func podsAreRoutedByOthers(_ family: IPAddress.Family) -> Bool {
        if datapath.externalRoutes { return true }
        guard let bgp = bgpSettings, bgp.announcesPods, bgpNodes.count == nodes.count else { return false }
        return bgp.hasPeer(family)
    }
}

extension DatapathSettings.LoadBalancer {
    init(_ node: YAMLNode?) {
        self.init(
            mode: (node?["mode"] ?? node)?.choice(Mode.self) ?? .snat,
            dispatch: node?["dispatch"]?.choice(Dispatch.self) ?? .option)
    }
}
