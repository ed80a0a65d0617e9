import ArgumentParser
import Engine
import Foundation

struct BootstrapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bootstrap",
        abstract:
            "Carry the plan out: from bare machines, or from wherever an earlier run stopped, to a verified cluster.")

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Flag(help: "Print the plan and touch nothing.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    @Flag(name: [.short, .long], help: "Do not ask before changing something.")
    var yes = false

    @Option(help: "Only change these nodes; names separated by commas.")
    var limit: String?

    @Option(
        help:
            "Carry out this saved plan ('plan --out') and nothing else; exit 8 when what it was made from has changed.",
        completion: .file(extensions: ["json"]))
    var plan: String?

    func validate() throws {
        if dryRun && plan != nil {
            throw ValidationError("--dry-run prints the inventory's plan; to look at a saved one, open its file")
        }
    }

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        if dryRun { return PlanCommand.write(site.plan, as: output) }
        let chosen = try site.inventory.nodes(limit: limit)
        let saved = try plan.flatMap { try SavedPlan.read($0, for: site, limit: chosen) }
        let nodes = saved?.nodes ?? chosen
        let connections = try await Connections(site.inventory, options: connection)
        let run = Run(site: site, limit: nodes, verb: "bootstrap", plannedFrom: saved)
        let outcome = try await run.perform(by: connections) { review, facts in
            for note in site.notes(facts) { Standard.error("note: \(note)") }
            return Agreement.isGiven(to: review, yes: yes, look: "plan --live")
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
    }
}

/// Whether the user agrees to what a run would do.
enum Agreement {
    /// - Parameter look: the verb that shows the same without doing it.
    static func isGiven(to review: Review, yes: Bool, look: String) -> Bool {
        let count = review.items.count
        Standard.error("\(count) task\(count == 1 ? "" : "s") pending:")
        for item in review.items { Standard.error("  \(item.task): \(item.reason)") }
        if yes { return true }
        guard isatty(STDIN_FILENO) == 1 else {
            Standard.error(
                "not asked for agreement: standard input is no terminal; use --yes, or '\(look)' to look")
            return false
        }
        return Standard.asks("Go on?")
    }
}

/// A survey without a run: what a live plan shows.
enum LiveReview {
    static func ask(
        _ site: Site, connection: ConnectionOptions, limit: Set<NodeName>?
    ) async throws -> (Review, Facts, Outcome) {
        let fleet = try await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: true)
        let machine = site.machine(limit: limit, mayChange: false)
        var found = (Review(items: []), Facts())
        let console = Console()
        let driver = Driver(
            fleet: fleet, tell: { $0.filter(\.isLostLink).forEach(console.show) },
            approve: { review, facts in
                found = (review, facts)
                return .declined
            })
        let outcome = await driver.run(machine, interrupts: Interrupts.stream())
        await fleet.close()
        switch outcome {
        case .declined, .nothingToDo, .unfinished: return (found.0, found.1, outcome)
        default:
            OutcomeText.lines(outcome, site: site, journal: "").forEach(Standard.error)
            throw outcome.exitCode
        }
    }
}
