import Engine

/// The guard on each node, over time: its clock, its way back, and what is said to it.
extension Simulator {
    /// How long a program waits for a rollback that an earlier run left to the guard.
    private static let rollbackPatienceSeconds = 120.0
    /// The quick rungs, and how long the guard listens after each, looking once a second.
    private static let rungs = 3
    private static let listening = 2.0
    /// What the undo and the units may take, on a slow disk too: each is ended after its time.
    private static let longestWayBack = 240.0

    /// - Returns: how the checkpoint went; nil where a rollback is waited for.
    mutating func checkpointed(_ checkpoint: Checkpoint, _ program: Program, _ host: Int) -> StepResult? {
        func failed(_ words: String) -> StepResult { .failed(Answer(status: 1, output: "", error: words)) }
        if let armed = fleet.hosts[host].armed, armed.firing != nil, armed.owner != program.life,
            seconds - armed.firingSince < Self.rollbackPatienceSeconds
        {
            return nil
        }
        if let armed = fleet.hosts[host].armed, armed.isHeld, armed.phase == checkpoint.phase {
            fire(host, because: "asked")
            return nil
        }
        if flaws.contains(.guardSavesAnew) { fleet.hosts[host].armed = nil }
        let giving = fleet.hosts[host].armed?.phase
        judgeSilence(host)
        // What cannot be saved is not begun; what was armed before stays as it is.
        if isDiskFull(host) { return flaws.contains(.guardNeedsNoSpace) ? .unchanged : .failed(Self.noSpace) }
        let now = guardTime(host)
        let refusal = fleet.hosts[host].arm(
            checkpoint.phase, windowSeconds: checkpoint.windowSeconds, owner: program.life, at: now)
        if let refusal { return failed(refusal) }
        if fleet.hosts[host].armed?.service == nil {
            // A member that runs by itself again is no longer kept.
            if etcd?[host]?.runs == true, etcd?[host]?.isKept == false { etcd?[host]?.mustLeave = false }
            let service = savedService(host)
            fleet.hosts[host].armed?.service = service
            fleet.hosts[host].armed?.hasUndo = !checkpoint.undo.isEmpty
        }
        fleet.hosts[host].armed?.heardAt = seconds
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
        let left = armed.deadline - guardTime(host)
        if left <= 0 {
            judgeWindow(host)
            deadline(host)
        } else if left.isFinite {
            schedule(.clock(host: host, arming: arming), after: left)
        }
    }

    /// The clock has run out and nobody got in: the quick rungs first, from the one after that at which it stopped.
    private mutating func deadline(_ host: Int) {
        let stoppedAt = fleet.hosts[host].armed.flatMap { $0.isHeld ? $0.rung : nil } ?? 0
        begin(host, because: "deadline")
        climb(host, flaws.contains(.guardIsSlow) ? Self.rungs + 1 : stoppedAt + 1)
    }

    /// All the way at once: when asked, and at boot.
    mutating func fire(_ host: Int, because: String) {
        begin(host, because: because)
        if fleet.hosts[host].armed?.isFromEarlierBoot == true { startMemberForUndo(host) }
        goAllTheWay(host)
    }

    private mutating func begin(_ host: Int, because: String) {
        fleet.hosts[host].armed?.firing = because
        fleet.hosts[host].armed?.firingSince = seconds
        fleet.hosts[host].armed?.isHeld = false
        fleet.hosts[host].armed?.isHeard = false
    }

    private mutating func climb(_ host: Int, _ rung: Int) {
        guard rung <= Self.rungs else { return goAllTheWay(host) }
        guard let arming = fleet.hosts[host].armed?.number else { return }
        fleet.hosts[host].armed?.rung = rung
        fleet.hosts[host].armed?.isWaiting = false
        schedule(.rung(host: host, arming: arming, rung), after: weather.rung() * slowness(host))
    }

    private func isClimbing(_ host: Int, _ arming: Int, _ rung: Int) -> Bool {
        guard let armed = fleet.hosts[host].armed, armed.firing != nil else { return false }
        return armed.number == arming && armed.rung == rung && !fleet.hosts[host].isDown
    }

    /// A quick rung is done: whoever gets in from now on is waited for.
    mutating func rung(_ host: Int, _ arming: Int, _ rung: Int) {
        guard isClimbing(host, arming, rung) else { return }
        noteReach(host)
        if fleet.hosts[host].cut != nil, fleet.hosts[host].cutYieldsTo <= rung {
            if tellsStory { note("rung \(rung) lets SSH in to \(fleet.hosts[host].name)") }
            fleet.hosts[host].cut = nil
        }
        noteReach(host)
        fleet.hosts[host].armed?.isWaiting = true
        let isHeard = fleet.hosts[host].armed?.isHeard == true
        schedule(.listened(host: host, arming: arming, rung), after: isHeard ? 0 : Self.listening)
    }

    /// It has looked whether somebody got in.
    mutating func listened(_ host: Int, _ arming: Int, _ rung: Int) {
        guard isClimbing(host, arming, rung), let armed = fleet.hosts[host].armed, armed.isWaiting else { return }
        guard armed.isHeard else { return climb(host, rung + 1) }
        let window = Double(armed.windowSeconds ?? 0)
        if tellsStory { note("the guard of \(fleet.hosts[host].name) stops at rung \(rung)") }
        fleet.hosts[host].armed?.firing = nil
        fleet.hosts[host].armed?.isHeld = true
        let now = guardTime(host)
        fleet.hosts[host].armed?.deadline = now + window
        fleet.hosts[host].armed?.heardAt = seconds
        schedule(.clock(host: host, arming: arming), after: window)
        guard let waiter = fleet.hosts[host].rollbackWaiter else { return }
        if waiter.phase == armed.phase { return fire(host, because: "asked") }
        fleet.hosts[host].rollbackWaiter = nil
        answer(waiter.life, waiter.request, .guarded(waiter.request, .armedOtherwise(phase: armed.phase)))
    }

    private mutating func goAllTheWay(_ host: Int) {
        guard let arming = fleet.hosts[host].armed?.number else { return }
        fleet.hosts[host].armed?.rung = nil
        schedule(
            .through(host: host, arming: arming), after: min(Self.longestWayBack, weather.wayBack() * slowness(host)))
    }

    /// The way back is through; a node that was started anew in between has begun it again.
    mutating func through(_ host: Int, _ arming: Int) {
        guard let armed = fleet.hosts[host].armed, armed.number == arming, armed.firing != nil,
            !fleet.hosts[host].isDown
        else { return }
        noteReach(host)
        if waitsToLeave(host, armed) { return schedule(.through(host: host, arming: arming), after: 2) }
        let left = putBackService(host, armed)
        fleet.hosts[host].takeBack(left: left)
        if tellsStory {
            note("the guard of \(fleet.hosts[host].name) has taken \(armed.phase) back (\(armed.firing ?? ""))")
        }
        noteReach(host)
        if let entry = entry(armed.phase, host), let operations = ledger?.entries[entry].operations {
            let contents = fleet.hosts[host].contents
            if ledger?.takeBack(entry, isDone: operations.map(contents.isDone)) == false, left.isEmpty {
                violate(.undoneIsAsBefore, "\(armed.phase) on \(fleet.hosts[host].name)")
            }
        }
        if armed.isFromEarlierBoot { startServiceAtBoot(host) }
        if let waiter = fleet.hosts[host].rollbackWaiter {
            fleet.hosts[host].rollbackWaiter = nil
            answer(waiter.life, waiter.request, .guarded(waiter.request, fleet.hosts[host].guardState))
        }
    }

    mutating func talk(_ verb: GuardVerb, _ life: Int, _ id: RequestID, _ task: TaskID, on host: Int) {
        judgeSilence(host)
        let state: GuardState
        switch verb {
        case .extend(let window):
            state = extend(task.phase, window, life, host)
            heard(host)
        case .confirm:
            let wasArmed = fleet.hosts[host].armed != nil
            state = fleet.hosts[host].confirm(task.phase, owner: life, isRemembered: !isDiskFull(host))
            if wasArmed, fleet.hosts[host].armed == nil {
                confirmed(task)
                etcd?[host]?.mustLeave = false
            }
            heard(host)
            noteReach(host)
        case .rollback:
            endOtherPrograms(life, host)
            guard let armed = fleet.hosts[host].armed,
                armed.firing != nil || (armed.phase == task.phase && armed.owner == life)
            else {
                state = fleet.hosts[host].armed.map { .armedOtherwise(phase: $0.phase) } ?? fleet.hosts[host].guardState
                break
            }
            fleet.hosts[host].rollbackWaiter = (life, id, task.phase)
            if armed.firing == nil { fire(host, because: "asked") }
            return
        }
        answer(life, id, .guarded(id, state))
    }

    private mutating func extend(_ phase: PhaseID, _ window: Int, _ life: Int, _ host: Int) -> GuardState {
        let now = guardTime(host)
        if isDiskFull(host), fleet.hosts[host].isGuarding(phase, owner: life) {
            return .failed("the timer cannot be started anew")
        }
        let state = fleet.hosts[host].extend(phase, windowSeconds: window, owner: life, at: now)
        switch state {
        case .armed, .held: fleet.hosts[host].armed?.heardAt = seconds
        default: break
        }
        return state
    }

    /// The guard that waits for somebody sees it when it looks next.
    private mutating func heard(_ host: Int) {
        guard let armed = fleet.hosts[host].armed, armed.isHeard, armed.isWaiting, let rung = armed.rung else { return }
        schedule(.listened(host: host, arming: armed.number, rung), after: weather.between(0, 1))
    }

    private func entry(_ phase: PhaseID, _ host: Int) -> Int? {
        ledger?.index[TaskID(phase: phase, node: fleet.hosts[host].name)]
    }
}
