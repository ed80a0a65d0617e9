import ArgumentParser

struct RouterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "router",
        abstract: "Change the routers' end of the BGP sessions, and look at it.",
        subcommands: [RouterPlanCommand.self, RouterApplyCommand.self, RouterVerifyCommand.self])
}
