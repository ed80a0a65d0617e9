import Engine
import Inventory

/// Which addons are still installed though they have left the inventory. They are named, and nothing is done about them.
public enum LeftAddonsQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "helmcharts.helm.cattle.io", "-n", "kube-system", "-l", AddonObjects.label, "--request-timeout=10s",
            "-o", #"jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}"#,
        ])

    /// By the first of these nodes that can say; none where nobody can.
    static func names(_ inventory: Inventory, _ facts: Facts) -> [String] {
        let nodes = ([inventory.primary] + inventory.replicas).map(\.id)
        let answer = nodes.lazy.compactMap { facts[$0, probe] }.first(where: \.succeeded)
        return (answer?.lines.map(String.init) ?? []).filter { name in !inventory.addons.contains { $0.name == name } }
    }

    public static func notes(_ inventory: Inventory, _ facts: Facts) -> [String] {
        names(inventory, facts).map {
            "the addon \($0) has left the inventory and stays installed; by hand: "
                + "'k3s kubectl delete helmchart \($0) -n kube-system' uninstalls it"
        }
    }
}
