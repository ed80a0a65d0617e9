import ArgumentParser
import Engine
import Inventory

struct GuardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard",
        abstract: "Look at the guards on the nodes, and keep or take back by hand what is unconfirmed.",
        subcommands: [
            GuardStatusCommand.self, GuardConfirmCommand.self, GuardRollbackCommand.self, GuardRehearseCommand.self,
        ])
}

/// The inventory, and one node of it.
struct GuardedNode: ParsableArguments {
    @OptionGroup var argument: InventoryArgument
    @Argument(help: "The node.")
    var node: String
    @OptionGroup var connection: ConnectionOptions

    @Flag(name: [.short, .long], help: "Do not ask before changing something.")
    var yes = false

    /// The node at its own address, and its guard's report; without a guard there, or a way to it, the command ends.
    func open() async throws -> (site: Site, fleet: SSHFleet, name: NodeName, report: GuardReport) {
        try await open { connections, site in try await connections.fleet(site, canWrite: true, readsSecrets: false) }
    }

    /// As `open()`, by the node's rescue path.
    func openRescue() async throws -> (site: Site, fleet: RescueFleet, name: NodeName, report: GuardReport) {
        try await open { connections, _ in
            try await Connections.told { try await connections.rescueFleet([NodeName(node)]) }
        }
    }

    private func open<Fleet: GuardFleet>(
        by connect: (Connections, Site) async throws -> Fleet
    ) async throws -> (site: Site, fleet: Fleet, name: NodeName, report: GuardReport) {
        let site = try Site(try argument.read(), orders: .current)
        guard let found = site.inventory.host(named: node) else {
            throw ValidationError("there is no node '\(node)' in this inventory")
        }
        let name = NodeName(node)
        let fleet = try await connect(try await Connections(site.inventory, options: connection), site)
        do throws(LinkFailure) {
            if let report = try await fleet.guardReport(name) { return (site, fleet, name, report) }
        } catch {
            await fleet.close()
            Standard.error("\(name): error: \(error.message)")
            if let found = found as? Node {
                OutOfBandCard.lines(found, .unknown, in: site.inventory).forEach(Standard.error)
            }
            throw ExitStatus.unreachable
        }
        await fleet.close()
        Standard.error("\(name): error: no guard is installed there; 'clusterctl bootstrap' does that")
        throw ExitStatus.failed
    }

    /// Asks on the terminal, unless told not to.
    func agrees(_ question: String) throws {
        if yes || Standard.asks(question) { return }
        Standard.error("nothing was changed: not agreed to; '--yes' does not ask")
        throw ExitStatus.failed
    }
}
