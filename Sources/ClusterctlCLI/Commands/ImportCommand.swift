import ArgumentParser

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make an inventory of what another tool has.",
        subcommands: [ImportAnsibleCommand.self])
}
