import ArgumentParser
import Engine
import Inventory
import Phases

/// What verbs have in common that change the nodes of a living cluster in turn; how workers are drained is said with
/// kubectl's options of the same names.
struct RollOptions: ParsableArguments {
    @Option(help: "How many workers at a time: a number, or a share such as 25%; never all of them.")
    var workersAtOnce = "1"

    @Option(help: "Seconds that draining a worker may take.")
    var drainTimeout = 300

    @Option(help: "Seconds that each pod of a drained worker is given to end; without it the pod's own.")
    var gracePeriod: Int?

    @Flag(help: "Let pods go whose data in an emptyDir are lost with them.")
    var deleteEmptydirData = false

    @Flag(help: "Let pods go that nobody makes anew.")
    var force = false

    @Flag(help: "Delete pods, whatever disruption budgets say.")
    var disableEviction = false

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
        guard (1...86_400).contains(drainTimeout) else {
            throw ValidationError("--drain-timeout is between 1 and 86400 seconds")
        }
        if let gracePeriod, !(0...86_400).contains(gracePeriod) {
            throw ValidationError("--grace-period is between 0 and 86400 seconds")
        }
    }

    /// - Returns: how the run ended; nil where only the plan was printed.
    func run(_ inventory: Inventory, verb: String, _ connection: ConnectionOptions) async throws -> Outcome? {
        let options = options(keepsVersion: verb == "apply")
        let site = try Site.upgrade(inventory, options)
        if dryRun {
            PlanCommand.write(site.plan, as: output)
            return nil
        }
        let chosen = try inventory.nodes(limit: limit)
        let connections = try await Connections(inventory, options: connection)
        let run = Run(site: site, limit: chosen, verb: verb)
        return try await run.perform(by: connections) { review, facts in
            for note in UpgradePreflight(inventory, options).notes(facts) { Standard.error("note: \(note)") }
            return Agreement.isGiven(to: review, yes: yes, look: "\(verb) --dry-run")
        }
    }

    private func options(keepsVersion: Bool) -> Upgrade.Options {
        var options = Upgrade.Options()
        options.keepsVersion = keepsVersion
        if let atOnce = WorkersAtOnce(workersAtOnce) { options.workersAtOnce = atOnce }
        options.drain.timeoutSeconds = drainTimeout
        options.drain.gracePeriodSeconds = gracePeriod
        options.drain.deletesEmptyDirData = deleteEmptydirData
        options.drain.force = force
        options.drain.disablesEviction = disableEviction
        return options
    }
}
