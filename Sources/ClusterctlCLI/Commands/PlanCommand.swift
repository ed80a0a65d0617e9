import ArgumentParser
import Engine
import Inventory

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

    @Flag(help: "With --live: exit 2 when there are changes pending.")
    var detailedExitcode = false

    func validate() throws {
        if detailedExitcode && !live { throw ValidationError("--detailed-exitcode needs --live") }
        if live && output != .text { throw ValidationError("--live prints text; leave --output out") }
    }

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        guard live else { return PlanCommand.write(site.plan, as: output) }
        let review = try await LiveReview.ask(site, connection: connection)
        Standard.output(ReviewText.render(review, plan: site.plan))
        if detailedExitcode && !review.items.isEmpty { throw ExitStatus.changesPending }
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
