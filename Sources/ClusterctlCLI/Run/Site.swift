import Engine
import Foundation
import Inventory
import Phases

/// An inventory with its order and plan: what every verb that plans or runs works from.
struct Site {
    let inventory: Inventory
    let order: Order
    let plan: Plan
    /// All that is logged in to, in the order of the inventory: nodes, then routers.
    let nodes: [NodeName]
    /// Where the lease is kept, also by runs that only change routers; nil where nothing is ever changed.
    let keeper: NodeName?
    /// The nodes that are changed at all.
    let changedNodes: Set<NodeName>

    /// - Throws: `ExitStatus.failed` when the order breaks one of the rules of order, which are then shown.
    init(_ inventory: Inventory, orders: Orders) throws {
        let nodes = inventory.hosts.map { NodeName($0.name) }
        self.init(inventory, order: try orders.bootstrap(inventory), nodes: nodes, keeper: nil)
        if orders.areRulesEnforced { try enforceRules() }
    }

    /// The nodes, with another version of K3s.
    static func upgrade(_ inventory: Inventory, _ options: Upgrade.Options) throws -> Site {
        try living(inventory, order: Upgrade.order(for: inventory, options: options))
    }

    /// The nodes of a living cluster, with an order of its own.
    ///
    /// - Throws: `ExitStatus.failed` when the order breaks one of the rules of order, which are then shown.
    static func living(_ inventory: Inventory, order: Order) throws -> Site {
        let keeper = try Site(inventory, orders: .current).keeper
        let nodes = inventory.nodes.map { NodeName($0.name) }
        let site = Site(inventory, order: order, nodes: nodes, keeper: keeper)
        try site.enforceRules()
        return site
    }

    /// Nodes that K3s is taken off, and the servers that stay.
    static func reset(_ inventory: Inventory, _ options: Reset.Options) throws -> Site {
        let order = Reset.order(for: inventory, options: options)
        let concerned = Set(order.entries.flatMap(\.phase.nodes))
        let nodes = inventory.nodes.map { NodeName($0.name) }.filter(concerned.contains)
        let keeper = try Site(inventory, orders: .current).keeper.flatMap { concerned.contains($0) ? $0 : nil }
        let site = Site(inventory, order: order, nodes: nodes, keeper: keeper)
        try site.enforceRules()
        return site
    }

    /// A living cluster with nodes that come or go.
    static func nodes(_ change: NodeChange) throws -> Site {
        let chart = try Orders.chart(of: change.inventory)
        let order = NodeOrder.order(for: change, chartContent: chart)
        // Where other verbs look for it, unless that node is not one of those that stay.
        var written = change.earlier
        (written.speaker, written.leftOut) = (nil, [])
        let usual = try Site(written, orders: .current).keeper
        let isThere = usual.map { change.staying.contains($0) } ?? false
        let site = Site(
            change.earlier, order: order, nodes: change.nodes,
            keeper: isThere ? usual : NodeName(change.inventory.reference.name))
        try site.enforceRules(for: change.inventory)
        return site
    }

    /// - Parameter other: what the plan leads to, where that is not the inventory of the site.
    private func enforceRules(for other: Inventory? = nil) throws {
        let violations = OrderRules.violations(plan, for: other ?? inventory)
        guard violations.isEmpty else {
            for violation in violations { Standard.error("error: the order is not safe: \(violation)") }
            throw ExitStatus.failed
        }
    }

    /// The routers alone, and the node that keeps the lease.
    static func routers(_ inventory: Inventory) throws -> Site {
        let whole = try Site(inventory, orders: .current)
        let order = RouterChange.order(for: inventory)
        let concerned = Set(order.entries.flatMap(\.phase.nodes))
        let nodes = whole.nodes.filter { $0 == whole.keeper || concerned.contains($0) }
        return Site(inventory, order: order, nodes: nodes, keeper: whole.keeper)
    }

    /// Some of the nodes, with an order of their own; the lease is kept where the other verbs keep it, if that node is among
    /// them.
    ///
    /// - Parameters:
    ///   - whole: all of the inventory.
    ///   - part: what is left of it for this order.
    static func part(of whole: Inventory, _ part: Inventory, order: Order, nodes: [NodeName]) throws -> Site {
        let keeper = try Site(whole, orders: .current).keeper.flatMap { nodes.contains($0) ? $0 : nil }
        let site = Site(part, order: order, nodes: nodes, keeper: keeper)
        try site.enforceRules()
        return site
    }

    private init(_ inventory: Inventory, order: Order, nodes: [NodeName], keeper: NodeName?) {
        self.inventory = inventory
        self.order = order
        self.nodes = nodes
        plan = Plan(cluster: inventory.name, order: order)
        let machine = Machine(cluster: inventory.name, order: order, nodes: nodes, keeper: keeper)
        self.keeper = machine.keeper
        changedNodes = machine.changedNodes
    }

    func machine(limit: Set<NodeName>?, mayChange: Bool = true) -> Machine {
        Machine(
            cluster: inventory.name, order: order, nodes: nodes, limit: limit, keeper: keeper, mayChange: mayChange)
    }

    /// What the controller brings of secrets: those that the plan names.
    var providedSecrets: [ProvidedSecret] {
        var named: Set<SecretSource> = []
        for work in plan.phases.lazy.flatMap(\.work) {
            for case .file(_, .secret(let source), _) in work.steps.lazy.map(\.operation) { named.insert(source) }
        }
        return ProvidedSecret.all(inventory).filter { named.contains($0.source) }
    }

    /// What preflight reports that does not keep the run from going on, such as a slow disk.
    func notes(_ facts: Facts) -> [String] {
        let preflight = Preflight(inventory)
        return nodes.flatMap { node in preflight.notes(node, facts).map { "\(node) \($0)" } }
    }
}

/// Where the verbs take their orders from. The tests put others here to show what a wrong order does.
public struct Orders: Sendable {
    let bootstrap: @Sendable (Inventory) throws -> Order
    let areRulesEnforced: Bool

    public init(areRulesEnforced: Bool = true, bootstrap: @escaping @Sendable (Inventory) throws -> Order) {
        self.areRulesEnforced = areRulesEnforced
        self.bootstrap = bootstrap
    }

    public static let standard = Orders { Bootstrap.order(for: $0, options: .init(chartContent: try chart(of: $0))) }

    /// The Cilium chart in base64, where the inventory names an archive.
    static func chart(of inventory: Inventory) throws -> String? {
        guard case .archive(let path) = inventory.cilium.chart else { return nil }
        guard let archive = FileManager.default.contents(atPath: (path as NSString).expandingTildeInPath) else {
            Standard.error("error: the chart of Cilium, \(path) (cilium.chart.archive), cannot be read")
            throw ExitStatus.failed
        }
        return archive.base64EncodedString()
    }

    @TaskLocal public static var current = Orders.standard
}
