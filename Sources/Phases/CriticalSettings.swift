import Engine
import Inventory
import Rendering
import YAML

/// What a living cluster was made with and cannot be given anew: a server that has it otherwise than the others does not
/// start, and pods and services keep the addresses that they were given.
enum CriticalSettings {
    /// What K3s compares when a server joins, and what it should compare (K3s pkg/daemons/config/types.go). Of `disable`
    /// it is servicelb alone.
    static let keys = [
        "cluster-cidr", "service-cidr", "cluster-dns", "cluster-domain", "flannel-backend", "flannel-ipv6-masq",
        "flannel-external-ip", "egress-selector-mode", "disable-network-policy", "disable-cloud-controller",
        "disable-helm-controller", "disable-kube-proxy", "disable", "secrets-encryption", "secrets-encryption-provider",
        "embedded-registry", "supervisor-metrics",
    ]

    /// - Parameters:
    ///   - text: of the configuration that a node has now.
    ///   - adding: whether what is not there yet is looked at too.
    static func problems(_ cluster: Cluster, _ node: NodeName, _ text: String, adding: Bool = false) -> [Problem] {
        guard cluster[node].isControlPlane, let document = try? YAMLDocument.parse(text, file: K3sPaths.config),
            let present = YAMLValue(document.root).map
        else { return [] }
        let wanted = K3sConfiguration(inventory: cluster.inventory, node: cluster[node]).values
        return keys.compactMap { key in
            let (found, right) = (value(of: key, in: present), value(of: key, in: wanted))
            guard found != right else { return nil }
            guard let found else {
                return !adding
                    ? nil
                    : Problem(
                        "the cluster lives without \(key), and the inventory has it",
                        fix: "leave it out of the inventory, or build a new cluster")
            }
            let says = right.map { "says \(words($0))" } ?? "has none"
            return Problem(
                "the cluster lives with \(key) \(words(found)), and the inventory \(says)",
                fix: "put \(words(found)) back into the inventory, or build a new cluster")
        }
    }

    /// Nil where it is left to K3s, as `false` is.
    private static func value(of key: String, in map: YAMLMap) -> YAMLValue? {
        guard key == "disable" else { return map[key] == false ? nil : map[key] }
        return map[key]?.list?.contains("servicelb") == true ? "servicelb" : nil
    }

    private static func words(_ value: YAMLValue) -> String {
        value.string ?? value.yamlText().filter { !$0.isNewline }
    }
}
