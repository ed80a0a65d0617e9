import ArgumentParser
import Phases

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check an inventory and report every mistake with its place; contacts nothing.")

    @OptionGroup var argument: InventoryArgument

    func run() throws {
        let inventory = try argument.read()
        let count = inventory.nodes.count
        Standard.output("\(argument.inventory): \(count) node\(count == 1 ? "" : "s"), no mistakes\n")
    }
}
