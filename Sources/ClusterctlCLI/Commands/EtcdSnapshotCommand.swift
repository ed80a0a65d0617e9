import ArgumentParser
import Crypto
import Engine
import Foundation
import Inventory
import Phases

struct EtcdSnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Take a snapshot of etcd on a server that is well, and bring it here if that is asked for.",
        discussion: """
            A snapshot holds every object of the cluster, Secrets too, and is read with the cluster's token. On the servers \
            it lies beside etcd's data and is lost with them: --to brings it to this machine, readable for its owner alone.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(help: "The beginning of its name; K3s puts the node and the time behind it.")
    var name = "on-demand"

    @Option(help: "Bring it to this file, which must not be there yet.", completion: .file())
    var to: String?

    @Flag(help: "Print the plan and touch nothing.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    func validate() throws {
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789-".utf8)
        guard !name.isEmpty, name.utf8.count <= 60, name.utf8.allSatisfy(allowed.contains), !name.hasPrefix("-") else {
            throw ValidationError("--name takes small letters, digits and hyphens, 60 at most")
        }
        if let to, FileManager.default.fileExists(atPath: to) {
            throw ValidationError("\(to) is there already, and no snapshot is written over anything")
        }
    }

    func run() async throws {
        let inventory = try argument.read()
        if dryRun { return PlanCommand.write(try site(inventory, away: []).plan, as: output) }
        // When a server is lost, a snapshot of what the others have is wanted most.
        let site = try await site(inventory, away: ServerAnswers.away(inventory, connection: connection))
        let nodes = site.nodes
        let connections = try await Connections(inventory, options: connection)
        var server: NodeName?
        let run = Run(site: site, limit: nil, verb: "etcd snapshot")
        let outcome = try await run.perform(by: connections) { review, _ in
            server = review.items.first { $0.task.phase == "take-snapshot" }?.task.node
            return true
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
        let fleet = try await connections.fleet(site, canWrite: false, readsSecrets: false)
        let (facts, _) = await fleet.ask(nodes.map { Ask($0, EtcdSnapshots.probe) }, nodes: nodes)
        let taken = EtcdSnapshots(inventory, facts: facts).rows.first { row in
            row.node == server && row.name.hasPrefix("\(name)-")
        }
        guard let row = taken else {
            await fleet.close()
            Standard.error("error: the snapshot was taken, and \(server?.rawValue ?? "no server") does not list it")
            throw ExitStatus.failed
        }
        do {
            if let to { try await SnapshotFile.bring(row, to: to, by: fleet) }
        } catch {
            await fleet.close()
            throw error
        }
        await fleet.close()
        Standard.output("\(row.name) on \(row.node), \(row.sizeBytes) bytes\(to.map { ", brought to \($0)" } ?? "")\n")
        if to == nil {
            Standard.error(
                "note: it lies on \(row.node) alone, beside etcd's data; 'etcd snapshot --to FILE' brings one here")
        }
    }

    private func site(_ inventory: Inventory, away: Set<String>) throws -> Site {
        var there = inventory
        there.leftOut = away
        return try Site.part(
            of: inventory, there, order: EtcdSnapshotOrder.order(for: there, name: name),
            nodes: inventory.controlPlane.filter { !away.contains($0.name) }.map { NodeName($0.name) })
    }
}

/// A snapshot on the controller.
enum SnapshotFile {
    private static let partsAtOnce = 32

    /// In parts that each fit into an answer; what came is compared with etcd's own checksum at its end.
    static func bring(_ row: EtcdSnapshots.Row, to path: String, by fleet: SSHFleet) async throws {
        let count = (row.sizeBytes + EtcdSnapshots.partBytes - 1) / EtcdSnapshots.partBytes
        var bytes = Data(capacity: row.sizeBytes)
        for first in stride(from: 0, to: count, by: partsAtOnce) {
            let probes = (first..<min(count, first + partsAtOnce)).map { EtcdSnapshots.part($0, of: row) }
            let (facts, unreachable) = await fleet.ask(probes.map { Ask(row.node, $0) }, nodes: [row.node])
            if let failure = unreachable[row.node] {
                Standard.error("\(row.node): error: \(failure.message)")
                throw ExitStatus.unreachable
            }
            for probe in probes {
                guard let answer = facts[row.node, probe], answer.succeeded,
                    let part = Data(base64Encoded: answer.output)
                else {
                    Standard.error("error: \(row.path) on \(row.node) cannot be read to its end")
                    throw ExitStatus.failed
                }
                bytes += part
            }
        }
        guard bytes.count == row.sizeBytes, problem(with: bytes) == nil else {
            Standard.error(
                "error: \(row.path) on \(row.node) did not come whole: \(problem(with: bytes) ?? "it changed meanwhile")"
            )
            throw ExitStatus.failed
        }
        do {
            let whole = bytes
            try PrivateFile.replace(path) { try $0.write(contentsOf: whole) }
        } catch {
            Standard.error("error: \(error)")
            throw ExitStatus.failed
        }
    }

    /// Why these bytes are no whole snapshot of etcd; nil where they are one, or are compressed and K3s will look into them.
    static func problem(with bytes: Data) -> String? {
        if bytes.starts(with: [0x50, 0x4b]) { return nil }
        guard bytes.count % 512 == 32 else { return "it is no whole snapshot of etcd: it has \(bytes.count) bytes" }
        let body = bytes.prefix(bytes.count - 32)
        return Data(SHA256.hash(data: body)) == Data(bytes.suffix(32)) ? nil : "its checksum is another one"
    }
}
