import YAML

extension AnsibleMapping {
    mutating func network(_ arguments: ImportedArguments) -> ImportedMap {
        var map = ImportedMap()
        setRange(
            "pods", &map, arguments.primary.pods, arguments.serverOrigin, standard: "10.42.0.0/16",
            shared("cluster_cidr", "k3s_cluster_cidr", "kube_pods_subnet"), shared("kube_pods_subnet_ipv6"))
        setRange(
            "services", &map, arguments.primary.services, arguments.serverOrigin, standard: "10.43.0.0/16",
            shared("service_cidr", "k3s_service_cidr", "kube_service_addresses"), shared("kube_service_addresses_ipv6"))
        if !arguments.primary.clusterDNS.isEmpty {
            map.set(
                "clusterDNS", .flow(.list(arguments.primary.clusterDNS.map(YAMLValue.string))), arguments.serverOrigin)
        }
        let port = shared("api_port", "kube_apiserver_port", "k3s_api_port")
        if let number = arguments.primary.apiPort ?? port?.value.number, number != 6443 {
            map.set("apiPort", .scalar(.int(number)), port?.origin ?? arguments.serverOrigin)
        }
        setRouting(&map)
        if let found = shared("cilium_loadbalancer_mode"), let mode = found.text, ["dsr", "hybrid"].contains(mode) {
            map.set("loadBalancer", .scalar(.string(mode)), found.origin)
        }
        if let found = shared("cilium_enable_ipv4_masquerade"), found.value.bool == false {
            map.set("masquerade", .scalar(false), found.origin)
        }
        use(["enable_dual_stack_networks", "ipv6_stack", "ipv4_stack"])
        return map
    }

    /// By arguments of K3s, by a variable, or K3s' own.
    private mutating func setRange(
        _ key: String, _ map: inout ImportedMap, _ arguments: [String], _ origin: String?, standard: String,
        _ first: Found?, _ second: Found?
    ) {
        if !arguments.isEmpty { return map.set(key, Self.oneOrMore(arguments), origin) }
        guard let first, let text = first.text else {
            guard layout.isK3s else { return map.set(key, .missing, "a range that nothing else has") }
            return map.set(key, .scalar(.string(standard)), "K3s' own, as Ansible has none")
        }
        var ranges = text.split(separator: ",").map(\.trimmed)
        let isDual = ["enable_dual_stack_networks", "ipv6_stack"].contains { name in
            take([name], of: primary, isQuiet: true)?.value.bool == true
        }
        if isDual, let second = second?.text { ranges.append(second) }
        map.set(key, Self.oneOrMore(ranges), first.origin)
    }

    private static func oneOrMore(_ texts: [String]) -> ImportedMap.Value {
        texts.count == 1 ? .scalar(.string(texts[0])) : .flow(.list(texts.map(YAMLValue.string)))
    }

    private mutating func setRouting(_ map: inout ImportedMap) {
        if let found = shared("cilium_mode"), hasCilium {
            map.set("routing", .scalar(found.text == "native" ? "native" : "tunnel"), found.origin)
        }
        guard let found = shared("cilium_tunnel_mode"), let mode = found.text else { return }
        switch mode {
        case "vxlan", "geneve": map.set("tunnelProtocol", .scalar(.string(mode)), found.origin)
        case "disabled":
            map.set("routing", .scalar("native"), found.origin)
            let direct = shared("cilium_auto_direct_node_routes")
            map.set(
                "directRoutes", .scalar(.bool(direct?.value.bool ?? false)),
                direct?.origin ?? "Cilium's own, as Ansible has none")
        default: leave(found.variable, "it is 'vxlan', 'geneve' or 'disabled'")
        }
    }

    /// Whether the network is Cilium's already.
    var hasCilium: Bool {
        mutating get {
            if let plugin = shared("kube_network_plugin", "k3s_cni", "cni_plugin")?.text { return plugin == "cilium" }
            return layout.kind != .technoTim || raw("cilium_iface") != nil
        }
    }

    // MARK: cilium

    mutating func cilium() -> ImportedMap {
        var map = ImportedMap()
        use(["cilium_iface"])
        let found = shared("cilium_version", "cilium_tag", "cilium_chart_version", "cilium_helm_version")
        if let version = options.ciliumVersion {
            map.set("version", .scalar(.string(version)))
        } else if hasCilium, let text = found?.text.map({ $0.hasPrefix("v") ? String($0.dropFirst()) : $0 }),
            TextFormCheck.problem(text, .ciliumVersion) == nil
        {
            map.set("version", .scalar(.string(text)), found?.origin)
        } else {
            map.set("version", .missing, "the version of Cilium's chart, such as 1.19.4; Ansible has none")
        }
        let values = ciliumValues()
        map.set("values", .map(values))
        return map
    }

    private mutating func ciliumValues() -> ImportedMap {
        var values = ImportedMap()
        guard hasCilium else { return values }
        if let found = shared("cilium_hubble", "cilium_enable_hubble", "cilium_hubble_install"),
            found.value.bool == true
        {
            let ui = shared("cilium_enable_hubble_ui")?.value.bool ?? true
            values.set(
                "hubble", .flow(["enabled": true, "relay": ["enabled": true], "ui": ["enabled": .bool(ui)]]),
                found.origin)
        }
        if let found = shared("cilium_mtu"), let number = found.value.number {
            values.set("MTU", .scalar(.int(number)), found.origin)
        }
        if let found = shared("cilium_operator_replicas"), let number = found.value.number {
            values.set("operator", .flow(["replicas": .int(number)]), found.origin)
        }
        if let found = shared("cilium_encryption_enabled"), found.value.bool == true {
            let type = shared("cilium_encryption_type")
            if type?.text == "wireguard" {
                values.set("encryption", .flow(["enabled": true, "type": "wireguard"]), found.origin)
            } else {
                leave(found.variable, "IPsec needs a Secret with keys first; set 'cilium.values.encryption' then")
            }
        }
        if let found = shared("cilium_cni_exclusive"), found.value.bool == false {
            values.set("cni", .flow(["exclusive": false]), found.origin)
        }
        return values
    }

    // MARK: endpoint

    mutating func endpoint(_ nodes: ImportedNodes) -> ImportedMap {
        var map = ImportedMap()
        use(["kube_vip_enabled", "kube_vip_controlplane_enabled", "kube_vip_arp", "kube_vip_arp_enabled"])
        let link = shared("kube_vip_interface", "kube_vip_iface")
        if let found = shared("apiserver_endpoint", "kube_vip_address", "k3s_api_vip"), let text = found.text,
            isKubeVip(found)
        {
            guard let link = link?.text else {
                map.set("kubeVip", .scalar(.string(text)), found.origin)
                return map
            }
            map.set("kubeVip", .flow(["address": .string(text), "interface": .string(link)]), found.origin)
            return map
        }
        if let found = shared("loadbalancer_apiserver"), case .map(let entries) = found.value {
            let name =
                shared("apiserver_loadbalancer_domain_name")?.text ?? entries.first { $0.key == "address" }?.value.text
            let port = entries.first { $0.key == "port" }?.value.number
            guard let name else { return missingEndpoint() }
            map.set(
                "dns", port.map { .flow(["name": .string(name), "port": .int($0)]) } ?? .scalar(.string(name)),
                found.origin)
            return map
        }
        use([
            "loadbalancer_apiserver_localhost", "loadbalancer_apiserver_port",
            "loadbalancer_apiserver_healthcheck_port",
        ])
        if let found = shared("api_endpoint", "k3s_api_endpoint", "k3s_registration_address"), let text = found.text {
            map.set("dns", .scalar(.string(text)), found.origin)
            if nodes.addresses.contains(text), layout.controlPlane.count > 1 {
                note(
                    found.variable.place, "'\(found.variable.name)' is the address of one node",
                    "it goes away with it: a free address as 'endpoint: {kubeVip: ...}' does not")
            }
            return map
        }
        if let address = announcedAddress(nodes) {
            map.set(
                "ciliumBgp", .scalar(.string(address.text)),
                "\(address.origin): the only address there that no node has; see whether it is the API's")
            return map
        }
        return missingEndpoint()
    }

    private mutating func isKubeVip(_ found: Found) -> Bool {
        guard found.variable.name == "kube_vip_address" else { return true }
        return take(["kube_vip_enabled"], of: primary, isQuiet: true)?.value.bool != false
    }

    private func missingEndpoint() -> ImportedMap {
        var map = ImportedMap()
        map.set(
            "kubeVip", .missing,
            "a free address in the subnet of the servers; or {dns: NAME}, {keepalived: ...}, {ciliumBgp: ...}")
        return map
    }

    /// The one address among the names of the certificate that no node has, where the nodes speak BGP.
    private mutating func announcedAddress(_ nodes: ImportedNodes) -> (text: String, origin: String)? {
        guard raw("ucg_bgp_cluster_asn", "cilium_bgp_asn", "bgp_cluster_asn") != nil,
            let found = shared("k3s_tls_sans", "k3s_tls_san", "tls_sans")
        else { return nil }
        let free = (found.value.texts ?? []).filter { IPAddress($0) != nil && !nodes.addresses.contains($0) }
        return free.count == 1 ? (free[0], found.origin) : nil
    }

    // MARK: BGP

    mutating func setBGP(_ root: inout ImportedMap) {
        let isOn = shared("cilium_bgp", "cilium_enable_bgp_control_plane")
        let own = shared("ucg_bgp_cluster_asn", "cilium_bgp_my_asn", "cilium_bgp_asn", "bgp_cluster_asn")
        let router = shared("ucg_bgp_router_id", "cilium_bgp_peer_address", "bgp_router_address")
        let theirs = shared("ucg_bgp_router_asn", "cilium_bgp_peer_asn", "bgp_router_asn")
        let pool = shared("cilium_bgp_lb_cidr", "cilium_loadbalancer_ip_pools")
        use(["ucg_bgp_neighbors", "cilium_exportPodCIDR"])
        let isUniFi = own?.variable.name.hasPrefix("ucg_") ?? false
        guard isUniFi || isOn?.value.bool == true, let own, let router, let theirs, let address = router.text,
            let number = own.value.number, let other = theirs.value.number
        else { return }
        let name = isUniFi ? "ucg" : "router"
        let settings: YAMLValue = [
            "platform": .string(isUniFi ? "unifi" : "linux-frr"), "address": .string(address), "asn": .int(other),
            "manage": "none",
        ]
        var routers = ImportedMap()
        routers.set(
            name, .flow(settings),
            "\(router.origin); without 'manage: none' clusterctl changes the router's end as well")
        root.set("routers", .map(routers))
        var bgp = ImportedMap()
        bgp.set("asn", .scalar(.int(number)), own.origin)
        if take(["cilium_exportPodCIDR"], of: primary)?.value.bool == true {
            bgp.set(
                "announce", .flow(["pods": true, "services": ["addresses": ["LoadBalancerIP"]]]), "cilium_exportPodCIDR"
            )
        }
        root.set("bgp", .map(bgp))
        if let pool, let blocks = blocks(pool.value) {
            var pools = ImportedMap()
            pools.set("default", .flow(["blocks": .list(blocks.map(YAMLValue.string))]), pool.origin)
            root.set("loadBalancerPools", .map(pools))
        }
    }

    private func blocks(_ value: AnsibleValue) -> [String]? {
        if let texts = value.texts { return texts.isEmpty ? nil : texts }
        guard case .list(let pools) = value else { return nil }
        let blocks = pools.flatMap { pool -> [String] in
            guard case .map(let entries) = pool else { return [] }
            return entries.first { $0.key == "cidrs" }?.value.texts ?? []
        }
        return blocks.isEmpty ? nil : blocks
    }
}
