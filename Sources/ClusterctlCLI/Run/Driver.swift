import Engine
import Synchronization

/// Performs the run machine's requests on a fleet and hands back what came of them.
struct Driver {
    let fleet: any Fleet
    /// Told everything that happens, in order, before the requests that follow it are performed: what one event brings
    /// comes together, so that it can be written down in one go.
    let tell: ([Happening]) -> Void
    /// Asked with what the survey found, also when there is nothing to do.
    let approve: (Review, Facts) async -> Approval

    /// What is said to a review.
    enum Approval {
        case approved
        case declined
        /// What it needs is not to be had, as was found out only now.
        case blocked([Outcome.Blocked])
        /// The saved plan that was to be carried out was made from something else.
        case stale([Outcome.Difference])
    }

    /// Runs to the outcome. Interrupts, when they come, arrive on `interrupts`. Nothing is under way when it returns.
    func run(_ start: Machine, interrupts: AsyncStream<Void>) async -> Outcome {
        var underWay: [RequestID: Task<Void, Never>] = [:]
        let outcome = await run(start, interrupts, &underWay)
        for task in underWay.values { task.cancel() }
        for task in underWay.values { await task.value }
        return outcome
    }

    private func run(
        _ start: Machine, _ interrupts: AsyncStream<Void>, _ underWay: inout [RequestID: Task<Void, Never>]
    ) async -> Outcome {
        var machine = start
        let (events, feed) = AsyncStream.makeStream(of: Event.self)
        let clock = ContinuousClock()
        let began = clock.now
        let relay = Task { for await _ in interrupts { feed.yield(.interrupted) } }
        defer { relay.cancel() }

        feed.yield(.begin)
        for await event in events {
            if let id = event.closes { underWay[id] = nil }
            let requests = machine.handle(event, at: began.duration(to: clock.now).inSeconds)
            let happenings = requests.compactMap { if case .tell(let happening) = $0 { happening } else { nil } }
            if !happenings.isEmpty { tell(happenings) }
            for request in requests {
                switch request {
                case .tell: break
                case .finish(let outcome): return outcome
                case .review(let review, let facts):
                    switch await approve(review, facts) {
                    case .stale(let differences): return .stale(differences)
                    case .blocked(let blocked): return .blocked(blocked)
                    case .approved: if !review.items.isEmpty { feed.yield(.approved) }
                    case .declined: if !review.items.isEmpty { feed.yield(.declined) }
                    }
                case .stop(let id): underWay[id]?.cancel()
                case .apply(let id, _, _, _, let watch):
                    let task = Task { [fleet] in await Driver.perform(request, on: fleet, feed: feed) }
                    underWay[id] = task
                    if let watch { underWay[watch.id] = task }
                case .survey(let id, _, _, _), .watch(let id, _, _, _), .guardian(let id, _, _), .lease(let id, _, _),
                    .wake(let id, _):
                    underWay[id] = Task { [fleet] in await Driver.perform(request, on: fleet, feed: feed) }
                }
            }
        }
        return .interrupted(guarded: [], undone: [])
    }

    private static func perform(
        _ request: Request, on fleet: any Fleet, feed: AsyncStream<Event>.Continuation
    ) async {
        // Whose request it is that a failure ends: the steps', or that of the watch after them.
        let id = Mutex(request.id)
        do throws(LinkFailure) {
            switch request {
            case .survey(let id, let node, let probes, let steps):
                let (answers, states) = try await fleet.survey(node, probes: probes, steps: steps)
                feed.yield(.surveyed(id, answers: answers, states: states))
            case .apply(let steps, let task, let node, let operations, let watch):
                try await fleet.apply(task, on: node, steps: operations, then: watch) { progress in
                    switch progress {
                    case .applied(let results):
                        id.withLock { $0 = watch?.id }
                        feed.yield(.applied(steps, results))
                    case .overtaken:
                        id.withLock { $0 = nil }
                        feed.yield(.overtaken(steps))
                    case .observed(let probe, let answer):
                        if let watch { feed.yield(.observed(watch.id, probe, answer)) }
                    }
                }
                if let watch, id.withLock(\.self) == watch.id { feed.yield(.watchEnded(watch.id)) }
            case .watch(let id, let node, let probes, let deadline):
                try await fleet.watch(node, probes: probes, deadlineSeconds: deadline) { probe, answer in
                    feed.yield(.observed(id, probe, answer))
                }
                feed.yield(.watchEnded(id))
            case .guardian(let id, let task, let verb):
                feed.yield(.guarded(id, try await fleet.guardian(task, verb)))
            case .lease(let id, let node, let verb):
                feed.yield(.leased(id, try await fleet.lease(node, verb)))
            case .wake(let id, let seconds):
                guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
                feed.yield(.woke(id))
            case .review, .stop, .tell, .finish: break
            }
        } catch {
            if let id = id.withLock(\.self), !Task.isCancelled { feed.yield(.lost(id, error)) }
        }
    }
}

extension Request {
    fileprivate var id: RequestID? {
        switch self {
        case .survey(let id, _, _, _), .apply(let id, _, _, _, _), .watch(let id, _, _, _), .guardian(let id, _, _),
            .lease(let id, _, _), .wake(let id, _), .stop(let id):
            id
        case .review, .tell, .finish: nil
        }
    }
}

extension Event {
    /// The request that this event is the last answer to.
    fileprivate var closes: RequestID? {
        switch self {
        case .surveyed(let id, _, _), .applied(let id, _), .watchEnded(let id), .guarded(let id, _), .leased(let id, _),
            .overtaken(let id), .lost(let id, _), .woke(let id):
            id
        case .begin, .approved, .declined, .observed, .interrupted: nil
        }
    }
}

extension Duration {
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
