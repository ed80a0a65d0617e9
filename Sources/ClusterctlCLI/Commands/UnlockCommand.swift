import ArgumentParser
import Engine
import Foundation

struct UnlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Show which run has the lease and what it is doing, and take it away if you agree.",
        discussion: """
            Hardly ever needed: a lease lapses a minute after its owner's last sign of life, and the next run on the same \
            machine does not wait for a process that was killed there. A run whose lease is taken away changes nothing \
            more; what its guards protect they take back when their windows have passed.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions

    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false

    func run() async throws {
        let site = try Site(try argument.read(), orders: .current)
        let asked = site.nodes.filter(site.changedNodes.contains)
        let fleet = try await Connections.fleet(site, options: connection, canWrite: true, readsSecrets: false)
        do {
            try await unlock(asked, fleet, name: site.inventory.name)
        } catch {
            await fleet.close()
            throw error
        }
        await fleet.close()
    }

    private func unlock(_ asked: [NodeName], _ fleet: SSHFleet, name: String) async throws {
        let states = await fleet.leaseStates(asked)
        let guards = await GuardStatusCommand.ask(asked, fleet)
        let rows = asked.map { NodeLease(node: $0, lease: states[$0], report: guards[$0]) }
        Standard.output(NodeLease.table(rows))
        let known = rows.compactMap(\.state)
        let isCutShort = known.count < rows.count
        let held = rows.filter { $0.state?.holder != nil }
        guard !held.isEmpty else {
            guard isCutShort else { return Standard.output("\(name): nobody has the lease\n") }
            Standard.error("\(name): no node that answered has the lease; ask again when all of them do")
            throw ExitStatus.unreachable
        }
        for line in held.flatMap({ $0.warnings(among: rows) }) { Standard.error(line) }
        guard yes || Standard.asks("Take the lease away?") else {
            Standard.error("nothing was changed: not agreed to; '--yes' does not ask")
            throw ExitStatus.failed
        }
        let next = (known.map(\.fence).max() ?? 0) + 1
        for row in held {
            guard let lease = row.state?.holder else { continue }
            guard try await fleet.endLease(lease, next: next, on: row.node) else {
                Standard.error("\(row.node): error: the lease has changed hands meanwhile; look again")
                throw ExitStatus.leaseHeld
            }
        }
        for row in rows where row.state != nil { _ = try await fleet.lease(row.node, .claim) }
        Standard.output("\(name): the lease is free; programs that were at work stop before their next change\n")
        if isCutShort { throw ExitStatus.unreachable }
    }
}

/// What one node says of the lease, of programs at work and of its guard.
struct NodeLease {
    let node: NodeName
    let state: LeaseState?
    let failure: LinkFailure?
    let report: GuardReport?

    init(node: NodeName, lease: Result<LeaseState, LinkFailure>?, report: Result<GuardReport?, LinkFailure>?) {
        self.node = node
        switch lease {
        case .success(let state): (self.state, failure) = (state, nil)
        case .failure(let failure): (state, self.failure) = (nil, failure)
        case nil: (state, failure) = (nil, nil)
        }
        self.report = (try? report?.get()) ?? nil
    }

    static func table(_ rows: [NodeLease]) -> String {
        TextTable.text(
            ["NODE", "LEASE", "AT WORK", "GUARD"],
            rows.map { row in
                guard let state = row.state else { return [row.node.rawValue, "no SSH", "-", "-"] }
                let programs = state.programs.map { String($0.prefix(8)) }
                return [
                    row.node.rawValue, state.holder.map { "\($0.owner.prefix(8)), number \($0.fence)" } ?? "-",
                    programs.isEmpty ? "-" : programs.joined(separator: " "), row.guardWords,
                ]
            }) + rows.compactMap { row in row.failure.map { "\(row.node): error: \($0.message)\n" } }.joined()
    }

    private var guardWords: String {
        guard let report, let phase = report.phase, report.isUnconfirmed else { return "-" }
        return "\(phase): \(report.note)"
    }

    /// What would be broken.
    func warnings(among rows: [NodeLease], by controller: Controller = .current) -> [String] {
        guard let holder = state?.holder else { return [] }
        var lines = ["\(node): held by \(holder.description); lapses in \(holder.leftSeconds) s unless it shows life"]
        if controller.sees(holder) {
            lines.append("  that process is still there, on this machine: end it with Ctrl-C there instead")
        }
        let busy = rows.filter { $0.state?.programs.contains(holder.owner) == true }.map(\.node.rawValue)
        if !busy.isEmpty { lines.append("  its programs are at work on \(busy.joined(separator: ", "))") }
        for row in rows where row.report?.isUnconfirmed == true {
            lines.append("  \(row.node): \(row.guardWords)")
        }
        return lines
    }
}
