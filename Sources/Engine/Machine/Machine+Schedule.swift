/// Starting tasks as soon as what they come after has passed, and applying their steps.
extension Machine {
    /// How long a lost node is tried again while its steps are being applied: some machines take that long to start.
    static let reconnectSeconds = 600.0
    /// The first pause between two tries, and the longest.
    static let reconnectPause = 2
    static let longestReconnectPause = 15

    mutating func approve() {
        guard stage == .reviewing else { return }
        guard keeper != nil else { return startTasks() }
        stage = .leasing
        askForLease(.take)
    }

    mutating func startTasks() {
        stage = .running
        startReady(Array(tasks.indices))
    }

    /// Positions of the tasks that must have passed before this one starts; only for messages, for it may be long.
    func prerequisites(_ position: Int) -> [Int] {
        tasks[position].after.flatMap { dependency in
            switch dependency {
            case .all(let phase): byPhase[phase] ?? []
            case .sameNode(let phase): [index[TaskID(phase: phase, node: tasks[position].id.node)]].compactMap(\.self)
            }
        }
    }

    /// What the tasks before this one mean for it: nil while one of them has not passed, else whether one changed something.
    private func changeBefore(_ position: Int) -> Bool? {
        var isDirty = false
        for dependency in tasks[position].after {
            switch dependency {
            case .all(let phase):
                guard let counts = progress[phase], counts.unpassed == 0 else { return nil }
                isDirty = isDirty || counts.isDirty
            case .sameNode(let phase):
                guard let other = index[TaskID(phase: phase, node: tasks[position].id.node)] else { continue }
                guard tasks[other].state == .passed else { return nil }
                isDirty = isDirty || tasks[other].isDirty
            }
        }
        return isDirty
    }

    /// Starts those of these tasks that are ready, and whatever a task that passes at once makes ready.
    mutating func startReady(_ candidates: [Int]) {
        var stack = Array(candidates.reversed())
        while let position = stack.popLast() {
            if isEnding(position) {
                if tasks[position].state == .waiting { start(position, isAfterChange: true) }
                continue
            }
            guard stage == .running, tasks[position].state == .waiting, isNext(position),
                !waitsForTheRestOfItsPhase(position)
            else { continue }
            let isTakenBack = tasks[position].canBeTakenBack
            guard
                !(isTakenBack && underCheckpoint.contains(tasks[position].id.node)),
                !(isTakenBack && waitsForLeftGuard(tasks[position].id)),
                let isAfterChange = changeBefore(position)
            else { continue }
            start(position, isAfterChange: isAfterChange)
            if tasks[position].state == .passed { stack += madeReady(by: position).reversed() }
        }
        settle()
    }

    /// Whether an earlier run's guard has to be confirmed on this node first; never where that phase comes after this task.
    private func waitsForLeftGuard(_ task: TaskID) -> Bool {
        guard let phase = leftArmed[task.node] else { return false }
        return phase != task.phase && !order.comes(phase, after: task.phase)
    }

    /// Whether other nodes of its phase have not had their steps yet, which must come before this one's.
    private func waitsForTheRestOfItsPhase(_ position: Int) -> Bool {
        guard tasks[position].phase.last == tasks[position].id.node else { return false }
        return (byPhase[tasks[position].id.phase] ?? []).contains {
            $0 != position && [.waiting, .applying].contains(tasks[$0].state)
        }
    }

    /// The task that waits for the rest of this one's phase.
    private func last(ofPhaseOf position: Int) -> [Int] {
        guard let last = tasks[position].phase.last, last != tasks[position].id.node else { return [] }
        return [index[TaskID(phase: tasks[position].id.phase, node: last)]].compactMap(\.self)
    }

    /// Rolling work keeps the order of the nodes; work on all nodes at once has none.
    private func isNext(_ position: Int) -> Bool {
        let id = tasks[position].id
        let all = byPhase[id.phase] ?? []
        let atOnce = tasks[position].phase.atOnce
        guard atOnce < all.count else { return true }
        return (progress[id.phase]?.turns ?? 0) < atOnce && all.first { tasks[$0].state == .waiting } == position
    }

    /// The tasks that may start now that this one has passed: never a look at all tasks for each that passes.
    private func madeReady(by position: Int) -> [Int] {
        let id = tasks[position].id
        var ready: [Int] = tasks[position].canBeTakenBack ? byNode[id.node] ?? [] : []
        ready += last(ofPhaseOf: position)
        for phase in [id.phase, tasks[position].phase.ends].compactMap(\.self) {
            guard let rolling = byPhase[phase], let first = rolling.first, tasks[first].phase.atOnce < rolling.count
            else { continue }
            ready += rolling
        }
        for (follower, dependency) in followers[id.phase] ?? [] {
            switch dependency {
            case .all: if progress[id.phase]?.unpassed == 0 { ready += byPhase[follower] ?? [] }
            case .sameNode: if let other = index[TaskID(phase: follower, node: id.node)] { ready.append(other) }
            }
        }
        return ready
    }

    private mutating func start(_ position: Int, isAfterChange: Bool) {
        let task = tasks[position]
        tasks[position].isDirty = isAfterChange
        if let why = skipReason(task, isAfterChange: isAfterChange) {
            move(position, to: .passed)
            return tell(.skipped(task.id, why: why))
        }
        tasks[position].wasRun = true
        if task.work.steps.isEmpty {
            beginGate(position)
            if case let last = last(ofPhaseOf: position), !last.isEmpty { startReady(last) }
        } else {
            move(position, to: .applying)
            askWitness(before: position)
        }
    }

    private func skipReason(_ task: Task, isAfterChange: Bool) -> String? {
        if let why = task.notApplicable { return why }
        if limit?.contains(task.id.node) == false { return "not among the nodes of --limit" }
        if task.isSatisfied && !isAfterChange { return "already so" }
        return nil
    }

    mutating func apply(_ position: Int) {
        let task = tasks[position]
        if task.lostSince == nil {
            tell(.applying(task.id, steps: task.work.steps.count, undo: task.work.undo))
        }
        out.append(
            .apply(
                open(.apply(position)), task.id, on: task.work.place, steps: task.work.steps,
                then: watchAfterSteps(position)))
        if task.windowSeconds != nil { startLifeTimer(position) }
    }

    mutating func applied(_ id: RequestID, _ results: [StepResult]) {
        let purpose = open.removeValue(forKey: id)
        if case .stepsBack(let position) = purpose { return steppedBack(position, results) }
        guard case .apply(let position) = purpose, tasks[position].state == .applying else { return }
        if results.count < tasks[position].work.steps.count || results.contains(where: \.isFailure) {
            dropWatchAfterSteps(position)
        }
        let steps = tasks[position].work.steps
        var changed: [Step] = []
        for (step, result) in zip(steps, results) {
            switch result {
            case .unchanged: break
            case .changed: if !step.operation.isCheckpoint { changed.append(step) }
            case .failed(let answer):
                return fail(position, .operation(step, answer))
            }
        }
        guard results.count == steps.count else {
            return applyLost(position, LinkFailure(kind: .garbled, message: "the answer ended early"))
        }
        tasks[position].lostSince = nil
        tasks[position].lastLoss = nil
        if !changed.isEmpty {
            tasks[position].hasChanged = true
            tasks[position].isDirty = true
        }
        tell(.applied(tasks[position].id, changed: changed))
        if isInterrupted, !isEnding(position) {
            if let id = tasks[position].watchAfterSteps { out.append(.stop(id)) }
            dropWatchAfterSteps(position)
            leaveInterrupted(position)
            return settle()
        }
        if tasks[position].windowSeconds != nil { guardArmed(position) }
        beginGate(position)
        if case let last = last(ofPhaseOf: position), !last.isEmpty { startReady(last) }
    }

    /// The connection broke while steps were applied: they are asked for again, and the node tells what became of them.
    mutating func applyLost(_ position: Int, _ failure: LinkFailure) {
        dropWatchAfterSteps(position)
        if tasks[position].lastLoss != failure {
            tell(.linkLost(tasks[position].work.place, during: tasks[position].id, failure))
        }
        tasks[position].lastLoss = failure
        let since = tasks[position].lostSince ?? now
        tasks[position].lostSince = since
        guard failure.kind == .unreachable, now - since < Self.reconnectSeconds,
            stage != .stopping || isEnding(position)
        else {
            return fail(position, .link(failure))
        }
        let pause = max(Self.reconnectPause, min(Self.longestReconnectPause, Int(now - since) / 4))
        wake(.retry(position), afterSeconds: pause)
    }

    mutating func pass(_ position: Int) {
        move(position, to: .passed)
        tasks[position].lastSignOfLife = nil
        tell(.passed(tasks[position].id, changed: tasks[position].hasChanged))
        startReady(madeReady(by: position))
    }

    /// Ends the run when nothing is under way and nothing more can start.
    mutating func settle() {
        decideHeld()
        guard stage == .running || stage == .stopping, underWay == 0 else { return }
        if stage == .stopping, case let left = leftToEnd, !left.isEmpty { return startReady(left) }
        guard failures.allSatisfy(\.isMerelyInterrupted) else { return finish(.failed(failures)) }
        if stage == .stopping { return finish(.interrupted(guarded: [], undone: failures)) }
        guard progress.values.allSatisfy({ $0.unpassed == 0 }) else {
            guard !leftArmed.isEmpty else { return }
            // Nothing is under way that could confirm what was left armed: then the node itself refuses, and says so.
            leftArmed = [:]
            return startReady(Array(tasks.indices))
        }
        finish(ending(changed: tasks.contains(where: \.wasRun) ? tasks.count(where: \.hasChanged) : nil))
    }

    /// How a run without a failure ends; `changed` is nil where no task was run.
    func ending(changed: Int?) -> Outcome {
        let putOff = tasks.filter(\.isPutOff).map { Outcome.PutOff(task: $0.id, why: $0.notApplicable ?? "") }
        guard putOff.isEmpty else { return .unfinished(changed: changed ?? 0, putOff: putOff) }
        return changed.map { .done(changed: $0) } ?? .nothingToDo
    }
}
