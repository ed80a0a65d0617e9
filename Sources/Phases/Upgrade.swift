import Engine
import Inventory
import Rendering

/// The order in which the nodes of a living cluster are changed one at a time: to another version of K3s, or to what the
/// inventory says by now. Nothing else is in this file, and conditions are in the phases.
public enum Upgrade {
    public struct Options: Sendable {
        public var workersAtOnce = WorkersAtOnce.number(1)
        public var drain = Drain.Settings()
        /// Whether another version of K3s than the one that runs is refused.
        public var keepsVersion = false
        /// Set: the cluster's own controller carries it out.
        public var via: UpgradeVia.Options?
        public init() {}
    }

    /// - Parameter inventory: with the version that is wanted.
    public static func order(for inventory: Inventory, options: Options = Options()) -> Order {
        if let via = options.via { return UpgradeVia.order(for: inventory, options: options, via: via) }
        let prepared: [Order.Dependency] = [.all("host-prep"), .all("artifacts"), .all("etcd-snapshot")]
        return Order(
            name: options.keepsVersion ? "apply" : "upgrade",
            [
                .init(UpgradePreflight(inventory, options)),
                .init(HostPrep(inventory), after: [.all("preflight")]),
                .init(Artifacts(inventory, areLinked: false), after: [.all("preflight"), .sameNode("host-prep")]),
                .init(EtcdSnapshot(inventory), after: [.all("artifacts")]),
                .init(UpgradeServers(inventory), after: prepared),
                .init(
                    Drain(inventory, options.drain, atOnce: options.workersAtOnce),
                    after: [.all("upgrade-servers")] + prepared),
                .init(UpgradeWorkers(inventory), after: [.sameNode("drain"), .all("upgrade-servers")] + prepared),
                .init(Uncordon(inventory), after: [.sameNode("upgrade-workers")]),
                .init(
                    Verify(inventory),
                    after: [.all("upgrade-servers"), .all("upgrade-workers"), .all("uncordon")]),
            ])
    }
}

/// How many workers are changed at a time.
public enum WorkersAtOnce: Sendable, Equatable {
    case number(Int)
    case percent(Int)

    /// At least one, and never all of them where there are several.
    public func count(of workers: Int) -> Int {
        let wanted =
            switch self {
            case .number(let number): number
            case .percent(let percent): workers * percent / 100
            }
        return max(1, min(wanted, workers - 1))
    }

    /// As in `2` or `25%`; nil where it is neither.
    public init?(_ text: String) {
        let digits = text.hasSuffix("%") ? text.dropLast() : text[...]
        guard digits.count <= 6, let number = Int(digits), number > 0, String(number) == digits else { return nil }
        guard text.hasSuffix("%") else {
            self = .number(number)
            return
        }
        guard number <= 100 else { return nil }
        self = .percent(number)
    }
}
