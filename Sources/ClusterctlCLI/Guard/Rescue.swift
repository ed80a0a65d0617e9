import Engine

/// When a run is over and nobody knows whether a phase was taken back: the node's rescue path is tried for it.
///
/// Such a path bypasses what may have been cut, so that reaching a node by it proves nothing: it is used to look and to
/// take back, when there is nothing left to confirm.
struct Rescue {
    /// The rescue path of a node in words; nil where it has none.
    let path: (NodeName) -> String?
    let open: @Sendable ([NodeName]) async throws -> any GuardFleet
    /// Asks a node at its own address.
    let ask: @Sendable (NodeName) async throws(LinkFailure) -> Void
    /// Shows life to the lease, and tells whether it is still this run's.
    let keepsLease: @Sendable () async -> Bool
    let tell: ([Happening]) -> Void
    /// Bounds all of it: to reach the nodes, their way back, and one look at their own addresses.
    var limit = Duration.seconds(300)
    var leaseInterval = Duration.seconds(Lease.seconds / 3)

    private enum Ending: Sendable {
        case takenBack(Rollback, ordinary: LinkFailure?)
        case failed(String)
    }

    private enum Word: Sendable {
        case ended(TaskID, Ending)
        /// What is not known by now stays unknown, for this reason.
        case stop(String)
        case nothing
    }

    /// The outcome with what has become known. Nothing is under way when it returns.
    func attempt(_ outcome: Outcome, interrupts: () -> AsyncStream<Void>) async -> Outcome {
        guard case .failed(let failures) = outcome else { return outcome }
        var lost: [TaskID: String] = [:]
        for failure in failures {
            if case .unconfirmed = failure.undoing { lost[failure.task] = path(failure.task.node) }
        }
        guard !lost.isEmpty else { return outcome }
        tell(failures.compactMap { failure in lost[failure.task].map { .rescuing(failure.task, over: $0) } })
        let endings = await endings(of: lost, interrupts())
        return .failed(
            failures.map { failure in
                guard let path = lost[failure.task], let ending = endings[failure.task] else { return failure }
                var failure = failure
                switch (ending, failure.undoing) {
                case (.takenBack(let rollback, let ordinary), _):
                    failure.undoing = .rescued(rollback, over: path, ordinary: ordinary)
                case (.failed(let why), .unconfirmed(let before)):
                    failure.undoing = .unconfirmed("\(before)\nover the rescue path (\(path)): \(why)")
                case (.failed, _): break
                }
                return failure
            })
    }

    private func endings(of lost: [TaskID: String], _ interrupts: AsyncStream<Void>) async -> [TaskID: Ending] {
        var endings: [TaskID: Ending] = [:]
        func note(_ task: TaskID, _ ending: Ending) {
            endings[task] = ending
            let path = lost[task] ?? ""
            switch ending {
            case .takenBack(let rollback, let ordinary):
                tell([.rescued(task, over: path, rollback, ordinary: ordinary)])
            case .failed(let why): tell([.rescueFailed(task, over: path, why: why)])
            }
        }
        do {
            let fleet = try await open(lost.keys.map(\.node))
            await withTaskGroup(of: Word.self) { group in
                for task in lost.keys {
                    group.addTask { [ask] in .ended(task, await Rescue.takeBack(task, fleet, ask)) }
                }
                begin(&group, interrupts)
                var stopped: String?
                for await word in group {
                    switch word {
                    case .ended(let task, .failed(let why)): note(task, .failed(stopped ?? why))
                    case .ended(let task, let ending): note(task, ending)
                    case .stop(let why):
                        stopped = stopped ?? why
                        group.cancelAll()
                    case .nothing: break
                    }
                    if endings.count == lost.count { group.cancelAll() }
                }
            }
            await fleet.close()
        } catch {
            for task in lost.keys { note(task, .failed("\(error)")) }
        }
        return endings
    }

    /// What may end it early.
    private func begin(_ group: inout TaskGroup<Word>, _ interrupts: AsyncStream<Void>) {
        group.addTask {
            for await _ in interrupts { return .stop("it was interrupted") }
            return .nothing
        }
        group.addTask { [limit] in
            let isOver = (try? await Task.sleep(for: limit)) != nil
            return isOver ? .stop("it took longer than \(limit.components.seconds) s") : .nothing
        }
        group.addTask { [keepsLease, leaseInterval] in
            while (try? await Task.sleep(for: leaseInterval)) != nil {
                if await !keepsLease() { return .stop("another run has taken the lease") }
            }
            return .nothing
        }
    }

    /// Not inlined into the group's closure, for the reason that `attempt` has.
    @inline(never) private static func takeBack(
        _ task: TaskID, _ fleet: any GuardFleet, _ ask: @Sendable (NodeName) async throws(LinkFailure) -> Void
    ) async -> Ending {
        var rollback: Rollback
        do throws(LinkFailure) {
            switch try await rollBack(task, fleet) {
            case .rolledBack(let told) where told.phase == task.phase: rollback = told
            case .rolledBack, .none: return .failed("nothing is unconfirmed there: it stands, or was not begun")
            case let other: return .failed("its guard says that \(other.words)")
            }
        } catch {
            return .failed(error.message)
        }
        let report = try? await fleet.guardReport(task.node)
        rollback.log = report?.log.suffix(15).map(\.self) ?? []
        do throws(LinkFailure) {
            try await ask(task.node)
            return .takenBack(rollback, ordinary: nil)
        } catch {
            return .takenBack(rollback, ordinary: error)
        }
    }

    /// What the guard says in the end. A rollback that is under way is waited for, and one that is over is read.
    private static func rollBack(_ task: TaskID, _ fleet: any GuardFleet) async throws(LinkFailure) -> GuardState {
        guard var report = try await fleet.guardReport(task.node) else { return .failed("it is not installed") }
        while case .firing = report.state {
            guard (try? await Task.sleep(for: .seconds(2))) != nil else { return report.state }
            // The way to the node may be gone for a moment while it puts things back.
            if let next = try? await fleet.guardReport(task.node) { report = next }
        }
        switch report.state {
        case .none, .rolledBack: return report.state
        default: return try await fleet.rollBackGuard(task.phase, on: task.node)
        }
    }
}
