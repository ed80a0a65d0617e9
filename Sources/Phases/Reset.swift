import Engine
import Inventory

/// The order in which K3s and Cilium are taken off nodes. Nothing else is in this file, and conditions are in the phases.
///
/// What runs is taken out of the system first, behind each node's guard, and can come back until then; only when all
/// nodes are out, and can be reached, is anything deleted.
public enum Reset {
    public struct Options: Sendable {
        /// The nodes that are reset; nil: all that clusterctl may change.
        public var nodes: [NodeName]?
        /// Whether volumes of K3s' own storage class may be deleted.
        public var deletesVolumes = false
        /// Whether nodes are reset that the rest of the cluster still knows, or that cannot ask it.
        public var isForced = false
        public init() {}
    }

    public static func order(for inventory: Inventory, options: Options = Options()) -> Order {
        let scope = ResetScope(inventory, options)
        return Order(
            name: "reset",
            [
                .init(ResetPreflight(scope, options)),
                .init(ResetPrep(scope), after: [.all("preflight")]),
                .init(ResetNodes(scope, .workers), after: [.all("host-prep")]),
                .init(ResetNodes(scope, .servers), after: [.all("reset-workers"), .all("host-prep")]),
                .init(ResetFiles(scope), after: [.all("reset-workers"), .all("reset-servers")]),
            ])
    }

    /// What a person may want to know before the cluster's name is asked for.
    public static func notes(for inventory: Inventory, options: Options) -> [String] {
        ResetPreflight(ResetScope(inventory, options), options).notes()
    }

    /// What each node would lose of what runs and lies there, as it says itself, in at most 40 lines; none where it is clean.
    public static func losses(
        for inventory: Inventory, options: Options, _ facts: Facts
    ) -> [(node: NodeName, lines: [String])] {
        let scope = ResetScope(inventory, options)
        return scope.nodes.compactMap { node in
            let lines = facts[node, scope.left(node)]?.lines.map(String.init) ?? []
            return lines.isEmpty ? nil : (node, lines)
        }
    }

    /// How the nodes differ from what they were before bootstrap, as they have written it down when they were reset; gone
    /// at their next start.
    public static let differences = ResetQuestion.differences
}
