import ArgumentParser
import Engine

struct GuardConfirmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Keep what is unconfirmed on a node: over a new connection, as a run does when a gate holds.")

    @OptionGroup var chosen: GuardedNode

    func run() async throws {
        let (_, fleet, node, report) = try await chosen.open()
        do {
            guard report.isUnconfirmed, let phase = report.phase, let nonce = report.nonce else {
                Standard.error("\(node): nothing is unconfirmed there: its guard is \(report.word)")
                throw ExitStatus.failed
            }
            let rung = report.state.heldAtRung
            let too = rung.map { ", with what its guard did up to rung \($0) of 3" } ?? ""
            try chosen.agrees("keep \(phase) on \(node)\(too), though no gate has been asked?")
            let state = try await fleet.confirmGuard(phase, nonce: nonce, rung: rung, on: node)
            guard case .confirmed = state else {
                Standard.error("\(node): error: not confirmed: \(state.words)")
                throw ExitStatus.failed
            }
            Standard.output("\(node): \(phase) stays\(too); its guard is disarmed\n")
            if rung != nil, let line = try await fleet.guardReport(node)?.log.last {
                Standard.error("  | \(line)")
            }
        } catch {
            await fleet.close()
            throw GuardRollbackCommand.told(error, node)
        }
        await fleet.close()
    }
}

extension GuardState {
    /// For people, where it is not what was asked for.
    var words: String {
        switch self {
        case .none: "nothing is armed"
        case .armed(let phase): "it is armed for \(phase)"
        case .armedOtherwise(let phase): "it is armed for \(phase), or by another run"
        case .firing(let phase): "it is taking \(phase) back"
        case .held(let phase, let rung): "it is held for \(phase) at rung \(rung) of 3"
        case .rolledBack(let rollback): "too late, " + rollback.words(by: .node)
        case .confirmed(let phase): "\(phase) is confirmed"
        case .failed(let why): why
        }
    }
}
