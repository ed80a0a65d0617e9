import ArgumentParser
import Engine
import Foundation
import Inventory
import Phases

struct EtcdCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "etcd",
        abstract: "Take, list and restore snapshots of etcd, and look at its members.",
        subcommands: [
            EtcdSnapshotCommand.self, EtcdListCommand.self, EtcdMembersCommand.self, EtcdRestoreCommand.self,
        ])
}

/// Nodes that a verb goes without, because they are lost.
struct WithoutOptions: ParsableArguments {
    @Option(help: "Go on without these nodes, which are lost; names separated by commas.")
    var without: String?

    var names: [String] { (without ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } }

    /// The inventory without them.
    func part(of inventory: Inventory) throws -> Inventory {
        let names = names
        let unknown = names.filter { inventory.node(named: $0) == nil }
        guard unknown.isEmpty else {
            throw ValidationError("--without names no node of this inventory: \(unknown.joined(separator: ", "))")
        }
        guard !names.contains(inventory.primary.name) else {
            throw ValidationError(
                "--without names the primary: where it is lost, make another server 'primary: true' in the inventory, and leave "
                    + "\(inventory.primary.name) out of it")
        }
        var part = inventory
        part.nodes.removeAll { names.contains($0.name) }
        return part
    }
}

/// Questions to the servers, outside of any run.
enum ServerAnswers {
    /// - Throws: `ExitStatus.unreachable` where nobody at all answers.
    static func ask(
        _ site: Site, _ probes: [Probe], connection: ConnectionOptions
    ) async throws -> (facts: Facts, unreachable: [NodeName: LinkFailure]) {
        let fleet = try await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: false)
        let nodes = site.inventory.controlPlane.map { NodeName($0.name) }
        let asks = nodes.flatMap { node in probes.map { Ask(node, $0) } }
        let (facts, unreachable) = await fleet.ask(asks, nodes: nodes)
        await fleet.close()
        for node in nodes { unreachable[node].map { Standard.error("\(node): error: \($0.message)") } }
        if unreachable.count == nodes.count { throw ExitStatus.unreachable }
        return (facts, unreachable)
    }
}
