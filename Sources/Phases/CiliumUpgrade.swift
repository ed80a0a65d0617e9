import Engine
import Inventory

/// The order in which a living cluster's Cilium is led to another version, one node at a time. Nothing else is in this file,
/// and conditions are in the phases.
public enum CiliumUpgrade {
    /// - Parameters:
    ///   - inventory: with the version that is wanted; see `inventory(_:to:)`.
    ///   - chartContent: the chart in base64, where the inventory names an archive.
    public static func order(for inventory: Inventory, chartContent: String? = nil) -> Order {
        let prepared: [Order.Dependency] = [.all("preflight"), .all("host-prep")]
        return Order(
            name: "upgrade-cilium",
            [
                .init(CiliumUpgradePreflight(inventory)),
                .init(HostPrep(inventory), after: [.all("preflight")]),
                // A guard may have kept K3s stopped on a server; then no turn there could come to its end.
                .init(ServersRun(inventory), after: prepared),
                .init(
                    CiliumChart(inventory, .held, chartContent: chartContent), after: [.all("servers-run")] + prepared),
                .init(CiliumAgents(inventory, chartContent: chartContent), after: [.all("cilium-chart")] + prepared),
                .init(
                    CiliumChart(inventory, .released, chartContent: chartContent),
                    after: [.all("cilium-agents"), .all("cilium-chart")] + prepared),
                .init(Verify(inventory), after: [.all("cilium-chart"), .all("cilium-agents"), .all("cilium-release")]),
            ])
    }

    /// What each node is asked where a run has ended before its end.
    public static func stateAsks(_ inventory: Inventory) -> [Ask] {
        Cluster(inventory).all.map { Ask($0, CiliumQuestion.status) }
    }

    /// Which Cilium a node has and how it is, in its own words.
    public static func stateWords(_ node: NodeName, _ facts: Facts) -> String {
        let answer = facts[node, CiliumQuestion.status]
        guard let reading = CiliumQuestion.reading(answer) else {
            return "Cilium does not answer\(answer.map { ": \($0.reason)" } ?? "")"
        }
        return "Cilium \(CiliumQuestion.version(answer)?.description ?? "of unknown version"), \(reading.state)"
    }

    /// The inventory as it has to be when the cluster's Cilium is of this version.
    ///
    /// A chart of another minor release is told which version came first, or what it does otherwise by now would come with it
    /// (`upgradeCompatibility`). As far as the inventory says, that is the one that it names.
    public static func inventory(_ inventory: Inventory, to version: CiliumVersion) -> Inventory {
        var result = inventory
        result.cilium.version = version.description
        if result.cilium.upgradeCompatibility == nil, let written = CiliumVersion(inventory.cilium.version),
            !written.isSameMinor(as: version)
        {
            result.cilium.upgradeCompatibility = inventory.cilium.version
        }
        return result
    }
}
