/// The values that Cilium's chart knows, read from their compact form when first asked for.
enum CiliumValues {
    indirect enum Tree: Sendable {
        /// Anything may stand below.
        case free
        case map([String: Tree])
    }

    static let known: Tree = {
        var words = CiliumValuePaths.tree.split { $0 == " " || $0 == "\n" }[...]
        return parse(&words)
    }()

    /// Reads `name`, `name*` and `name( ... )` up to the closing parenthesis or the end.
    private static func parse(_ words: inout ArraySlice<Substring>) -> Tree {
        var children: [String: Tree] = [:]
        while let word = words.popFirst(), word != ")" {
            if word.hasSuffix("(") {
                children[String(word.dropLast())] = parse(&words)
            } else {
                children[String(word.hasSuffix("*") ? word.dropLast() : word)] = .free
            }
        }
        return .map(children)
    }

    /// Whether the chart knows a dotted path, or lets anything stand there.
    static func isKnown(_ path: String) -> Bool {
        var tree = known
        for step in path.split(separator: ".") {
            guard case .map(let children) = tree else { return true }
            guard let child = children[String(step)] else { return false }
            tree = child
        }
        return true
    }

    /// The chart's value and the agent's own key in `extraConfig` for what `network` says, by its key there.
    private static let datapath: KeyValuePairs = [
        "routing": ["routingMode", "extraConfig.routing-mode"],
        "tunnelProtocol": ["tunnelProtocol", "extraConfig.tunnel-protocol"],
        "directRoutes": [
            "autoDirectNodeRoutes", "directRoutingSkipUnreachable", "extraConfig.auto-direct-node-routes",
            "extraConfig.direct-routing-skip-unreachable",
        ],
        "pods": [
            "ipv4NativeRoutingCIDR", "ipv6NativeRoutingCIDR", "extraConfig.ipv4-native-routing-cidr",
            "extraConfig.ipv6-native-routing-cidr",
        ],
        "masquerade": [
            "enableIPv4Masquerade", "enableIPv6Masquerade", "extraConfig.enable-ipv4-masquerade",
            "extraConfig.enable-ipv6-masquerade",
        ],
        "loadBalancer": [
            "loadBalancer.mode", "loadBalancer.dsrDispatch", "extraConfig.bpf-lb-mode",
            "extraConfig.bpf-lb-dsr-dispatch",
        ],
        "ndp": ["extraConfig.enable-ipv6-ndp"],
        "vlans": ["bpf.vlanBypass", "extraConfig.vlan-bpf-bypass"],
    ]

    /// Why a value is clusterctl's own, and what to set instead, by dotted path.
    static let owned: [String: (why: String, instead: String)] = {
        let api = ("where Cilium finds the API decides whether it can start at all", "set 'cilium.apiServer'")
        let pods = ("the range must be the one that K3s was told", "set 'network.pods'")
        var owned: [String: (why: String, instead: String)] = [
            "k8sServiceHost": api, "k8sServicePort": api, "k8sServiceHostRef": api, "k8s.apiServerURLs": api,
            "ipam.operator.clusterPoolIPv4PodCIDRList": pods, "ipam.operator.clusterPoolIPv6PodCIDRList": pods,
            "ipv4.enabled": pods, "ipv6.enabled": pods,
            "upgradeCompatibility": (
                "'upgrade --cilium' goes by it, and YAML takes 1.20 for 1.2", "set 'cilium.upgradeCompatibility'"
            ),
        ]
        for (key, paths) in datapath {
            for path in paths { owned[path] = ("it must fit the rest of the network", "set 'network.\(key)'") }
        }
        return owned
    }()
}
