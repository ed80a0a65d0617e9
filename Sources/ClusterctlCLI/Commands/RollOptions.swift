import ArgumentParser
import Engine
import Inventory
import Phases

/// What verbs have in common that change the nodes of a living cluster in turn; how workers are drained is said by
/// `DrainOptions`.
struct RollOptions: ParsableArguments {
    @Option(help: "How many workers at a time: a number, or a share such as 25%; never all of them.")
    var workersAtOnce = "1"

    @OptionGroup var draining: DrainOptions

    @Flag(help: "Print the plan and touch nothing.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    @Flag(name: [.short, .long], help: "Do not ask before changing something.")
    var yes = false

    @Option(help: "Only change these nodes; names separated by commas.")
    var limit: String?

    func validate() throws {
        guard WorkersAtOnce(workersAtOnce) != nil else {
            throw ValidationError("--workers-at-once is a number above 0, or a share such as 25%")
        }
    }

    /// - Returns: how the run ended; nil where only the plan was printed.
    /// - Parameter via: set where the cluster's own controller carries it out.
    func run(
        _ inventory: Inventory, verb: String, _ connection: ConnectionOptions, via: UpgradeVia.Options? = nil
    ) async throws -> Outcome? {
        var options = options(keepsVersion: verb == "apply")
        options.via = via
        let site = try Site.upgrade(inventory, options)
        if dryRun {
            PlanCommand.write(site.plan, as: output)
            return nil
        }
        let chosen = try inventory.nodes(limit: limit)
        let connections = try await Connections(inventory, options: connection)
        let run = Run(site: site, limit: chosen, verb: verb)
        let outcome = try await run.perform(by: connections) { review, facts in
            let notes = UpgradePreflight(inventory, options).notes(facts) + UpgradeVia.notes(inventory, options)
            for note in notes { Standard.error("note: \(note)") }
            return Agreement.isGiven(to: review, yes: yes, look: "\(verb) --dry-run")
        }
        switch outcome {
        case .failed, .interrupted: await showStates(inventory, connections, site)
        default: break
        }
        return outcome
    }

    /// Where a run has ended before its end: how each node is.
    private func showStates(_ inventory: Inventory, _ connections: Connections, _ site: Site) async {
        guard let fleet = try? await connections.fleet(site, canWrite: false, readsSecrets: false) else { return }
        let nodes = inventory.nodes.map { NodeName($0.name) }
        let (facts, unreachable) = await fleet.ask(
            ClusterStatus.asks(inventory), steps: ClusterStatus.steps(inventory), nodes: nodes)
        await fleet.close()
        let status = ClusterStatus(inventory, facts: facts, unreachable: unreachable.mapValues(\.message))
        for row in status.rows { Standard.error("\(row.name): \(row.words)") }
        Standard.error("the same command goes on")
    }

    private func options(keepsVersion: Bool) -> Upgrade.Options {
        var options = Upgrade.Options()
        options.keepsVersion = keepsVersion
        if let atOnce = WorkersAtOnce(workersAtOnce) { options.workersAtOnce = atOnce }
        options.drain = draining.settings
        return options
    }
}
