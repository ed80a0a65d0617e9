import Inventory
import YAML

/// The values of Cilium's chart that say how packets of pods travel. Written out where they are the chart's own defaults
/// too, so that what is rendered shows them.
struct CiliumDatapath {
    let inventory: Inventory

    private var settings: DatapathSettings { inventory.network.datapath }

    var values: YAMLMap {
        var map: YAMLMap = ["routingMode": .string(settings.routing.rawValue)]
        let needsTunnelProtocol =
            settings.routing == .tunnel
            || settings.loadBalancer.usesDirectReturn && settings.loadBalancer.dispatch == .geneve
        if needsTunnelProtocol { map["tunnelProtocol"] = .string(settings.tunnelProtocol.rawValue) }
        if settings.routing == .native {
            map["autoDirectNodeRoutes"] = .bool(settings.directRoutes)
            // Who is behind a router is left to it, instead of being no node's at all.
            if settings.directRoutes, inventory.podsAreRoutedByOthers { map["directRoutingSkipUnreachable"] = true }
            for range in inventory.network.pods {
                map[range.family.afi + "NativeRoutingCIDR"] = .string(range.description)
            }
        }
        for family in inventory.network.pods.map(\.family) {
            map["enable\(family.rawValue)Masquerade"] = .bool(settings.masqueraded.contains(family))
        }
        map["loadBalancer"] = .map(loadBalancer)
        // The chart has no value for it.
        if settings.answersNeighbors { map["extraConfig"] = ["enable-ipv6-ndp": "true"] }
        return map
    }

    private var loadBalancer: YAMLMap {
        var map: YAMLMap = ["mode": .string(settings.loadBalancer.mode.rawValue)]
        if settings.loadBalancer.usesDirectReturn {
            map["dsrDispatch"] = .string(settings.loadBalancer.dispatch.chartName)
        }
        return map
    }

    /// Frames of VLANs that Cilium has no device for are dropped unless they are listed; 0 stands for all of them.
    var vlanBypass: YAMLValue { .list((settings.vlans ?? [0]).map(YAMLValue.int)) }
}
