import ArgumentParser
import Engine
import Foundation
import Phases

struct EtcdListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract:
            "List the snapshots that lie on the servers. Also where K3s does not run. Exits 4 when a server was not asked."
    )

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let (facts, unreachable) = try await ServerAnswers.ask(site, [EtcdSnapshots.probe], connection: connection)
        let snapshots = EtcdSnapshots(site.inventory, facts: facts)
        Standard.output(
            output == .json
                ? SnapshotsText.json(snapshots, cluster: site.inventory.name) : SnapshotsText.table(snapshots))
        if !unreachable.isEmpty { throw ExitStatus.unreachable }
    }
}

/// Snapshots as a table for people and as JSON (docs/etcd.md).
enum SnapshotsText {
    static func table(_ snapshots: EtcdSnapshots) -> String {
        guard !snapshots.rows.isEmpty else { return "no snapshots\n" }
        return TextTable.text(
            ["SNAPSHOT", "NODE", "BYTES", "MADE"],
            snapshots.rows.map { [$0.name, $0.node.rawValue, "\($0.sizeBytes)", time($0)] })
    }

    static func json(_ snapshots: EtcdSnapshots, cluster: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.array("snapshots") { json in
                for row in snapshots.rows {
                    json.object { json in
                        json.field("name", row.name)
                        json.field("node", row.node.rawValue)
                        json.field("bytes", row.sizeBytes)
                        json.field("made", time(row))
                        json.field("path", row.path)
                    }
                }
            }
        }
        return json.text + "\n"
    }

    private static func time(_ row: EtcdSnapshots.Row) -> String {
        Date(timeIntervalSince1970: TimeInterval(row.madeAt)).formatted(.iso8601)
    }
}
