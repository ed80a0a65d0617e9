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

    /// The inventory without them; where the primary is one, the first server that is left stands for it.
    func part(of inventory: Inventory) throws -> Inventory {
        let names = names
        let unknown = names.filter { inventory.node(named: $0) == nil }
        guard unknown.isEmpty else {
            throw ValidationError("--without names no node of this inventory: \(unknown.joined(separator: ", "))")
        }
        var part = inventory
        part.nodes.removeAll { names.contains($0.name) }
        guard let first = part.nodes.firstIndex(where: \.isControlPlane) else {
            throw ValidationError("--without names all servers: none is left to begin with")
        }
        if !part.nodes.contains(where: \.isPrimary) {
            part.nodes[first].isPrimary = true
            Standard.error(
                "note: \(part.nodes[first].name) stands for the primary, \(inventory.primary.name), until that is there again "
                    + "or 'node replace' has put another machine in its place")
        }
        return part
    }
}

/// Questions to the servers, outside of any run.
enum ServerAnswers {
    /// The servers that nobody reaches, which a verb can go without.
    ///
    /// - Throws: `ExitStatus.unreachable` where one refuses us, or none is reached.
    static func away(_ inventory: Inventory, connection: ConnectionOptions) async throws -> Set<String> {
        let site = try Site(inventory, orders: .current)
        let (_, unreachable) = try await ask(site, [], connection: connection)
        guard unreachable.values.allSatisfy({ $0.kind == .unreachable }) else { throw ExitStatus.unreachable }
        let names = unreachable.keys.map(\.rawValue)
        if !names.isEmpty { Standard.error("note: going on without \(names.sorted().joined(separator: ", "))") }
        return Set(names)
    }

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
