import Engine
import Inventory
import Rendering

/// The order of an upgrade that the cluster's own controller (system-upgrade-controller) carries out: clusterctl hands it
/// one node after the other, and follows. Nothing else is in this file, and conditions are in the phases.
public enum UpgradeVia {
    public struct Options: Sendable, Equatable {
        /// What the controller's jobs run in: any image with `nsenter`. Without a tag the controller takes the version's.
        public var image = "rancher/k3s-upgrade"
        public init() {}
    }

    /// What the plan calls it when a node's turn begins.
    public static func turnName(_ node: NodeName) -> String { NodeTurn.name(node) }

    /// - Parameter inventory: with the version that is wanted.
    public static func order(for inventory: Inventory, options: Upgrade.Options, via: Options) -> Order {
        let plans = ControllerPlans(inventory, options, via)
        let turn = NodeTurn(inventory)
        let prepared: [Order.Dependency] = [
            .all("host-prep"), .all("artifacts"), .all("turn-program"), .all("etcd-snapshot"), .all("upgrade-plans"),
        ]
        return Order(
            name: "upgrade-via",
            [
                .init(ViaPreflight(inventory, options)),
                .init(HostPrep(inventory), after: [.all("preflight")]),
                .init(Artifacts(inventory, areLinked: false), after: [.all("preflight"), .sameNode("host-prep")]),
                .init(TurnProgram(inventory), after: [.all("preflight"), .sameNode("host-prep")]),
                .init(EtcdSnapshot(inventory, turn), after: [.all("artifacts")]),
                .init(
                    UpgradePlans(inventory, plans),
                    after: [.all("artifacts"), .all("turn-program"), .all("etcd-snapshot")]),
                .init(UpgradeServers(inventory, by: plans), after: prepared),
                .init(HandOver(inventory, plans), after: [.all("upgrade-servers")] + prepared),
                .init(
                    UpgradeWorkers(inventory, by: plans),
                    after: [.sameNode("hand-over"), .all("upgrade-servers")] + prepared),
                .init(HandBack(inventory, plans), after: [.sameNode("upgrade-workers")]),
                .init(
                    WithdrawPlans(inventory, plans),
                    after: [
                        .all("upgrade-plans"), .all("upgrade-servers"), .all("upgrade-workers"), .all("hand-back"),
                    ]),
                .init(Verify(inventory), after: [.all("upgrade-workers"), .all("withdraw-plans")]),
            ])
    }
}
