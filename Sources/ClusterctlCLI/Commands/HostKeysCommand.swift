import ArgumentParser

struct HostKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host-keys", abstract: "Show the nodes' host keys, and pin them.",
        subcommands: [HostKeysScanCommand.self])
}
