import Engine

/// Drives a run machine over a fleet in memory until it finishes, and keeps what was asked and said.
public struct Simulator {
    public private(set) var fleet: MemoryFleet
    /// Every request, in order, as the machine made it.
    public private(set) var requests: [Request] = []
    public private(set) var seconds = 0.0

    private var queue: [Event] = []
    private var timers: [(at: Double, id: RequestID)] = []
    private var watches: [RequestID: (node: NodeName, probes: [Probe])] = [:]
    private var told: [RequestID: [Probe: Answer]] = [:]
    /// When the guard of a node fires, and the window it was armed with.
    private var guards: [NodeName: (deadline: Double, window: Double)] = [:]

    public init(_ fleet: MemoryFleet) { self.fleet = fleet }

    public var happenings: [Happening] {
        requests.compactMap { if case .tell(let happening) = $0 { happening } else { nil } }
    }

    /// - Returns: the outcome; nil when the machine asked for nothing more and did not finish, which is a defect.
    public mutating func run(_ start: Machine, maximumEvents: Int = 100_000) -> Outcome? {
        var machine = start
        queue = [.begin]
        for _ in 0..<maximumEvents {
            guard let event = next() else { return nil }
            for request in machine.handle(event, at: seconds) {
                requests.append(request)
                if case .finish(let outcome) = request { return outcome }
                perform(request)
            }
            observe()
        }
        return nil
    }

    private mutating func next() -> Event? {
        if !queue.isEmpty { return queue.removeFirst() }
        guard let position = timers.indices.min(by: { timers[$0].at < timers[$1].at }) else { return nil }
        let timer = timers.remove(at: position)
        seconds = max(seconds, timer.at)
        fireGuards()
        return .woke(timer.id)
    }

    private mutating func fireGuards() {
        for (node, times) in guards where times.deadline <= seconds {
            fleet.hosts[node]?.rollBack()
            fleet.hosts[node]?.isReachable = true
            guards[node] = nil
        }
    }

    private mutating func perform(_ request: Request) {
        switch request {
        case .survey(let id, let node, let probes, let steps):
            guard let host = reachable(node, id) else { return }
            var states: [Step: StepState] = [:]
            for step in steps { states[step] = host.isDone(step.operation) ? .same : .differs(current: "") }
            let pairs = probes.map { ($0, fleet.answer(node, $0, host)) }
            queue.append(.surveyed(id, answers: Dictionary(pairs) { $1 }, states: states))
        case .review(let review, _): if !review.items.isEmpty { queue.append(.approved) }
        case .apply(let id, let task, let steps, let watch):
            guard reachable(task.node, id) != nil else { return }
            let results = apply(steps, on: task.node)
            queue.append(.applied(id, results))
            if let watch, results.count == steps.count, !results.contains(where: \.isFailure) {
                watches[watch.id] = (task.node, watch.probes)
            }
        case .watch(let id, let node, let probes, _):
            guard reachable(node, id) != nil else { return }
            watches[id] = (node, probes)
        case .stop(let id): watches[id] = nil
        case .guardian(let id, let task, let verb):
            guard reachable(task.node, id) != nil else { return }
            queue.append(.guarded(id, talk(verb, to: task)))
        case .wake(let id, let after): timers.append((seconds + Double(after), id))
        case .tell, .finish: break
        }
    }

    private mutating func reachable(_ node: NodeName, _ id: RequestID) -> MemoryFleet.Host? {
        if let host = fleet.hosts[node], host.isReachable { return host }
        queue.append(.lost(id, LinkFailure(kind: .unreachable, message: "no route to \(node)")))
        return nil
    }

    private mutating func apply(_ steps: [Step], on node: NodeName) -> [StepResult] {
        var results: [StepResult] = []
        for step in steps {
            guard var host = fleet.hosts[node] else { return results }
            if let failure = fleet.failing(node, step) { return results + [.failed(failure)] }
            let wasDone = host.isDone(step.operation)
            host.perform(step.operation)
            fleet.afterStep(node, step, &host)
            fleet.hosts[node] = host
            if case .checkpoint(let checkpoint) = step.operation, let window = checkpoint.windowSeconds {
                guards[node] = (seconds + Double(window), Double(window))
            }
            results.append(wasDone ? .unchanged : .changed)
        }
        return results
    }

    private mutating func talk(_ verb: GuardVerb, to task: TaskID) -> GuardState {
        guard var host = fleet.hosts[task.node] else { return .none }
        defer { fleet.hosts[task.node] = host }
        guard case .armed = host.guardState else { return host.guardState }
        switch verb {
        case .extend(let window): guards[task.node] = (seconds + Double(window), Double(window))
        case .confirm:
            guards[task.node] = nil
            host.guardState = .none
            host.saved = []
            return .confirmed(phase: task.phase)
        case .rollback:
            guards[task.node] = nil
            host.rollBack()
        }
        return host.guardState
    }

    /// Watches report first and changed answers; a node that is cut off reports nothing.
    private mutating func observe() {
        for (id, watch) in watches.sorted(by: { $0.key < $1.key }) {
            guard let host = fleet.hosts[watch.node], host.isReachable else { continue }
            for probe in watch.probes {
                let answer = fleet.answer(watch.node, probe, host)
                guard told[id]?[probe] != answer else { continue }
                told[id, default: [:]][probe] = answer
                queue.append(.observed(id, probe, answer))
            }
        }
    }
}
