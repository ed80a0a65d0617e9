import ArgumentParser
import Engine
import Inventory
import Phases

struct RouterPlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Connect, read-only, and show the commands that would lead each router's FRR to the inventory.")

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Flag(help: "Exit 2 when there are changes pending.")
    var detailedExitcode = false

    func run() async throws {
        let inventory = try argument.read()
        let state = try await RouterState.ask(inventory, connection)
        Standard.output(RouterText.plan(state))
        try RouterText.throwIfSilent(state)
        if state.routers.contains(where: { !$0.refusals.isEmpty || $0.silence != nil }) { throw ExitStatus.failed }
        if detailedExitcode, state.routers.contains(where: \.isPending) { throw ExitStatus.changesPending }
    }
}

extension RouterState {
    /// Asks all routers at once, one exec each.
    ///
    /// - Throws: `ExitStatus` where the inventory has no router that may be asked.
    static func ask(_ inventory: Inventory, _ options: ConnectionOptions) async throws -> RouterState {
        let asks = asks(inventory)
        guard !asks.isEmpty else {
            Standard.error("error: the inventory has no router that clusterctl logs in to")
            throw ExitStatus.failed
        }
        let site = try Site.routers(inventory)
        let fleet = try await Connections.fleet(site, options: options, canWrite: false, readsSecrets: true)
        let (facts, unreachable) = await fleet.ask(
            asks, steps: passwords(inventory),
            nodes: inventory.routers.filter { $0.management != .none }.map { NodeName($0.name) })
        await fleet.close()
        return RouterState(inventory, facts: facts, unreachable: unreachable.mapValues(\.message))
    }
}
