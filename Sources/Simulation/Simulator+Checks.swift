import Engine

/// The checkers: called where something happens to a node, so that each looks at what has changed and at nothing else.
extension Simulator {
    /// Seconds after the deadline within which a quick rung must have let SSH in: three rungs, and two waits between them.
    private static let slack = 30.0
    /// Where no quick rung can: what the undo and a unit may take besides, and some.
    private static let longSlack = 240.0
    /// How long a machine that was started anew answers no question about its services.
    private static let settling = 5.0

    /// A program is about to change something.
    mutating func judge(_ program: Program, _ step: Int, _ host: Int) {
        judgeTurn(of: program.life)
        guard let number = program.entry, let entry = ledger?.entries[number] else { return }
        let node = fleet.hosts[host].name
        let isEnding = entry.ends != nil && stopping.contains(program.life)
        if !isEnding, let phase = ledger?.unpassedPredecessor(of: number) {
            violate(.afterPredecessors, "\(entry.id) changes something before \(phase) has passed")
        }
        if entry.isRisky {
            let armed = fleet.hosts[host].armed
            let stands = armed?.phase == entry.id.phase && armed?.windowSeconds != nil && armed?.firing == nil
            if !stands { violate(.armedBeforeRisk, "\(entry.id) changes something without an armed guard") }
        }
        if let out = ledger?.change(number, step: step, by: program.life) {
            violate(.rollingAtOnce, "with \(node) \(out) nodes of \(entry.id.phase) are out")
        }
    }

    /// A program comes to a step: nobody else may be at it.
    mutating func judgeTurn(_ program: Program, _ step: Int, _ host: Int) {
        guard fleet.hosts[host].programs.count > 1 else { return }
        for other in fleet.hosts[host].programs
        where other.number != program.number && other.task == program.task && !other.hasEnded
            && other.busyUntil > seconds && other.results.count - 1 == step
        {
            violate(.oneProgramAStep, "two programs are at step \(step) of \(program.task)")
        }
    }

    /// A run has come to its end, and says how.
    mutating func judgeEnd(_ outcome: Outcome, of life: Int, isInterruptedTwice: Bool) {
        let failures: [Failure]
        switch outcome {
        case .failed(let all), .interrupted(_, let all): failures = all
        case .nothingToDo, .done, .unfinished: failures = []
        case .declined, .blocked, .stale, .unreachable, .refused: return
        }
        guard !isInterruptedTwice, let task = ledger?.leftUnended(by: life, besides: Set(failures.map(\.task))) else {
            return
        }
        violate(.turnsAreEnded, "a run has ended, and has not ended what \(task) had begun")
    }

    /// The guard was told to let go, and did.
    mutating func confirmed(_ task: TaskID) {
        guard let number = ledger?.index[task], let entry = ledger?.entries[number] else { return }
        if entry.hasGate, !entry.isHeld {
            violate(.confirmedAfterGate, "\(task) was confirmed, and its gate was never seen to hold")
        }
        ledger?.confirm(number)
    }

    /// The model's gate: it holds a while after the steps, as long as the machines that it needs are up; and where a
    /// phase has no steps on a node, when all that it comes after has passed.
    mutating func gate(_ number: Int, askedOn witness: Int) -> (Answer, changesAt: Double?) {
        guard let id = ledger?.entries[number].id, let ripeAt = ledger?.entries[number].ripeAt else {
            return (AbstractPhase.waits, nil)
        }
        let host = fleet.index(id.node)
        let up = max(fleet.hosts[host].upSince, fleet.hosts[witness].upSince) + Self.settling
        guard ledger?.entries[number].missing == 0, !fleet.hosts[host].isDown,
            !fleet.hosts[host].isTakingBack(id.phase),
            ledger?.entries[number].hasSteps == true || ledger?.unpassedPredecessor(of: number) == nil,
            etcdServes(ledger?.entries[number].etcd ?? .nothing, host)
        else { return (AbstractPhase.waits, seconds + 5) }
        let ripe = max(ripeAt, up)
        guard seconds >= ripe else { return (AbstractPhase.waits, ripe) }
        ledger?.hold(number)
        return (AbstractPhase.holds, seconds + 15)
    }

    /// The guard's clock has run out: not before it has heard of nobody for a whole window.
    mutating func judgeWindow(_ host: Int) {
        guard let armed = fleet.hosts[host].armed, let window = armed.windowSeconds else { return }
        let early = armed.heardAt + Double(window) - seconds
        if early > 1 { violate(.guardKeepsItsWindow, "\(fleet.hosts[host].name) fires \(Int(early)) s too early") }
        judgeSilence(host)
    }

    /// A guard that has heard of nobody for its window has fired.
    mutating func judgeSilence(_ host: Int) {
        guard ledger != nil, let armed = fleet.hosts[host].armed, armed.firing == nil, !fleet.hosts[host].isDown,
            let window = armed.windowSeconds
        else { return }
        let late = seconds - armed.heardAt - Double(window)
        if late > 2 {
            violate(.guardKeepsItsWindow, "\(fleet.hosts[host].name) has not fired \(Int(late)) s after its deadline")
        }
    }

    /// Whether SSH still gets there; and where it does not, whether that will end by itself.
    mutating func noteReach(_ host: Int) {
        let isReachable = fleet.hosts[host].isReachable
        if isReachable, let since = fleet.hosts[host].outSince {
            fleet.hosts[host].outSince = nil
            if seconds - since > longestOut?.seconds ?? 0 { longestOut = (seconds - since, fleet.hosts[host].name) }
        } else if !isReachable, fleet.hosts[host].outSince == nil {
            fleet.hosts[host].outSince = seconds
        }
        guard ledger != nil, fleet.hosts[host].cut != nil, !fleet.hosts[host].isDown else { return }
        let node = fleet.hosts[host].name
        guard let armed = fleet.hosts[host].armed, armed.windowSeconds != nil else {
            return violate(.everyNodeComesBack, "\(node) is cut off, and no guard is armed on it")
        }
        let end = armed.firing == nil ? armed.deadline : armed.firingSince
        // A slow disk makes the way back slow as well.
        let disk = fleet.hosts[host].disk
        let factor = disk.slowUntil > end ? disk.factor : 1
        let isQuick = fleet.hosts[host].cutYieldsTo <= 3 && armed.firing ?? "deadline" == "deadline"
        // The undo and the units, of the whole way, are ended after their time, on a slow disk too.
        let allowed = Self.slack * factor + (isQuick ? 0 : Self.longSlack)
        if seconds > end + allowed {
            violate(.everyNodeComesBack, "\(node) is still cut off, long after its guard's deadline")
        }
    }
}
