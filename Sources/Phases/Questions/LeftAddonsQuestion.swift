import Engine
import Inventory

/// Which addons are still installed though they have left the inventory. They are named, and nothing is done about them.
public enum LeftAddonsQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "helmcharts.helm.cattle.io", "-n", "kube-system", "-l", AddonObjects.label, "--request-timeout=10s",
            "-o",
            #"jsonpath={range .items[*]}{.metadata.name}{"\t"}"#
                + #"{.metadata.annotations.helmcharts\.helm\.cattle\.io/unmanaged}{"\n"}{end}"#,
        ])

    /// By the first of these nodes that can say; none where nobody can. One that was handed off is not clusterctl's any more.
    static func names(_ inventory: Inventory, _ facts: Facts) -> [String] {
        let nodes = ([inventory.reference] + inventory.controlPlane).map(\.id)
        let answer = nodes.lazy.compactMap { facts[$0, probe] }.first(where: \.succeeded)
        return (answer?.lines ?? []).compactMap { line in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            let name = String(columns[0])
            return columns.count == 2 && columns[1].isEmpty && !inventory.addons.contains { $0.name == name }
                ? name : nil
        }
    }

    public static func notes(_ inventory: Inventory, _ facts: Facts) -> [String] {
        names(inventory, facts).map {
            "the addon \($0) has left the inventory and stays installed; unless Argo CD has it, "
                + "'k3s kubectl delete helmchart \($0) -n kube-system' uninstalls it"
        }
    }
}
