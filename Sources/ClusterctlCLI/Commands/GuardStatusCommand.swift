import ArgumentParser
import Engine
import Foundation
import Inventory

struct GuardStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show each node's guard: what is unconfirmed, and what was taken back last.")

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "Only these nodes.")
    var nodes: [String] = []

    @Flag(help: "Also the end of each guard's log.")
    var log = false

    @Flag(help: "By the nodes' rescue paths ('outOfBand' in the inventory); without names, all nodes that have one.")
    var outOfBand = false

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let unknown = nodes.filter { site.inventory.host(named: $0) == nil }
        guard unknown.isEmpty else {
            throw ValidationError("there is no node \(unknown.joined(separator: ", ")) in this inventory")
        }
        let rescued = site.inventory.nodes.filter { $0.profile.outOfBand.rescue != nil }.map { NodeName($0.name) }
        let all = outOfBand ? rescued : site.nodes
        let asked = nodes.isEmpty ? all : site.nodes.filter { nodes.contains($0.rawValue) }
        let fleet = try await fleet(site, asked)
        let reports = await GuardStatusCommand.ask(asked, fleet)
        await fleet.close()
        Standard.output(GuardStatusCommand.table(asked.map { ($0, reports[$0]) }))
        for node in asked {
            guard case .success(let report?) = reports[node], log else { continue }
            Standard.output("\n\(node):\n" + report.log.map { "  \($0)\n" }.joined())
        }
        for node in asked {
            if case .failure(let failure) = reports[node] { Standard.error("\(node): error: \(failure.message)") }
        }
        for node in site.inventory.nodes {
            guard case .failure = reports[NodeName(node.name)], node.hasCard else { continue }
            OutOfBandCard.lines(node, .unknown, in: site.inventory).forEach(Standard.error)
        }
        if reports.values.contains(where: { if case .failure = $0 { true } else { false } }) {
            throw ExitStatus.unreachable
        }
    }

    private func fleet(_ site: Site, _ nodes: [NodeName]) async throws -> any GuardFleet {
        let connections = try await Connections(site.inventory, options: connection)
        guard outOfBand else { return try await connections.fleet(site, canWrite: false, readsSecrets: false) }
        return try await Connections.told { try await connections.rescueFleet(nodes) }
    }

    static func ask(
        _ nodes: [NodeName], _ fleet: any GuardFleet
    ) async -> [NodeName: Result<GuardReport?, LinkFailure>] {
        await withTaskGroup(of: (NodeName, Result<GuardReport?, LinkFailure>).self) { group in
            for node in nodes {
                group.addTask {
                    let report = await attempt { () async throws(LinkFailure) -> GuardReport? in
                        try await fleet.guardReport(node)
                    }
                    return (node, report)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    static func table(_ rows: [(NodeName, Result<GuardReport?, LinkFailure>?)]) -> String {
        let head = ["NODE", "GUARD", "PHASE", "NOTE"]
        let cells = rows.map { node, result -> [String] in
            switch result {
            case .success(let report?):
                [node.rawValue, report.word, report.phase?.rawValue ?? "-", report.note]
            case .success(nil): [node.rawValue, "not installed", "-", ""]
            case .failure, nil: [node.rawValue, "no SSH", "-", ""]
            }
        }
        return TextTable.text(head, cells)
    }
}

extension Node {
    /// Whether a change can have cut it off, or somebody has written down how to get there all the same.
    fileprivate var hasCard: Bool { hasArmedGuards || profile.outOfBand != OutOfBand() }
}

extension GuardReport {
    /// One word or two for the state.
    var word: String {
        switch state {
        case .none: "idle"
        case .armed: untilEpochSeconds == nil ? "saved" : "armed"
        case .armedOtherwise: "armed"
        case .firing: "taking back"
        case .held: "held"
        case .rolledBack: "took back"
        case .confirmed: "confirmed"
        case .failed: "failed"
        }
    }

    /// What there is to know besides.
    var note: String {
        func time(_ epochSeconds: Int) -> String {
            Date(timeIntervalSince1970: TimeInterval(epochSeconds)).formatted(.iso8601.dateTimeSeparator(.space))
        }
        switch state {
        case .none, .confirmed, .armedOtherwise: return ""
        case .armed:
            return untilEpochSeconds.map { "fires at \(time($0)) (its clock) unless it hears of a run" }
                ?? "without a clock: it is taken back only when told"
        case .firing: return "at work"
        case .held(_, let rung):
            let when = untilEpochSeconds.map { " at \(time($0)) (its clock)" } ?? ""
            return "let SSH in again at rung \(rung) of 3; goes on\(when) unless it hears of a run"
        case .rolledBack(let rollback):
            let when = rollback.atEpochSeconds.map { "at \(time($0)), " } ?? ""
            return when + "because: \(rollback.because)"
                + (rollback.isComplete ? "; all is as it was" : "; left: \(rollback.left)")
        case .failed(let why): return why
        }
    }
}
