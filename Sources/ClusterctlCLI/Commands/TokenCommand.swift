import ArgumentParser
import Engine
import Inventory
import Phases

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "The token with which nodes join.", subcommands: [TokenRotateCommand.self])
}

struct TokenRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Change the token of a living cluster to the one that the inventory has now.",
        discussion: """
            K3s on one server is told the new token; then all servers get it, and K3s is started anew on them one at a time, and \
            then on the workers. Each has to take the new token, and the earlier one no more. The same command goes on where \
            one has ended. Snapshots from before can be restored with the earlier token only: keep it.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RenewalOptions

    func run() async throws {
        let inventory = try argument.read()
        guard inventory.k3s.token != nil else {
            Standard.error(
                "\(argument.inventory): error: the inventory does not say where the token is found, so that there is no new "
                    + "one (k3s.token)")
            Standard.error("  why: without it the token was made on the primary, and nobody else knows it")
            Standard.error(
                "  fix: make one, such as by 'openssl rand -hex 32', keep it where you keep secrets, and write where that is: "
                    + "k3s: {token: {file: ...}}")
            throw ExitStatus.invalidInventory
        }
        let order = TokenRotate.order(for: inventory, workersAtOnce: options.atOnce)
        let site = try Site.living(inventory, order: order)
        if options.dryRun { return PlanCommand.write(site.plan, as: options.output) }
        try await options.run(site, verb: "token rotate", connection) { TokenPreflight(inventory).notes($0) }
    }
}

/// What verbs have in common that renew on all nodes what these trust each other by.
struct RenewalOptions: ParsableArguments {
    @Option(help: "How many workers are started anew at a time: a number, or a share such as 25%; never all of them.")
    var workersAtOnce = "1"

    @Flag(help: "Print the plan and touch nothing.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    @Flag(name: [.short, .long], help: "Do not ask before changing something.")
    var yes = false

    func validate() throws {
        guard WorkersAtOnce(workersAtOnce) != nil else {
            throw ValidationError("--workers-at-once is a number above 0, or a share such as 25%")
        }
    }

    var atOnce: WorkersAtOnce { WorkersAtOnce(workersAtOnce) ?? .number(1) }

    /// - Parameter notes: what is said before agreement is asked for.
    func run(
        _ site: Site, verb: String, _ connection: ConnectionOptions, notes: @escaping (Facts) -> [String]
    ) async throws {
        let connections = try await Connections(site.inventory, options: connection)
        let run = Run(site: site, limit: nil, verb: verb)
        let outcome = try await run.perform(by: connections) { review, facts in
            for note in notes(facts) { Standard.error("note: \(note)") }
            return Agreement.isGiven(to: review, yes: yes, look: "\(verb) --dry-run")
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
    }
}
