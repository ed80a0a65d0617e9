/// Asking every node once, concluding, and showing what would be done.
extension Machine {
    /// Seconds between two looks at a node whose guard is just taking a phase back, and how many looks.
    static let guardFiringPause = 3
    static let guardFiringLooks = 60

    mutating func beginSurvey() {
        stage = .surveying
        unsurveyed = nodes.count
        for node in nodes { survey(node, attempt: 0) }
        if nodes.isEmpty { finish(.nothingToDo) }
    }

    mutating func survey(_ node: NodeName, attempt: Int) {
        let (probes, steps) = surveys[node] ?? ([], [])
        out.append(.survey(open(.survey(node, attempt: attempt)), node, probes: probes, steps: steps))
    }

    /// What a node is asked: the gates' questions, those of its tasks, and the state of its steps, each once.
    func surveyQuestions(_ node: NodeName) -> (probes: [Probe], steps: [Step]) {
        var probes: [Probe] = []
        var steps: [Step] = []
        var seenProbes: Set<Probe> = []
        var seenSteps: Set<Step> = []
        func add(_ probe: Probe) { if seenProbes.insert(probe).inserted { probes.append(probe) } }
        gateProbes[node]?.forEach(add)
        if changedNodes.contains(node) { add(.lease) }
        for task in (byPlace[node] ?? []).map({ tasks[$0] }) {
            task.work.probes.forEach(add)
            if task.canBeTakenBack { add(.guardState) }
            for step in task.work.steps where !step.operation.isCheckpoint && seenSteps.insert(step).inserted {
                steps.append(step)
            }
        }
        return (probes, steps)
    }

    mutating func surveyed(_ id: RequestID, _ answers: [Probe: Answer], _ states: [Step: StepState]) {
        switch open.removeValue(forKey: id) {
        case .survey(let node, let attempt):
            facts.add(node, answers: answers, states: states)
            if case .firing? = leftGuard(node), attempt < Self.guardFiringLooks {
                return wake(.survey(node, attempt: attempt + 1), afterSeconds: Self.guardFiringPause)
            }
            if looksAtPrograms == 0 { tell(.surveyed(node)) }
            concludeSurvey()
        case .diagnosis(let task):
            if let journal = tasks[task].gate?.journal {
                tasks[task].failure?.journal =
                    answers[.journal(unit: journal.unit, lines: Self.journalLines)]?.output ?? ""
            }
            takeBack(task)
        case .witnessBefore(let task):
            witnessAnswered(before: task, tasks[task].work.witness.flatMap { answers[$0.probe] })
        case .witnessAfter(let task):
            let answer = tasks[task].work.witness.flatMap { answers[$0.probe] }
            witnessAnswered(
                after: task, silentBecause: answer?.succeeded == true ? nil : answer?.lastLine ?? "no answer")
        default: break
        }
    }

    mutating func surveyLost(_ node: NodeName, _ failure: LinkFailure) {
        unreachable[node] = failure
        tell(.linkLost(node, during: nil, failure))
        concludeSurvey()
    }

    private mutating func concludeSurvey() {
        unsurveyed -= 1
        guard unsurveyed == 0 else { return }
        let lost = nodes.compactMap { node in unreachable[node].map { Outcome.Unreachable(node: node, failure: $0) } }
        guard lost.isEmpty else { return finish(.unreachable(lost)) }
        guard !mayChange || isAlone() else { return }
        for node in nodes {
            switch leftGuard(node) {
            case .armed(let phase)?, .held(let phase, _)?:
                if index[TaskID(phase: phase, node: node)] != nil { leftArmed[node] = phase }
            default: continue
            }
        }
        takeTurns()
        var blocked: [Outcome.Blocked] = []
        var items: [Review.Item] = []
        for position in order.entries.flatMap({ byPhase[$0.phase.id] ?? [] }) {
            let changes = changes(position)
            switch conclude(position, changes) {
            case .satisfied, .settled: tasks[position].isSatisfied = true
            case .notApplicable(let why): tasks[position].notApplicable = why
            case .putOff(let why):
                tasks[position].notApplicable = why
                tasks[position].isPutOff = limit?.contains(tasks[position].id.node) != false
            case .blocked(let problems): blocked.append(.init(task: tasks[position].id, problems: problems))
            case .pending(let reason):
                if limit?.contains(tasks[position].id.node) == false { continue }
                items.append(.init(task: tasks[position].id, reason: reason, changes: changes))
            }
        }
        blocked += limited(&items) + torn()
        guard blocked.isEmpty else { return finish(.blocked(blocked)) }
        stage = .reviewing
        let notApplicable = tasks.compactMap { task in task.notApplicable.map { (task.id, $0) } }
        let review = Review(items: items, notApplicable: Dictionary(uniqueKeysWithValues: notApplicable))
        out.append(.review(review, facts))
        if items.isEmpty { finish(ending(changed: nil)) }
    }

    /// The phase's own conclusion, and pending where a step differs, the gate does not hold, or a guard was left armed.
    private func conclude(_ position: Int, _ changes: [Review.Change]) -> Finding {
        let finding = concludeAlone(position, changes)
        let id = tasks[position].id
        // One checkpoint at a time on a node: what a killed run left armed goes on first. What that comes after has
        // passed in the killed run and is left alone; everything else there waits for it (`waitsForLeftGuard`).
        if case .pending = finding, tasks[position].canBeTakenBack, let phase = leftArmed[id.node],
            order.comes(phase, after: id.phase)
        {
            return .putOff(
                "the guard of an earlier run is armed for \(phase), which goes on first; run again after it")
        }
        return finding
    }

    private func concludeAlone(_ position: Int, _ changes: [Review.Change]) -> Finding {
        let node = tasks[position].id.node
        let finding = tasks[position].phase.check(node, facts)
        if finding == .settled { return .satisfied }
        guard finding == .satisfied else { return finding }
        if leftArmed[node] == tasks[position].id.phase {
            return .pending("the guard of an earlier run is still armed")
        }
        if let first = changes.first {
            let more = changes.count == 1 ? "" : " and \(changes.count - 1) more"
            return .pending("\(first.step.operation.summary) differs\(more)")
        }
        guard let gate = tasks[position].gate else { return .satisfied }
        switch gate.judge(facts) {
        case .holds: return .satisfied
        case .waiting(let reason), .failed(let reason): return .pending(reason)
        }
    }

    private func changes(_ position: Int) -> [Review.Change] {
        let states = facts.states(of: tasks[position].work.place)
        return tasks[position].work.steps.compactMap { step in
            if step.operation.isCheckpoint { return nil }
            switch states[step] {
            case .same: return nil
            case .differs(let current): return .init(step: step, current: current)
            case nil: return .init(step: step, current: "")
            }
        }
    }

    /// With `--limit`, a task within it that comes after unfinished work outside it cannot run.
    private mutating func limited(_ items: inout [Review.Item]) -> [Outcome.Blocked] {
        guard let limit else { return [] }
        var blocked: [Outcome.Blocked] = []
        items = items.filter { item in
            guard let position = index[item.task] else { return true }
            let missing = prerequisites(position).filter {
                !limit.contains(tasks[$0].id.node) && !tasks[$0].isSatisfied && tasks[$0].notApplicable == nil
            }
            guard let first = missing.first else { return true }
            // What only looks, such as a last check of the whole, is left to the run that does the rest.
            if tasks[position].work.steps.isEmpty {
                tasks[position].notApplicable = "it comes after \(tasks[first].id), which --limit leaves out"
                return false
            }
            blocked.append(
                .init(
                    task: item.task,
                    problems: [
                        Problem(
                            "\(tasks[first].id) must pass first and is not among the nodes of --limit",
                            fix: "add \(tasks[first].id.node) to --limit, or leave --limit out")
                    ]))
            return false
        }
        return blocked
    }

    /// With `--limit`, what two nodes have to change together is refused where only one of them is within it.
    private func torn() -> [Outcome.Blocked] {
        guard let limit else { return [] }
        return tasks.compactMap { task in
            let problems = task.phase.ties(task.id.node, facts).compactMap { tie -> Problem? in
                let isWithin = limit.contains(tie.node)
                guard isWithin != limit.contains(task.id.node) else { return nil }
                let (named, missing) = isWithin ? (tie.node, task.id.node) : (task.id.node, tie.node)
                return Problem(
                    "\(tie.why), and --limit has \(named) without \(missing)",
                    fix: "add \(missing) to --limit, or take \(named) out of it")
            }
            return problems.isEmpty ? nil : .init(task: task.id, problems: problems)
        }
    }

    private func leftGuard(_ node: NodeName) -> GuardState? {
        facts[node, .guardState].map { GuardState(line: $0.output) }
    }
}

extension Operation {
    public var isCheckpoint: Bool {
        if case .checkpoint = self { return true }
        return false
    }
}
