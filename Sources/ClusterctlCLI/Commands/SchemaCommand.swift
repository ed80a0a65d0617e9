import ArgumentParser
import Inventory

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of inventories, for editors.")

    func run() { Standard.output(InventorySchema.json()) }
}
