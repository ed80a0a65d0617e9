import YAML

/// Helm values of Cilium, how its chart is installed, and what nodes get of their own.
enum CiliumRules {
    static let all: [ManifestRules.Rule] = [
        values, dsr, poolMasks, vlanBypass, kubeProxyReplacement, kubeProxyBeside, chart, nodeConfig, hostPolicy,
    ]

    static func values(_ manifests: Manifests, _ findings: inout Findings) {
        for part in manifests.ciliumValues {
            findings.file = part.file
            CiliumValuesCheck.checkForeign(part.node.entries ?? [], &findings)
        }
    }

    /// The tunnel is what Cilium uses unless told otherwise, and VXLAN is its kind.
    static func dsr(_ manifests: Manifests, _ findings: inout Findings) {
        for part in manifests.ciliumValues {
            guard let mode = part.node["loadBalancer"]?["mode"], let text = mode.scalar?.text,
                ["dsr", "hybrid"].contains(text)
            else { continue }
            let isTunnel = part.node["routingMode"]?.scalar?.text ?? "tunnel" == "tunnel"
            let isGeneve = part.node["tunnelProtocol"]?.scalar?.text == "geneve"
            let dispatch = part.node["loadBalancer"]?["dsrDispatch"]
            let isByGeneve = dispatch?.scalar?.text == "geneve"
            if isTunnel, !isGeneve {
                findings.add(CiliumProblem.dsrOverVXLAN(mode: text), at: part.place(mode))
            } else if isGeneve != isByGeneve, isTunnel || isByGeneve {
                let problem = CiliumProblem.dsrDispatch(mode: text, isTunnel: isTunnel)
                findings.add(problem, at: part.place(dispatch ?? mode))
            }
        }
    }

    static func poolMasks(_ manifests: Manifests, _ findings: inout Findings) {
        for part in manifests.ciliumValues {
            for (family, standard) in [(IPAddress.Family.ipv4, 24), (.ipv6, 120)] {
                for range in part.clusterPool(family) where range.value.family == family {
                    let node = CiliumCheck.poolMask(part.node, family)
                    let mask = node?.number ?? standard
                    let difference = mask - range.value.prefixLength
                    if difference < 0 || family == .ipv6 && difference > 16 {
                        let problem = CiliumProblem.poolMaskTooFar(range: range.value, mask: mask)
                        findings.add(problem, at: part.place(node?.mark ?? range.mark))
                    }
                }
            }
        }
    }

    static func vlanBypass(_ manifests: Manifests, _ findings: inout Findings) {
        for part in manifests.ciliumValues { vlanBypass(part, &findings) }
    }

    private static func vlanBypass(_ part: ManifestPart, _ findings: inout Findings) {
        guard let list = part.node["bpf"]?["vlanBypass"], let identifiers = list.list, identifiers.count > 5,
            !identifiers.contains(where: { $0.number == 0 })
        else { return }
        findings.add(CiliumLintProblem.vlanBypassTooLong(identifiers.count), at: part.place(list))
    }

    static func kubeProxyReplacement(_ manifests: Manifests, _ findings: inout Findings) {
        guard let part = manifests.ciliumValues.first, !manifests.replacesKubeProxy,
            manifests.k3s.contains(where: { $0.isOn("disable-kube-proxy") })
        else { return }
        let value = part.node["kubeProxyReplacement"]
        findings.add(CiliumLintProblem.nobodyServesServices(isSet: value != nil), at: part.place(value))
    }

    /// Both at once is a step on the way, not where a cluster should stay.
    static func kubeProxyBeside(_ manifests: Manifests, _ findings: inout Findings) {
        guard manifests.replacesKubeProxy else { return }
        for config in manifests.k3s where config.role == .server && !config.isOn("disable-kube-proxy") {
            let mark = config.entries("disable-kube-proxy").first?.mark ?? config.part.node.mark
            findings.add(CiliumLintProblem.kubeProxyBeside, at: config.part.place(mark))
        }
    }

    static func chart(_ manifests: Manifests, _ findings: inout Findings) {
        for chart in manifests.objects("HelmChart") where chart.chart == "cilium" {
            let policy = chart.spec?["failurePolicy"]
            if policy?.scalar?.text ?? "reinstall" == "reinstall" {
                findings.add(CiliumLintProblem.chartReinstalls, at: policy.map(chart.part.place) ?? chart.place)
            }
            if chart.spec?["bootstrap"]?.boolean != true {
                findings.add(CiliumLintProblem.chartNotBootstrap, at: chart.place)
            }
        }
    }

    /// Settings of the agent are written with hyphens; those of the chart are not, and have dots where they nest.
    static func nodeConfig(_ manifests: Manifests, _ findings: inout Findings) {
        for config in manifests.objects("CiliumNodeConfig") {
            for entry in config.spec?["defaults"]?.entries ?? []
            where entry.key.contains(where: { $0.isUppercase || $0 == "." }) || entry.value.scalar == nil {
                findings.add(CiliumLintProblem.nodeConfigKey(entry.key), at: config.part.place(entry.mark))
            }
        }
    }

    /// Policies with a node selector are the host firewall's; they are in force only where that is on.
    static func hostPolicy(_ manifests: Manifests, _ findings: inout Findings) {
        let isOn = manifests.ciliumValues.contains { $0.node["hostFirewall"]?["enabled"]?.boolean == true }
        guard isOn else { return }
        let policies = manifests.objects("CiliumClusterwideNetworkPolicy").flatMap { policy in
            (policy.spec.map { [$0] } ?? policy.node["specs"]?.list ?? []).map { (policy, $0) }
        }.filter { $0.1["nodeSelector"] != nil && $0.1["ingress"] != nil }
        if policies.contains(where: { admitsSSH($0.1) }) { return }
        for (policy, spec) in policies {
            findings.add(
                CiliumLintProblem.hostPolicyWithoutSSH(policy.name), at: policy.part.place(spec["nodeSelector"]))
        }
    }

    private static func admitsSSH(_ spec: YAMLNode) -> Bool {
        (spec["ingress"]?.list ?? []).contains { rule in
            guard let ports = rule["toPorts"]?.list else { return rule.entries?.isEmpty == false }
            return ports.flatMap { $0["ports"]?.list ?? [] }.contains {
                ["22", "0"].contains($0["port"]?.scalar?.text)
            }
        }
    }
}

extension Manifests {
    var replacesKubeProxy: Bool {
        ciliumValues.contains { part in
            ["true", "strict"].contains(part.node["kubeProxyReplacement"]?.scalar?.text.lowercased())
        }
    }
}

extension ManifestPart {
    /// The ranges that Cilium's operator hands out to nodes, where the values say so.
    func clusterPool(_ family: IPAddress.Family) -> [Located<CIDR>] {
        let key = family == .ipv4 ? "clusterPoolIPv4PodCIDRList" : "clusterPoolIPv6PodCIDRList"
        return node["ipam"]?["operator"]?[key]?.oneOrMore.flatMap { node in
            (node.scalar?.text ?? "").split { $0 == " " || $0 == "," }.compactMap { CIDR(String($0)) }
                .map { Located(value: $0, mark: node.mark) }
        } ?? []
    }
}

/// What `lint` finds in Cilium's values and in how its chart is installed.
enum CiliumLintProblem: InventoryProblem {
    case vlanBypassTooLong(Int)
    case nobodyServesServices(isSet: Bool)
    case kubeProxyBeside
    case chartReinstalls
    case chartNotBootstrap
    case nodeConfigKey(String)
    case hostPolicyWithoutSSH(String)

    var code: DiagnosticCode {
        switch self {
        case .vlanBypassTooLong: .vlanBypassTooLong
        case .nobodyServesServices: .kubeProxyReplacementOff
        case .kubeProxyBeside: .kubeProxyBesideCilium
        case .chartReinstalls: .chartReinstalls
        case .chartNotBootstrap: .chartNotBootstrap
        case .nodeConfigKey: .nodeConfigKey
        case .hostPolicyWithoutSSH: .hostPolicyWithoutSSH
        }
    }

    var words: Words {
        switch self {
        case .vlanBypassTooLong(let count):
            Words(
                message: "'bpf.vlanBypass' lists \(count) VLANs",
                why: "where a node has devices for more than five of them, the agent does not load its datapath",
                fix: "write [0], which lets every VLAN pass, or list five at most")
        case .nobodyServesServices(let isSet):
            Words(
                message: "K3s has 'disable-kube-proxy', and Cilium's 'kubeProxyReplacement' is "
                    + (isSet ? "switched off" : "left at its default, off"),
                why: "nobody would serve Services", fix: "set 'kubeProxyReplacement: true', and before kube-proxy goes")
        case .kubeProxyBeside:
            Words(
                message: "Cilium replaces kube-proxy, and this server runs it all the same",
                why: "two programs serve every Service, and kube-proxy's rules go on catching bridged frames",
                fix: "set 'disable-kube-proxy: true' once every agent reports the replacement, on all servers; then "
                    + "restart servers and agents")
        case .chartReinstalls:
            Words(
                message: "the chart of Cilium is left to 'failurePolicy: reinstall'",
                why: "K3s' Helm controller answers a failed upgrade by uninstalling: the network of all pods goes",
                fix: "write 'failurePolicy: abort' and a small 'backOffLimit'")
        case .chartNotBootstrap:
            Words(
                message: "the chart of Cilium has no 'bootstrap: true'",
                why: "the job that installs it waits for a node that is Ready, and no node is before Cilium runs",
                fix: "write 'bootstrap: true'")
        case .nodeConfigKey(let key):
            Words(
                message: "'\(key)' in a CiliumNodeConfig is no setting of the agent",
                why: "'defaults' takes the agent's own keys with a text each; others have no effect",
                fix: "write it as the agent does, such as enable-host-firewall: \"false\"")
        case .hostPolicyWithoutSSH(let name):
            Words(
                message: "host policy '\(name)' lets nobody in by SSH",
                why: "once a policy selects a node, its host firewall drops whatever no policy admits",
                fix: "admit port 22 in a policy for the same nodes before this one")
        }
    }
}
