import ArgumentParser

struct RouterApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Lead each router's FRR to the inventory: by the difference alone, taken back unless confirmed.",
        discussion: """
            One router at a time. FRR checks the commands before; what runs is saved, and the router puts it back by \
            itself unless a new SSH connection confirms that every session it had is established again. Only then is it \
            written. What somebody else configured there is left alone.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Flag(name: [.short, .long], help: "Do not ask before changing something.")
    var yes = false

    func run() async throws {
        let site = try Site.routers(try argument.read())
        guard site.plan.phases.contains(where: { !$0.work.isEmpty }) else {
            Standard.error("error: the inventory has no router that clusterctl may change")
            throw ExitStatus.failed
        }
        let connections = try await Connections(site.inventory, options: connection)
        let run = Run(site: site, limit: nil, verb: "router apply")
        let outcome = try await run.perform(by: connections) { review, _ in
            Agreement.isGiven(to: review, yes: yes, look: "router plan")
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
    }
}
