import ArgumentParser
import Engine

struct GuardRollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Take back now what is unconfirmed on a node. Exits 6 when not all of it could be put back.")

    @OptionGroup var chosen: GuardedNode

    @Flag(help: "By the node's rescue path ('outOfBand' in the inventory), beside its own address.")
    var outOfBand = false

    func run() async throws {
        if outOfBand {
            let (_, fleet, node, report) = try await chosen.openRescue()
            try await takeBack(fleet, node, report)
        } else {
            let (_, fleet, node, report) = try await chosen.open()
            try await takeBack(fleet, node, report)
        }
    }

    private func takeBack(_ fleet: some GuardFleet, _ node: NodeName, _ report: GuardReport) async throws {
        do {
            guard report.isUnconfirmed, let phase = report.phase else {
                Standard.error("\(node): nothing is unconfirmed there: its guard is \(report.word)")
                throw ExitStatus.failed
            }
            try chosen.agrees("take \(phase) back on \(node)?")
            Standard.error("\(node): taking \(phase) back")
            let state = try await fleet.rollBackGuard(phase, on: node)
            for line in try await fleet.guardReport(node)?.log.suffix(20) ?? [] { Standard.error("  | \(line)") }
            guard case .rolledBack(let rollback) = state else {
                Standard.error("\(node): error: not taken back: \(state.words)")
                throw ExitStatus.unconfirmed
            }
            Standard.output("\(node): \(rollback.words(by: .controller))\n")
            if !rollback.isComplete { throw ExitStatus.unconfirmed }
        } catch {
            await fleet.close()
            throw GuardRollbackCommand.told(error, node)
        }
        await fleet.close()
    }

    /// A lost connection in words; what the node does meanwhile it does without us.
    static func told(_ error: any Error, _ node: NodeName) -> any Error {
        guard let failure = error as? LinkFailure else { return error }
        Standard.error("\(node): error: \(failure.message)")
        Standard.error("  whether it was done is not known: see 'clusterctl guard status'")
        return ExitStatus.unreachable
    }
}
