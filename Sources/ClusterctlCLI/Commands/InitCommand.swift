import ArgumentParser
import Inventory

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a commented inventory to start from.")

    @Argument(help: "The file to write; it must not exist yet.")
    var file = "inventory.yaml"

    func run() throws {
        try NewFile.write(StarterInventory.text, to: file)
        Standard.error("wrote \(file); edit the addresses, then: clusterctl validate \(file)")
    }
}
