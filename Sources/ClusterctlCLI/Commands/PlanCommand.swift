import ArgumentParser
import Engine
import Inventory
import Phases

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what bootstrap does: phases, files, commands, gates, guard and undo.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, markdown, mermaid }

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(name: [.short, .long], help: "text, json, markdown or mermaid.")
    var output = Format.text

    @Flag(help: "Connect, read-only, and show only what would really change, with a diff for each file.")
    var live = false

    @Option(help: "With --live: look only at what would be changed on these nodes; names separated by commas.")
    var limit: String?

    @Option(
        help: "Save the plan in this file as well, for 'bootstrap --plan'; with --live also what it was made from.",
        completion: .file(extensions: ["json"]))
    var out: String?

    @Flag(help: "With --live: exit 2 when there are changes pending.")
    var detailedExitcode = false

    func validate() throws {
        if detailedExitcode && !live { throw ValidationError("--detailed-exitcode needs --live") }
        if limit != nil && !live { throw ValidationError("--limit needs --live") }
        if live && output != .text { throw ValidationError("--live prints text; leave --output out") }
    }

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let chosen = try site.inventory.nodes(limit: limit)
        guard live else {
            PlanCommand.write(site.plan, as: output)
            return try save(site, facts: nil)
        }
        let (review, found, outcome) = try await LiveReview.ask(site, connection: connection, limit: chosen)
        for note in site.notes(found) { Standard.error("note: \(note)") }
        Standard.output(ReviewText.render(review, plan: site.plan))
        for note in LeftAddonsQuestion.notes(site.inventory, found) { Standard.error("note: \(note)") }
        try save(site, facts: PlanFacts(review, found, of: site, limit: chosen))
        if detailedExitcode && !review.items.isEmpty { throw ExitStatus.changesPending }
        if detailedExitcode, case .unfinished = outcome { throw outcome.exitCode }
    }

    private func save(_ site: Site, facts: PlanFacts?) throws {
        guard let out else { return }
        try SavedPlan.write(site.plan, facts: facts, to: out)
        guard let facts else {
            return Standard.error(
                "saved in \(out) from the inventory alone: no node was asked, and 'bootstrap --plan' refuses it only when "
                    + "the inventory gives another plan")
        }
        Standard.error("saved in \(out); facts \(facts.digest)")
    }

    static func write(_ plan: Plan, as format: Format) {
        switch format {
        case .text: PlanText.write(plan, style: .text, to: Standard.output)
        case .markdown: PlanText.write(plan, style: .markdown, to: Standard.output)
        case .json: PlanJSON.write(plan, to: Standard.output)
        case .mermaid: Standard.output(PlanText.mermaid(plan))
        }
    }
}
