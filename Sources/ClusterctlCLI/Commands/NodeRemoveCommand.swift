import ArgumentParser
import Phases

struct NodeRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take a node out of a living cluster: drained, stopped, forgotten, and its machine cleaned.",
        discussion: """
            A server goes only where etcd keeps its quorum without it. A machine that cannot be reached is left as it is, \
            and must be off. A node that the inventory no longer names is taken out of the cluster all the same. Afterwards \
            delete the node from the inventory.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var draining: DrainOptions
    @OptionGroup var options: NodeOptions

    @Argument(help: "The node, as the inventory or the cluster names it.")
    var node: String

    func run() async throws {
        let inventory = try argument.read()
        let settings = draining.settings
        try await options.run(inventory, connection) { found throws(NodeRefusal) in
            var change = try NodeChange(.remove, [node], of: inventory, found: found)
            change.drain = settings
            return change
        }
    }
}
