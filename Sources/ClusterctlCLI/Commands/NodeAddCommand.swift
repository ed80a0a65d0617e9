import ArgumentParser
import Phases

struct NodeAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Let nodes into a living cluster that the inventory names already, servers one at a time.",
        discussion: """
            Any server that serves lets them in; nodes that cannot be reached are left as they are. The other servers start \
            anew, one at a time, where their certificates have to name a new server. Routers, the endpoint, and the \
            cluster's names follow.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: NodeOptions

    @Argument(help: "The nodes, as the inventory names them.")
    var nodes: [String]

    func run() async throws {
        let inventory = try argument.read()
        try await options.run(inventory, connection) { found throws(NodeRefusal) in
            try NodeChange(.add, nodes, of: inventory, found: found)
        }
    }
}
