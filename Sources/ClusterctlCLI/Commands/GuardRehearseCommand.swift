import ArgumentParser
import Engine
import Synchronization

struct GuardRehearseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse",
        abstract: "Arm a node's guard over a small change, let it fire, and show that the node is as it was.",
        discussion: """
            The change is one file below /run. All that a real phase would save is saved and compared: firewall, \
            rules, routes, attachments, kernel settings, links. Nobody confirms, so that the node takes it back by itself.
            """)

    static let phase: PhaseID = "rehearsal"
    private static let file = "/run/clusterctl-rehearsal"

    @OptionGroup var chosen: GuardedNode

    @Option(help: "Seconds until the guard fires, 10 to 600.")
    var window = 15

    func validate() throws {
        guard (10...600).contains(window) else { throw ValidationError("--window takes 10 to 600 seconds") }
    }

    func run() async throws {
        let (site, fleet, node, report) = try await chosen.open()
        do {
            if report.isUnconfirmed {
                Standard.error("\(node): error: \(report.phase.map { "\($0)" } ?? "a phase") is unconfirmed there")
                throw ExitStatus.failed
            }
            try chosen.agrees("let the guard of \(node) fire over one file below /run?")
            if let refusal = try await fleet.takeLease(keeper: site.keeper ?? node, for: node) {
                OutcomeText.refused(refusal, name: site.inventory.name).forEach(Standard.error)
                throw ExitStatus.leaseHeld
            }
            try await arm(fleet, node)
            Standard.error("\(node): armed and read back; it fires in \(window) s")
            let rollback = try await fired(fleet, node)
            for line in try await fleet.guardReport(node)?.log.suffix(20) ?? [] { Standard.error("  | \(line)") }
            Standard.output("\(node): \(rollback.words(by: .node))\n")
            if !rollback.isComplete { throw ExitStatus.unconfirmed }
        } catch {
            await fleet.close()
            throw GuardRollbackCommand.told(error, node)
        }
        await fleet.close()
    }

    private func arm(_ fleet: SSHFleet, _ node: NodeName) async throws {
        let steps = GuardRehearseCommand.steps(window: window)
        let results = Mutex<[StepResult]>([])
        try await fleet.apply(TaskID(phase: Self.phase, node: node), on: node, steps: steps, then: nil) { progress in
            if case .applied(let told) = progress { results.withLock { $0 = told } }
        }
        guard case .failed(let answer)? = results.withLock(\.last) else { return }
        Standard.error("\(node): error: the guard cannot be armed: \(answer.lastLine)")
        throw ExitStatus.failed
    }

    static func steps(window: Int) -> [Step] {
        let checkpoint = Checkpoint(phase: phase, paths: [file], units: [], undo: [], windowSeconds: window)
        return [
            Step(.checkpoint(checkpoint), because: "the guard is rehearsed"),
            Step(.file(path: file, content: .text("to be taken back\n"), mode: .publicFile), because: "it is to go"),
        ]
    }

    /// Waits for what the node does by itself; each look is a new connection.
    private func fired(_ fleet: SSHFleet, _ node: NodeName) async throws -> Rollback {
        let limit = ContinuousClock.now + .seconds(window + 120)
        while .now < limit {
            try await Task.sleep(for: .seconds(2))
            // The node may be out of reach for a moment while it puts its rules back.
            let report = try? await fleet.guardReport(node)
            if case .rolledBack(let rollback)? = report?.state, rollback.phase == Self.phase { return rollback }
        }
        Standard.error("\(node): error: the guard has not fired \(window + 120) s after it was armed for \(window)")
        throw ExitStatus.unconfirmed
    }
}
