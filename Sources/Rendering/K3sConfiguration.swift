import Inventory
import OrderedCollections
import YAML

/// The address through which a replica joins.
public enum JoinAddress: Sendable, Hashable {
    case primary
    /// Does not answer before a control plane node is up, so it cannot be used while bootstrapping.
    case endpoint
}

/// `/etc/rancher/k3s/config.yaml` of a node, made from the inventory alone.
///
/// Built as a value and written by the YAML emitter rather than by a template: most of it are lists and keys of the
/// inventory's own. No secret is in it; the token is a file of its own. Names of keys: K3s pkg/cli/cmds/.
public struct K3sConfiguration: Sendable {
    /// The first line of the file, by which clusterctl knows its own.
    public static let header = "# Written by clusterctl. Do not edit: the next run puts it back.\n"

    let inventory: Inventory
    let node: Node
    let joinThrough: JoinAddress

    public init(inventory: Inventory, node: Node, joinThrough: JoinAddress = .primary) {
        self.inventory = inventory
        self.node = node
        self.joinThrough = joinThrough
    }

    public var text: String { K3sConfiguration.header + YAMLValue.map(values).yamlText() }

    /// The keys and values of the file; only agents' keys for an agent, which does not start on any other.
    public var values: YAMLMap {
        var map = node.isControlPlane ? serverValues : agentValues
        for (key, value) in node.k3sConfig { map[key] = value }
        // K3s takes a list from one place alone.
        let arguments = node.isControlPlane ? inventory.controllerManagerArguments(node) : []
        if !arguments.isEmpty { map["kube-controller-manager-arg"] = .list(arguments.map(YAMLValue.string)) }
        return map
    }

    private var serverValues: YAMLMap {
        let network = inventory.network
        var map: YAMLMap = [:]
        if node.isPrimary {
            map["cluster-init"] = true
        } else {
            map["server"] = .string(joinThrough == .primary ? primaryURL : endpointURL)
        }
        addIdentity(to: &map)
        map["tls-san"] = .list(certificateNames.map(YAMLValue.string))
        if network.apiPort != .api { map["https-listen-port"] = .int(network.apiPort.number) }
        map["cluster-cidr"] = .string(joined(network.pods))
        map["service-cidr"] = .string(joined(network.services))
        map["cluster-dns"] = .string(joined(network.clusterDNS))
        map["flannel-backend"] = "none"
        map["disable-network-policy"] = true
        map["disable-kube-proxy"] = true
        map["disable"] = .list(inventory.k3s.disable.map(YAMLValue.string))
        map["write-kubeconfig-mode"] = "0600"
        return map
    }

    private var agentValues: YAMLMap {
        var map: YAMLMap = ["server": .string(agentsServer)]
        addIdentity(to: &map)
        return map
    }

    /// An address that Cilium serves answers only when nodes have joined. Agents learn of all servers from the one that
    /// they find here (K3s pkg/agent/loadbalancer).
    private var agentsServer: String {
        if case .ciliumBgp = inventory.endpoint { primaryURL } else { endpointURL }
    }

    private func addIdentity(to map: inout YAMLMap) {
        map["token-file"] = .string(K3sPaths.token)
        map["node-name"] = .string(node.name)
        map["node-ip"] = .string(joined(node.addresses))
        if !node.labels.isEmpty { map["node-label"] = .list(node.labels.map { .string("\($0.key)=\($0.value)") }) }
        if !node.taints.isEmpty { map["node-taint"] = .list(node.taints.map { .string($0.description) }) }
    }

    /// A server by its own address, without anything in between.
    public static func serverURL(_ node: Node, _ inventory: Inventory) -> String {
        "https://\(node.address.inURL):\(inventory.network.apiPort)"
    }

    private var primaryURL: String { K3sConfiguration.serverURL(inventory.primary, inventory) }

    private var endpointURL: String { K3sConfiguration.endpointURL(inventory) }

    /// The address at which clients find the API, whichever control plane node serves it.
    public static func endpointURL(_ inventory: Inventory) -> String {
        let host = IPAddress(inventory.endpoint.host)?.inURL ?? inventory.endpoint.host
        return "https://\(host):\(inventory.endpoint.port(inventory.network.apiPort))"
    }

    /// Every name and address by which the API is reached; the same on all servers.
    private var certificateNames: [String] {
        let addresses = inventory.controlPlane.flatMap(\.addresses).map(\.description)
        return Array(
            OrderedSet([inventory.endpoint.host] + addresses + (inventory.dns?.apiNames ?? []) + inventory.k3s.tlsSANs))
    }

    /// Two families are written in one string, in the order of the inventory.
    private func joined(_ parts: [some CustomStringConvertible]) -> String {
        parts.map(\.description).joined(separator: ",")
    }
}
