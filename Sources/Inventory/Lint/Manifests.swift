import YAML

/// What the files given to `lint` say, as far as a rule looks at it.
struct Manifests {
    /// The inventory that is linted together with them.
    var inventory: Draft?
    var objects: [KubernetesObject] = []
    var k3s: [K3sConfigFile] = []
    /// Helm values of Cilium: files of their own, or what a HelmChart hands on.
    var ciliumValues: [ManifestPart] = []
    var routers: [FRRConfiguration] = []
    /// Whatever else is YAML, such as Helm values of other charts.
    var others: [ManifestPart] = []

    func objects(_ kinds: String...) -> [KubernetesObject] { objects.filter { kinds.contains($0.kind) } }

    /// Addresses of nodes, wherever one stands: an inventory, `node-ip`, endpoints that name a node, peers of a router.
    var nodeAddresses: Set<IPAddress> {
        var result = Set(inventory?.nodes.flatMap { $0.addresses.map(\.value) } ?? [])
        for config in k3s { result.formUnion(config.texts("node-ip").compactMap { IPAddress($0.text) }) }
        for slice in objects("EndpointSlice") {
            for endpoint in slice.node["endpoints"]?.list ?? [] where endpoint["nodeName"] != nil {
                result.formUnion(endpoint["addresses"]?.list?.compactMap { $0.address?.value } ?? [])
            }
        }
        for router in routers { result.formUnion(router.neighbors.compactMap { IPAddress($0.name) }) }
        return result.filter { !$0.isLinkLocal && !$0.isUnspecified }
    }

    /// Addresses that kube-vip or keepalived moves from node to node.
    var virtualAddresses: [IPAddress] {
        var result = kubeVip.compactMap { $0.1.environment["address"]?.address?.value }.filter { !$0.isLoopback }
        if let address = inventory?.endpoint?.movedAddress { result.append(address) }
        return result
    }
}

/// A part of a file with the file's name.
struct ManifestPart {
    var file: String
    var node: YAMLNode

    func place(_ node: YAMLNode?) -> SourcePlace { SourcePlace(file: file, mark: node?.mark ?? self.node.mark) }
    func place(_ mark: Mark) -> SourcePlace { SourcePlace(file: file, mark: mark) }
}

/// A Kubernetes object as it stands in a file.
struct KubernetesObject {
    var part: ManifestPart
    var kind: String

    var node: YAMLNode { part.node }
    var apiVersion: String { node["apiVersion"]?.scalar?.text ?? "" }
    var metadata: YAMLNode? { node["metadata"] }
    var name: String { metadata?["name"]?.scalar?.text ?? "?" }
    var namespace: String { metadata?["namespace"]?.scalar?.text ?? "default" }
    var labels: [String: String] { LabelSelector.texts(metadata?["labels"]) }
    var spec: YAMLNode? { node["spec"] }
    /// Where the object is named.
    var place: SourcePlace { part.place(metadata?["name"]) }

    func annotation(_ key: String) -> YAMLNode? { metadata?["annotations"]?[key] }
}

/// A label selector of Kubernetes.
struct LabelSelector {
    private let matchLabels: [String: String]
    private let expressions: [(key: String, operation: String, values: [String])]

    init(_ node: YAMLNode) {
        matchLabels = LabelSelector.texts(node["matchLabels"])
        expressions = (node["matchExpressions"]?.list ?? []).map {
            (
                $0["key"]?.scalar?.text ?? "", $0["operator"]?.scalar?.text ?? "",
                $0["values"]?.list?.compactMap { $0.scalar?.text } ?? []
            )
        }
    }

    func matches(_ labels: [String: String]) -> Bool {
        guard matchLabels.allSatisfy({ labels[$0.key] == $0.value }) else { return false }
        return expressions.allSatisfy { key, operation, values in
            switch operation {
            case "In": labels[key].map(values.contains) ?? false
            case "NotIn": !(labels[key].map(values.contains) ?? false)
            case "Exists": labels[key] != nil
            case "DoesNotExist": labels[key] == nil
            default: true
            }
        }
    }

    static func texts(_ node: YAMLNode?) -> [String: String] {
        Dictionary((node?.entries ?? []).map { ($0.key, $0.value.scalar?.text ?? "") }) { first, _ in first }
    }
}

/// A `config.yaml` of K3s.
struct K3sConfigFile {
    enum Role {
        case server
        case agent
        /// It has no key that tells.
        case either
    }

    var part: ManifestPart
    var role: Role

    /// The entries of a key, those that `key+` appends too.
    func entries(_ key: String) -> [YAMLEntry] {
        part.node.entries?.filter { $0.key == key || $0.key == key + "+" } ?? []
    }

    /// The texts of a key whose value is a list, or one text with commas.
    func texts(_ key: String) -> [(text: String, mark: Mark)] {
        entries(key).flatMap { $0.value.oneOrMore }.flatMap { node in
            (node.scalar?.text ?? "").split(separator: ",").map { part in
                (String(part.drop { $0 == " " }), node.mark)
            }
        }
    }

    func isOn(_ key: String) -> Bool { entries(key).contains { $0.value.scalar?.text.lowercased() == "true" } }
}
