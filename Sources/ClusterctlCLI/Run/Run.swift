@preconcurrency import Dispatch
import Engine
import Foundation
import Phases
import Synchronization

/// One run of the machine over a fleet, with its journal, its console and Ctrl-C.
struct Run {
    let site: Site
    let limit: Set<NodeName>?
    let verb: String
    /// What the nodes must be like, because the saved plan that is carried out was made from it.
    var plannedFrom: PlanFacts?

    /// - Parameter approve: asked with what the survey found, when there is something to do.
    func perform(
        by connections: Connections, approve: @escaping (Review, Facts) -> Bool
    ) async throws -> Outcome {
        let fleet = try await connections.fleet(site, canWrite: true, readsSecrets: true)
        let console = Console()
        let journal = try Journal(
            directory: FileManager.default.currentDirectoryPath, cluster: site.inventory.name, verb: verb,
            id: fleet.owner)
        let machine = site.machine(limit: limit)
        func tell(_ happenings: [Happening]) {
            journal.append(happenings)
            happenings.forEach(console.show)
        }
        let driver = Driver(
            fleet: fleet, tell: tell,
            approve: { review, facts in
                if let plannedFrom {
                    let now = PlanFacts(review, facts, of: site, limit: limit)
                    let differences = plannedFrom.differences(now: now)
                    guard differences.isEmpty else { return .stale(differences) }
                }
                let missing = await fleet.missingChecksums(review)
                guard missing.isEmpty else { return .blocked(missing) }
                for note in LeftAddonsQuestion.notes(site.inventory, facts) { Standard.error("note: \(note)") }
                return review.items.isEmpty || approve(review, facts) ? .approved : .declined
            })
        let rescue = Rescue(
            path: { name in
                site.inventory.node(named: name.rawValue).flatMap { RescueRoute($0, in: site.inventory)?.words }
            },
            open: { try await connections.rescueFleet($0) },
            ask: { node throws(LinkFailure) in _ = try await fleet.guardReport(node) },
            keepsLease: { await fleet.keepsLease() }, tell: tell)
        let ended = await driver.run(machine, interrupts: Interrupts.stream())
        let outcome = await rescue.attempt(ended, interrupts: Interrupts.stream)
        journal.append(outcome)
        await fleet.close()
        OutcomeText.lines(outcome, site: site, journal: journal.path, isByPlan: plannedFrom != nil)
            .forEach(console.say)
        return outcome
    }
}

/// Ctrl-C, or SIGTERM, as a stream: the first asks the run to come to an end, the second to end at once. The process
/// ends at the third, and where the second does not bring that about.
enum Interrupts {
    static let signals = [SIGINT, SIGTERM]
    private static let patience = DispatchTimeInterval.seconds(5)

    static func stream() -> AsyncStream<Void> {
        let (stream, feed) = AsyncStream.makeStream(of: Void.self)
        let count = Mutex(0)
        let end = DispatchWorkItem { ProcessEnd.now(ExitStatus.interrupted) }
        let sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                let presses = count.withLock { value in
                    value += 1
                    return value
                }
                feed.yield()
                if presses == 2 { DispatchQueue.global().asyncAfter(deadline: .now() + patience, execute: end) }
                if presses > 2 { ProcessEnd.now(ExitStatus.interrupted) }
            }
            source.resume()
            return source
        }
        feed.onTermination = { _ in
            end.cancel()
            for (number, source) in zip(signals, sources) {
                source.cancel()
                signal(number, SIG_DFL)
            }
        }
        return stream
    }
}
