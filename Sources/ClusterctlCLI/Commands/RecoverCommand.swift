import ArgumentParser
import Engine
import Inventory
import Phases

struct RecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Start the servers of a cluster that is down, all together, with the data that they have.",
        discussion: """
            K3s on one server waits for the others until there is a quorum: so all are started at once, and then waited for. \
            One that runs is left alone. A restore that was begun and has no new data yet is given up, and the data that it had \
            moved aside are put back. Workers are not touched: they find the servers again by themselves.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var lost: WithoutOptions

    @Flag(help: "Print the plan and touch nothing.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    @Flag(name: [.short, .long], help: "Do not ask before changing something.")
    var yes = false

    func run() async throws {
        let inventory = try argument.read()
        let site = try Site.recovery(inventory, of: lost.part(of: inventory))
        if dryRun { return PlanCommand.write(site.plan, as: output) }
        let connections = try await Connections(inventory, options: connection)
        let outcome = try await Run(site: site, limit: nil, verb: "recover").perform(by: connections) { review, _ in
            for (task, why) in review.notApplicable.sorted(by: { $0.key.node.rawValue < $1.key.node.rawValue }) {
                Standard.error("note: \(task.node) is left out: \(why)")
            }
            return Agreement.isGiven(to: review, yes: yes, look: "recover --dry-run")
        }
        if outcome.exitCode == .success {
            Standard.error("note: 'clusterctl status' says whether workers are back, too")
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
    }
}

extension Site {
    /// The servers that are there.
    ///
    /// - Parameter present: the inventory without what is lost; nil: all of it.
    static func recovery(_ inventory: Inventory, of present: Inventory? = nil) throws -> Site {
        var part = present ?? inventory
        part.nodes.removeAll { !$0.isControlPlane }
        let members = inventory.controlPlane.count
        return try Site.part(
            of: inventory, part, order: Recover.order(for: part, members: members),
            nodes: part.nodes.map { NodeName($0.name) })
    }
}
