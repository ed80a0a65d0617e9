import ArgumentParser
import Engine
import Foundation
import Inventory
import Phases

struct CertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certs",
        abstract: "The certificates that K3s has made: when they end, and new ones.",
        subcommands: [CertsCheckCommand.self, CertsRotateCommand.self])
}

/// A number of days, as in `90d`.
struct Days: ExpressibleByArgument {
    let number: Int
    var seconds: Int { number * 86400 }

    init(_ number: Int) { self.number = number }

    init?(argument: String) {
        guard argument.hasSuffix("d"), argument.utf8.count <= 6, let number = Int(argument.dropLast()), number >= 0,
            "\(number)d" == argument
        else { return nil }
        self.number = number
    }

    var defaultValueDescription: String { "\(number)d" }
}

struct CertsCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Show when certificates end: one login and one exec a node. Exits 1 when one ends soon.")

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(help: "What ends soon: as in 90d.")
    var within = Days(90)

    @Flag(help: "Show every certificate, and not just what ends first on each node, and what ends soon.")
    var all = false

    @Option(name: [.short, .long], help: "text or json.")
    var output = StatusCommand.Format.text

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let fleet = try await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: false)
        let nodes = site.inventory.nodes.map { NodeName($0.name) }
        let (facts, unreachable) = await fleet.ask(nodes.map { Ask($0, CertsFacts.probe) }, nodes: nodes)
        await fleet.close()
        let report = CertsReport(site.inventory, facts: facts, within: within.seconds)
        let text = CertsText(report: report, within: within)
        Standard.output(output == .json ? text.json(cluster: site.inventory.name) : text.table(all: all))
        for line in output == .text ? text.advice : [] { Standard.error(line) }
        for node in nodes { unreachable[node].map { Standard.error("\(node): error: \($0.message)") } }
        for (node, why) in report.silent { Standard.error("\(node): error: \(why)") }
        if !unreachable.isEmpty { throw ExitStatus.unreachable }
        if !report.silent.isEmpty || !report.endsSoon.isEmpty { throw ExitStatus.failed }
    }
}

struct CertsRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Give the nodes of a living cluster new certificates, one node at a time.",
        discussion: """
            K3s is stopped, takes its leaf certificates away ('k3s certificate rotate') and makes new ones when it starts: on \
            servers one at a time, and then on the workers. Authorities stay: exchanging them is 'k3s certificate rotate-ca'. \
            The same command goes on where one has ended; said again after its end it renews again.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RenewalOptions

    @Option(help: "Only nodes on which a certificate ends within so many days, as in 120d.")
    var expiringWithin: Days?

    func run() async throws {
        let inventory = try argument.read()
        var rotation = CertsRotate.Options()
        rotation.workersAtOnce = options.atOnce
        rotation.endingWithinSeconds = expiringWithin?.seconds
        let site = try Site.living(inventory, order: CertsRotate.order(for: inventory, options: rotation))
        if options.dryRun { return PlanCommand.write(site.plan, as: options.output) }
        let scope = CertsScope(inventory, endingWithinSeconds: rotation.endingWithinSeconds)
        try await options.run(site, verb: "certs rotate", connection) { CertsPreflight(scope).notes($0) }
    }
}

/// When certificates end, as a table for people and as JSON (docs/tokens-and-certificates.md).
struct CertsText {
    let report: CertsReport
    let within: Days

    func table(all: Bool) -> String {
        var seen: Set<NodeName> = []
        let rows = report.rows.filter { row in
            let isFirst = row.kind == .leaf && seen.insert(row.node).inserted
            return all || row.endsSoon || isFirst || row.kind == .authority
        }
        let head = ["ENDS", "LEFT", "NODE", "KIND", "CERTIFICATE", "SUBJECT"]
        return TextTable.text(
            head,
            rows.map { row in
                [
                    row.notAfter.map(CertsText.day) ?? "-", CertsText.left(row.left) + (row.endsSoon ? " !" : ""),
                    row.nodes.count > 1 ? "\(row.node) and \(row.nodes.count - 1) more" : row.node.rawValue,
                    row.kind.rawValue, CertsText.shortened(row.path), row.subject,
                ]
            })
    }

    /// What to do about what ends soon.
    var advice: [String] {
        var lines: [String] = []
        let soon = report.endsSoon
        let leaves = soon.filter { $0.kind != .authority }
        if !leaves.isEmpty {
            let names = unique(leaves.map(\.node.rawValue)).joined(separator: ", ")
            lines.append(
                "on \(names) a certificate ends within \(within.number) days: 'clusterctl certs rotate' gives new ones, and K3s "
                    + "itself does at each start within the last 120 days (90 before May 2025)")
        }
        if soon.contains(where: { $0.kind == .authority }) {
            lines.append(
                "an authority ends within \(within.number) days, and nobody renews it by itself: 'k3s certificate rotate-ca' "
                    + "exchanges it, as K3s' documentation says")
        }
        return lines
    }

    func json(cluster: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.field("withinDays", within.number)
            json.field("endsSoon", !report.endsSoon.isEmpty)
            json.array("certificates") { json in
                for row in report.rows {
                    json.object { json in
                        json.field("node", row.node.rawValue)
                        json.field("kind", row.kind.rawValue)
                        json.field("path", row.path)
                        json.field("subject", row.subject)
                        if let ends = row.notAfter { json.field("ends", CertsText.time(ends)) }
                        if let left = row.left { json.field("secondsLeft", left) }
                        json.field("endsSoon", row.endsSoon)
                        json.field("nodes", row.nodes.map(\.rawValue))
                    }
                }
            }
        }
        return json.text + "\n"
    }

    private func unique(_ names: [String]) -> [String] {
        names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private static func shortened(_ path: String) -> String {
        let root = "/var/lib/rancher/k3s/"
        return path.hasPrefix(root) ? String(path.dropFirst(root.count)) : path
    }

    private static func left(_ seconds: Int?) -> String {
        guard let seconds else { return "-" }
        return seconds < 0 ? "ended" : "\(seconds / 86400) d"
    }

    private static func time(_ seconds: Int) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }

    private static func day(_ seconds: Int) -> String { String(time(seconds).prefix(10)) }
}
