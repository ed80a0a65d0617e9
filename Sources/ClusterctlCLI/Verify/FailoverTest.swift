import Engine
import Foundation
import Phases
import Synchronization

/// Performs a `Failover`: asks the endpoint all the time, stops K3s, starts it again, and waits until all is as before.
///
/// From the moment at which K3s is stopped, everything leads to its start: an interrupt, a lost lease, a lost connection.
/// Where this cannot start it, the node does by the timer that was read back before.
struct FailoverTest {
    let site: Site
    let fleet: SSHFleet
    let failover: Failover
    let console = Console()
    let journal: Journal
    private let end = EndOfTest()

    /// What is said when something keeps the test from being begun; nothing was stopped then.
    enum NotBegun: Error {
        case interrupted
        case because(String)
    }

    init(site: Site, fleet: SSHFleet, failover: Failover) throws {
        self.site = site
        self.fleet = fleet
        self.failover = failover
        journal = try Journal(
            directory: FileManager.default.currentDirectoryPath, cluster: site.inventory.name, verb: "failover",
            id: fleet.owner)
    }

    /// - Throws: `NotBegun`
    func run(interrupts: AsyncStream<Void>) async throws -> FailoverReport {
        do {
            let report = try await perform(interrupts: interrupts)
            let isDone = report.isGood && !report.wasInterrupted
            journal.append(
                isDone ? .done(changed: 2) : report.wasInterrupted ? .interrupted(guarded: [], undone: []) : .failed([])
            )
            return report
        } catch {
            journal.append(.declined)
            throw error
        }
    }

    private func perform(interrupts: AsyncStream<Void>) async throws -> FailoverReport {
        let askers = failover.askers.map {
            Asker($0, seconds: failover.backAfterSeconds + failover.deadlineSeconds + 60)
        }
        let asking = askers.map { asker in Task { [fleet, failover] in await asker.ask(failover.url, by: fleet) } }
        let others = [end.whenLeaseIsLost(fleet), end.whenInterrupted(interrupts, unit: failover.unit)]
        defer { (asking + others).forEach { $0.cancel() } }

        try await steadyBefore(askers)
        let begun = ContinuousClock.now
        let stopped = try await stop()
        let cameBack = stopped ? await endpointAnswers(askers, since: begun) : nil
        let started = await start(since: begun)
        let down = begun.duration(to: .now)
        let (verification, holders) = await asBefore()
        await pause(.seconds(2))
        asking.forEach { $0.cancel() }
        for task in asking { await task.value }
        return FailoverReport(
            failover: failover, seen: askers.map { ($0.host, $0.outage, $0.problem) }, answeredMeanwhile: cameBack,
            downSeconds: down.inSeconds, isStartedByUs: started, verification: verification, holders: holders,
            wasInterrupted: end.isInterrupted)
    }

    // MARK: The steps

    /// The node that asks must be answered steadily, or its figures mean nothing; a router that cannot ask is left out.
    private func steadyBefore(_ askers: [Asker]) async throws {
        let limit = ContinuousClock.now + .seconds(30)
        while .now < limit, !end.isNear {
            let waiting = askers.filter { $0.problem == nil && !$0.isSteady(seconds: 2) }
            if let problem = askers.first?.problem {
                throw NotBegun.because("\(failover.askers[0]) cannot ask \(failover.url): \(problem)")
            }
            if waiting.isEmpty { return }
            await pause(.milliseconds(200))
        }
        if end.isNear { throw NotBegun.interrupted }
        let unsteady = askers.filter { $0.problem == nil && !$0.isSteady(seconds: 2) }.map { "\($0.host): \($0.words)" }
        throw NotBegun.because(
            "\(failover.url) is not answered steadily even before: \(unsteady.joined(separator: "; "))")
    }

    /// - Returns: false where nobody knows whether K3s was stopped.
    private func stop() async throws -> Bool {
        let task = TaskID(phase: Failover.stopping, node: failover.node)
        tell(
            .applying(
                task, steps: 1,
                undo: .nothing(because: "the node starts it by itself after \(failover.backAfterSeconds) s")))
        switch await apply(task, failover.stop, patience: .seconds(15)) {
        case .done:
            tell(.applied(task, changed: failover.stop))
            return true
        case .failed(let why):
            tell(.failed(task, why: why))
            // It may have been stopped all the same: the start below is no mistake then.
            return false
        case .overtaken: throw NotBegun.because("another run has taken the lease")
        }
    }

    /// Waits until everybody who asks has been answered for some seconds without a break.
    ///
    /// - Returns: whether that came while K3s was down; nil where it was not waited for to the end.
    private func endpointAnswers(_ askers: [Asker], since begun: ContinuousClock.Instant) async -> Bool? {
        let task = TaskID(phase: Failover.stopping, node: failover.node)
        let least = begun + .seconds(Failover.leastSeconds)
        let longest = begun + .seconds(failover.longestSeconds)
        var shown = ContinuousClock.now
        while .now < longest, !end.isNear {
            let asking = askers.filter { $0.problem == nil }
            if asking.isEmpty { return nil }
            if .now >= least, asking.allSatisfy({ $0.isSteady(seconds: Failover.steadySeconds) }) {
                tell(.passed(task, changed: true))
                return true
            }
            if shown.duration(to: .now) >= .seconds(2) {
                shown = .now
                let words = asking.map { "\($0.host): \($0.words)" }.joined(separator: "; ")
                tell(.waiting(task, for: "\(failover.url) to answer for \(Failover.steadySeconds) s", because: words))
            }
            await pause(.milliseconds(100))
        }
        return end.isNear ? nil : false
    }

    /// - Returns: whether this has started it; else the node does.
    private func start(since begun: ContinuousClock.Instant) async -> Bool {
        let task = TaskID(phase: Failover.starting, node: failover.node)
        tell(.applying(task, steps: 1, undo: .nothing(because: "K3s belongs there")))
        let left = ContinuousClock.now.duration(to: begun + .seconds(failover.backAfterSeconds))
        switch await apply(task, failover.start, patience: max(left, .seconds(15))) {
        case .done:
            tell(.applied(task, changed: failover.start))
            return true
        case .failed(let why): tell(.failed(task, why: why))
        case .overtaken: tell(.failed(task, why: "another run has taken the lease"))
        }
        console.say(
            "\(failover.node): it starts \(failover.unit) by itself, \(failover.backAfterSeconds) s after it was stopped "
                + "(clusterctl-failover.timer)")
        return false
    }

    /// Asks all nodes again and again until everything holds, or the time is over.
    private func asBefore() async -> (Verification, [NodeName]) {
        let task = TaskID(phase: Failover.starting, node: failover.node)
        let limit = ContinuousClock.now + .seconds(failover.deadlineSeconds)
        while true {
            let (facts, unreachable) = await fleet.ask(Verification.asks(site.inventory), nodes: site.nodes)
            let now = Verification(site.inventory, facts: facts, unreachable: Set(unreachable.keys))
            if now.holds { tell(.passed(task, changed: true)) }
            if now.holds || .now >= limit || end.isNear { return (now, Failover.holders(site.inventory, facts)) }
            let open = now.rows.first { $0.result != .holds }
            let because = open.map { "\($0.check) on \($0.place): \($0.seen)" } ?? ""
            tell(.waiting(task, for: "everything to be as before", because: because))
            await pause(.seconds(1))
        }
    }

    // MARK: What they are made of

    private enum Applied {
        case done
        case failed(String)
        case overtaken
    }

    /// Sends steps, and asks what became of them when the connection is lost, for so long.
    private func apply(_ task: TaskID, _ steps: [Step], patience: Duration) async -> Applied {
        let limit = ContinuousClock.now + patience
        while true {
            let told = Mutex<Engine.StepResult?>(nil)
            let isOvertaken = Mutex(false)
            do throws(LinkFailure) {
                try await fleet.apply(task, on: task.node, steps: steps, then: nil) { progress in
                    switch progress {
                    case .applied(let results): told.withLock { $0 = results.last }
                    case .overtaken: isOvertaken.withLock { $0 = true }
                    case .observed: break
                    }
                }
                if isOvertaken.withLock(\.self) { return .overtaken }
                if case .failed(let answer)? = told.withLock(\.self) { return .failed(answer.lastLine) }
                return .done
            } catch {
                guard error.kind == .unreachable, .now < limit else { return .failed(error.message) }
                tell(.linkLost(task.node, during: task, error))
                await pause(.seconds(2))
            }
        }
    }

    private func pause(_ duration: Duration) async { try? await Task.sleep(for: duration) }

    private func tell(_ happening: Happening) {
        journal.append([happening])
        console.show(happening)
    }
}

/// Why a test comes to its end before its time.
private final class EndOfTest: Sendable {
    private let state = Mutex((isInterrupted: false, leaseIsLost: false))

    var isInterrupted: Bool { state.withLock(\.isInterrupted) }
    var isNear: Bool { state.withLock { $0.isInterrupted || $0.leaseIsLost } }

    func whenLeaseIsLost(_ fleet: SSHFleet) -> Task<Void, Never> {
        Task {
            while (try? await Task.sleep(for: .seconds(Lease.seconds / 3))) != nil {
                if await fleet.keepsLease() { continue }
                self.state.withLock { $0.leaseIsLost = true }
                return Standard.error("another run has taken the lease: the test comes to its end")
            }
        }
    }

    func whenInterrupted(_ interrupts: AsyncStream<Void>, unit: String) -> Task<Void, Never> {
        Task {
            for await _ in interrupts {
                self.state.withLock { $0.isInterrupted = true }
                Standard.error("interrupted: \(unit) is started again; once more leaves that to the node")
            }
        }
    }
}
