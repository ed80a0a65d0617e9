import Inventory
import YAML

/// The values of the Cilium chart, and what single nodes need otherwise. Sources: Cilium 1.19's values.yaml and code.
///
/// Built as a value, because the inventory's own values are merged over it key by key.
public struct CiliumValues: Sendable {
    let inventory: Inventory
    private let apiServer: CiliumSettings.APIServer

    /// - Parameter apiServer: where Cilium finds the API, if not yet where the inventory says.
    public init(_ inventory: Inventory, apiServer: CiliumSettings.APIServer? = nil) {
        self.inventory = inventory
        self.apiServer = apiServer ?? inventory.cilium.apiServer
    }

    /// What clusterctl works out, with the inventory's `cilium.values` merged over it.
    public var values: YAMLValue { base.merging(.map(inventory.cilium.values)) }

    private var base: YAMLValue {
        let datapath = CiliumDatapath(inventory: inventory)
        var map: YAMLMap = [
            "kubeProxyReplacement": true,
            "k8sServiceHost": .string(server.host),
            "k8sServicePort": .int(server.port),
            "ipv4": ["enabled": .bool(has(.ipv4))],
            "ipv6": ["enabled": .bool(has(.ipv6))],
            "ipam": ["mode": "cluster-pool", "operator": .map(pools)],
            "bpf": ["masquerade": true, "vlanBypass": datapath.vlanBypass],
            // One node at a time, or a bad setting takes the way to two of three control plane nodes at once.
            "updateStrategy": ["type": "RollingUpdate", "rollingUpdate": ["maxUnavailable": 1]],
            "rollOutCiliumPods": true,
            "operator": ["replicas": .int(min(2, inventory.nodes.count)), "rollOutPods": true],
        ]
        for (key, value) in datapath.values { map[key] = value }
        if let first = inventory.cilium.upgradeCompatibility { map["upgradeCompatibility"] = .string(first) }
        if !commonExclusions.isEmpty {
            map["devices"] = .string(CiliumValues.filter(commonExclusions))
            map["forceDeviceDetection"] = true
        }
        // Cilium's operator knows the BGP kinds only then, and pools are of little use without them.
        if inventory.bgp != nil || !inventory.addressPools.isEmpty { map["bgpControlPlane"] = ["enabled": true] }
        if case .ciliumBgp = inventory.endpoint { map["envoyConfig"] = ["enabled": true] }
        return .map(map)
    }

    /// Where agents and operator find the API. None of these waits for the service address.
    var server: (host: String, port: Int) {
        let apiPort = inventory.network.apiPort.number
        switch apiServer {
        case .local: return (CiliumValues.loopback(inventory), Port.localAPI.number)
        case .primary: return (inventory.primary.address.description, apiPort)
        case .endpoint:
            return (inventory.endpoint.host, inventory.endpoint.port(inventory.network.apiPort).number)
        }
    }

    /// The namespace whose Secrets the agents may read for BGP (`bgpControlPlane.secretsNamespace.name`).
    public var bgpSecretsNamespace: String {
        if case .string(let name) = values[["bgpControlPlane", "secretsNamespace", "name"]] { return name }
        return "kube-system"
    }

    /// The loopback address in the family of the nodes.
    public static func loopback(_ inventory: Inventory) -> String {
        inventory.primary.addresses.contains { $0.family == .ipv4 } ? "127.0.0.1" : "::1"
    }

    private func has(_ family: IPAddress.Family) -> Bool { inventory.network.pods.contains { $0.family == family } }

    private var pools: YAMLMap {
        var map: YAMLMap = [:]
        for range in inventory.network.pods {
            let key = range.family == .ipv4 ? "clusterPoolIPv4" : "clusterPoolIPv6"
            map[key + "PodCIDRList"] = [.string(range.description)]
            map[key + "MaskSize"] = .int(inventory.nodeMask(range))
        }
        return map
    }

    /// Links that only BlueField machines have, and that no node's Cilium may touch; a second line behind the settings
    /// of the single nodes.
    private var commonExclusions: [String] {
        let known = Profile(.bluefield).excludedDevices
        let used = inventory.nodes.filter { $0.profile.name == .bluefield }.flatMap(\.profile.excludedDevices)
        return known.filter(used.contains)
    }

    /// Cilium's filter for all devices but these; selects nothing unless detection is forced.
    static func filter(_ excluded: [String]) -> String { excluded.map { "!" + $0 }.joined(separator: " ") }

    /// Nodes that share settings of their own.
    public struct NodeSettings: Sendable, Equatable {
        public let name: String
        public let nodes: [String]
        /// The agent's own keys and values, in a fixed order.
        public let settings: [[String: String]]
    }

    /// One entry for each set of settings that some node needs otherwise than the chart has it, in inventory order.
    public var nodeSettings: [NodeSettings] {
        var groups: [(settings: [[String: String]], nodes: [String])] = []
        for node in inventory.nodes {
            let settings = CiliumValues.settings(node.profile)
            guard !settings.isEmpty else { continue }
            if let index = groups.firstIndex(where: { $0.settings == settings }) {
                groups[index].nodes.append(node.name)
            } else {
                groups.append((settings, [node.name]))
            }
        }
        return groups.enumerated().map {
            NodeSettings(name: "clusterctl-\($0.offset + 1)", nodes: $0.element.nodes, settings: $0.element.settings)
        }
    }

    private static func settings(_ profile: Profile) -> [[String: String]] {
        var settings: [[String: String]] = []
        if !profile.ciliumHostFirewall { settings.append(["key": "enable-host-firewall", "value": "false"]) }
        if !profile.excludedDevices.isEmpty {
            settings.append(["key": "devices", "value": filter(profile.excludedDevices)])
            settings.append(["key": "force-device-detection", "value": "true"])
        }
        return settings
    }
}
