import Engine

/// The guard on each node, over time: its clock, its way back, and what is said to it.
extension Simulator {
    /// How long a program waits for a rollback that an earlier run left to the guard.
    private static let rollbackPatienceSeconds = 120.0

    /// - Returns: how the checkpoint went; nil where a rollback is waited for.
    mutating func checkpointed(_ checkpoint: Checkpoint, _ program: Program, _ host: Int) -> StepResult? {
        func failed(_ words: String) -> StepResult { .failed(Answer(status: 1, output: "", error: words)) }
        if let armed = fleet.hosts[host].armed, armed.firing != nil, armed.owner != program.life,
            seconds - armed.firingSince < Self.rollbackPatienceSeconds
        {
            return nil
        }
        if flaws.contains(.guardSavesAnew) { fleet.hosts[host].armed = nil }
        let giving = fleet.hosts[host].armed?.phase
        let refusal = fleet.hosts[host].arm(
            checkpoint.phase, windowSeconds: checkpoint.windowSeconds, owner: program.life, at: seconds)
        if let refusal { return failed(refusal) }
        if let giving, giving != checkpoint.phase, let entry = entry(giving, host) { ledger?.confirm(entry) }
        if let entry = program.entry { ledger?.begin(entry) }
        if let armed = fleet.hosts[host].armed, let window = armed.windowSeconds {
            schedule(.clock(host: host, arming: armed.number), after: Double(window))
        }
        return .unchanged
    }

    mutating func clock(_ host: Int, _ arming: Int) {
        guard let armed = fleet.hosts[host].armed, armed.number == arming, armed.firing == nil,
            armed.windowSeconds != nil, !fleet.hosts[host].isDown
        else { return }
        if seconds >= armed.deadline {
            fire(host, because: "deadline")
        } else {
            schedule(.clock(host: host, arming: arming), after: armed.deadline - seconds)
        }
    }

    mutating func fire(_ host: Int, because: String) {
        guard let arming = fleet.hosts[host].armed?.number else { return }
        fleet.hosts[host].armed?.firing = because
        fleet.hosts[host].armed?.firingSince = seconds
        schedule(.through(host: host, arming: arming), after: weather.wayBack())
    }

    /// The way back is through; a node that was started anew in between has begun it again.
    mutating func through(_ host: Int, _ arming: Int) {
        guard let armed = fleet.hosts[host].armed, armed.number == arming, armed.firing != nil,
            !fleet.hosts[host].isDown
        else { return }
        fleet.hosts[host].takeBack()
        note("the guard of \(fleet.hosts[host].name) has taken \(armed.phase) back (\(armed.firing ?? ""))")
        noteReach(host)
        if let entry = entry(armed.phase, host), let operations = ledger?.entries[entry].operations {
            let contents = fleet.hosts[host].contents
            if ledger?.takeBack(entry, isDone: operations.map(contents.isDone)) == false {
                violate(.undoneIsAsBefore, "\(armed.phase) on \(fleet.hosts[host].name)")
            }
        }
        if let waiter = fleet.hosts[host].rollbackWaiter {
            fleet.hosts[host].rollbackWaiter = nil
            answer(waiter.life, waiter.request, .guarded(waiter.request, fleet.hosts[host].guardState))
        }
    }

    mutating func talk(_ verb: GuardVerb, _ life: Int, _ id: RequestID, _ task: TaskID, on host: Int) {
        let state: GuardState
        switch verb {
        case .extend(let window):
            state = fleet.hosts[host].extend(task.phase, windowSeconds: window, owner: life, at: seconds)
        case .confirm:
            let wasArmed = fleet.hosts[host].armed != nil
            state = fleet.hosts[host].confirm(task.phase, owner: life)
            if wasArmed, fleet.hosts[host].armed == nil { confirmed(task) }
            noteReach(host)
        case .rollback:
            endOtherPrograms(life, host)
            guard let armed = fleet.hosts[host].armed,
                armed.firing != nil || (armed.phase == task.phase && armed.owner == life)
            else {
                state = fleet.hosts[host].armed.map { .armedOtherwise(phase: $0.phase) } ?? fleet.hosts[host].guardState
                break
            }
            fleet.hosts[host].rollbackWaiter = (life, id)
            if armed.firing == nil { fire(host, because: "asked") }
            return
        }
        answer(life, id, .guarded(id, state))
    }

    private func entry(_ phase: PhaseID, _ host: Int) -> Int? {
        ledger?.index[TaskID(phase: phase, node: fleet.hosts[host].name)]
    }
}
