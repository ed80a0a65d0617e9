/// Rolling work: whose turn it is, how long a turn lasts, and what ends it when the run stops in the middle.
extension Machine {
    /// Puts the nodes of each phase in the order that the facts give them.
    mutating func takeTurns() {
        for entry in order.entries where entry.phase.atOnce < (byPhase[entry.phase.id] ?? []).count {
            let turns = entry.phase.turns(facts).compactMap { index[TaskID(phase: entry.phase.id, node: $0)] }
            guard turns.count == byPhase[entry.phase.id]?.count else { continue }
            byPhase[entry.phase.id] = turns
        }
    }

    /// A turn begins when a task starts and ends when it has passed, or when the phase that ends its effect has.
    mutating func countTurns(_ position: Int, from old: TaskState) {
        let task = tasks[position]
        func add(_ number: Int, to phase: PhaseID) { progress[phase]?.turns += number }
        let wasHeld = old != .waiting && old != .passed
        let isHeld = task.state != .waiting && task.state != .passed
        if endedBy[task.id.phase] == nil {
            add((isHeld ? 1 : 0) - (wasHeld ? 1 : 0), to: task.id.phase)
        } else if old == .waiting, task.state != .waiting {
            add(1, to: task.id.phase)
        } else if old != .waiting, task.state == .waiting {
            add(-1, to: task.id.phase)
        }
        if let ended = task.phase.ends, task.state == .passed, old != .passed { add(-1, to: ended) }
    }

    /// Whether the run stops and the task ends what another one has done on the node, so that it is run all the same.
    func isEnding(_ position: Int) -> Bool {
        guard stage == .stopping, let phase = tasks[position].phase.ends,
            let ended = index[TaskID(phase: phase, node: tasks[position].id.node)]
        else { return false }
        return tasks[ended].wasRun || tasks[ended].state == .passed && !tasks[position].isSatisfied
    }

    /// What has to be put right before a run that stops has come to its end.
    var leftToEnd: [Int] { tasks.indices.filter { tasks[$0].state == .waiting && isEnding($0) } }
}
