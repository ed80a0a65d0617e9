import ArgumentParser

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Bring what has changed in the inventory to the nodes of a living cluster, one at a time.",
        discussion: """
            Nodes whose files differ get them, and K3s on them is restarted: in the order and with the care of 'upgrade'. \
            What a cluster keeps for life is refused, and so is another version of K3s.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var roll: RollOptions

    func run() async throws {
        let outcome = try await roll.run(try argument.read(), verb: "apply", connection)
        if let outcome, outcome.exitCode != .success { throw outcome.exitCode }
    }
}
