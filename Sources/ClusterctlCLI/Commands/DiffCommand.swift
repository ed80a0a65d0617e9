import ArgumentParser
import Engine
import Phases

struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what machines and cluster have otherwise than the inventory, or besides it; changes nothing.",
        discussion: """
            One login and one exec a node. 'plan --live' shows what a run would do; this also shows what no run touches: \
            nodes and members that only the cluster knows, addons that were left, files that K3s reads and clusterctl has \
            not written, versions of nodes that others keep.

            Exit status: 0 no difference, 2 some, 4 a node could not be asked.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let fleet = try await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: true)
        let (asks, steps) = Drift.asks(site.inventory, plan: site.plan)
        let (facts, unreachable) = await fleet.ask(asks, steps: steps, nodes: site.nodes)
        await fleet.close()
        let drift = Drift(site.inventory, order: site.order, facts: facts, unreachable: Set(unreachable.keys))
        let notAsked = site.nodes.filter { unreachable[$0] != nil }
        Standard.output(
            output == .json
                ? DriftText.json(drift, cluster: site.inventory.name, notAsked: notAsked)
                : DriftText.text(drift, cluster: site.inventory.name, nodes: site.nodes, notAsked: notAsked))
        for node in notAsked { unreachable[node].map { Standard.error("\(node): error: \($0.message)") } }
        if !unreachable.isEmpty { throw ExitStatus.unreachable }
        if !drift.items.isEmpty { throw ExitStatus.changesPending }
    }
}

/// Differences for people, by node, and as JSON (docs/diff.md).
enum DriftText {
    static func text(_ drift: Drift, cluster: String, nodes: [NodeName], notAsked: [NodeName]) -> String {
        var lines: [String] = []
        for place in nodes.map(\.rawValue) + ["cluster"] {
            let items = drift.items.filter { $0.place == place }
            if items.isEmpty { continue }
            lines.append("\(place):")
            for item in items {
                if let change = item.change {
                    lines += ReviewText.render(change)
                } else {
                    lines.append("  \(item.what)" + (item.fix.map { "; \($0)" } ?? ""))
                }
            }
        }
        let count = drift.items.count
        let rest = count == 0 ? "no difference" : "\(count) difference\(count == 1 ? "" : "s")"
        let lost = notAsked.isEmpty ? "" : "; not asked: \(notAsked.map(\.rawValue).joined(separator: ", "))"
        lines.append("\(cluster): \(rest)\(lost)")
        return lines.joined(separator: "\n") + "\n"
    }

    static func json(_ drift: Drift, cluster: String, notAsked: [NodeName]) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.field("differs", !drift.items.isEmpty)
            json.field("notAsked", notAsked.map(\.rawValue))
            json.array("differences") { json in
                for item in drift.items { write(item, to: &json) }
            }
        }
        return json.text + "\n"
    }

    static func write(_ item: Drift.Item, to json: inout JSONWriter) {
        json.object { json in
            json.field("kind", item.kind.rawValue)
            json.field("place", item.place)
            if let phase = item.phase { json.field("phase", phase.rawValue) }
            json.field("what", item.what)
            if let fix = item.fix { json.field("fix", fix) }
            guard let change = item.change else { return }
            let description = Description(change.step.operation)
            json.field("operation", description.kind)
            json.field("subject", description.subject)
            if case .file(_, .text(let wanted), _) = change.step.operation {
                json.field("diff", LineDiff.unified(from: ReviewText.current(change), to: wanted))
            } else if !change.current.isEmpty {
                json.field("now", ReviewText.current(change))
            }
        }
    }
}
