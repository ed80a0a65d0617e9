import ArgumentParser
import Phases

struct NodeReplaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace",
        abstract: "Put a new machine in the place of a dead one, under the same or another name; the primary, too.",
        discussion: """
            First what the cluster keeps of the dead one is cleared away: its member of etcd, the node, its password. Then the \
            new machine joins through a server that serves. The inventory has the new machine's address. A node that the \
            cluster says is ready is not replaced.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: NodeOptions

    @Argument(help: "The node whose machine is dead.")
    var node: String

    @Option(help: "The node that comes in its place, as the inventory names it; without it one of the same name.")
    var with: String?

    func run() async throws {
        let inventory = try argument.read()
        try await options.run(inventory, connection) { found throws(NodeRefusal) in
            try NodeChange(.replace, [node], with: with, of: inventory, found: found)
        }
    }
}
