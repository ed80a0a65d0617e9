/// Signs of life while a guarded task runs, and the confirmation at its end; always over new connections.
extension Machine {
    /// How long after its deadline a node may take to be back before it counts as lost.
    static let rollbackPatienceSeconds = 180.0

    mutating func guardArmed(_ position: Int) {
        tasks[position].lastSignOfLife = now
        startLifeTimer(position)
    }

    /// Signs of life begin with the steps, not after them: the guard is armed by the first of them, and the rest may
    /// take longer than its window.
    mutating func startLifeTimer(_ position: Int) {
        guard !tasks[position].lifeTimerRuns, let window = tasks[position].windowSeconds else { return }
        tasks[position].lifeTimerRuns = true
        wake(.lifeTimer(position), afterSeconds: max(1, window / 3))
    }

    mutating func showLife(_ position: Int) {
        tasks[position].lifeTimerRuns = false
        let state = tasks[position].state
        guard state == .gating || state == .applying, let window = tasks[position].windowSeconds else { return }
        let id = open(.life(position))
        out.append(.guardian(id, tasks[position].id, .extend(windowSeconds: window)))
    }

    mutating func lifeLost(_ position: Int, _ failure: LinkFailure) {
        if tasks[position].state == .applying { return retryLife(position) }
        guard tasks[position].state == .gating else { return }
        tasks[position].lastReason = "\(tasks[position].id.node): \(failure.message)"
        tell(.linkLost(tasks[position].id.node, during: tasks[position].id, failure))
        retryOrGiveUp(position, failure)
    }

    private mutating func retryOrGiveUp(_ position: Int, _ failure: LinkFailure) {
        let silence = now - (tasks[position].lastSignOfLife ?? now)
        let patience = Double(tasks[position].windowSeconds ?? 0) + Self.rollbackPatienceSeconds
        guard silence < patience else {
            stopWatching(position)
            return giveUp(position, failure)
        }
        retryLife(position)
    }

    /// At once, because a guard that fires listens for a few seconds only after each of its first rungs.
    private mutating func retryLife(_ position: Int) {
        tasks[position].lifeTimerRuns = true
        wake(.lifeTimer(position), afterSeconds: 1)
    }

    mutating func confirmOrPass(_ position: Int) {
        guard tasks[position].canBeTakenBack else { return standOrPass(position) }
        move(position, to: .confirming)
        out.append(.guardian(open(.confirm(position)), tasks[position].id, .confirm))
    }

    /// Whether the confirmation got through is not known: it is sent again, which the guard takes for the same one, and
    /// where the guard has fired meanwhile it says so.
    mutating func confirmLost(_ position: Int, _ failure: LinkFailure) {
        tell(.linkLost(tasks[position].id.node, during: tasks[position].id, failure))
        let since = tasks[position].lostSince ?? now
        tasks[position].lostSince = since
        let patience = Double(tasks[position].windowSeconds ?? 0) + Self.rollbackPatienceSeconds
        if now - since < patience { return wake(.confirmRetry(position), afterSeconds: Self.reconnectPause) }
        guard tasks[position].windowSeconds != nil else { return fail(position, .link(failure)) }
        giveUp(position, failure)
    }

    /// Nobody knows what the node has made of it.
    private mutating func giveUp(_ position: Int, _ failure: LinkFailure) {
        tell(.failed(tasks[position].id, why: failure.message))
        tasks[position].failure = makeFailure(position, .link(failure), .unconfirmed(failure.message))
        failed(position)
    }

    mutating func guarded(_ id: RequestID, _ state: GuardState) {
        switch open.removeValue(forKey: id) {
        case .life(let position): lifeAnswered(position, state)
        case .confirm(let position): confirmAnswered(position, state)
        case .rollback(let position): rollbackAnswered(position, state)
        default: break
        }
    }

    private mutating func lifeAnswered(_ position: Int, _ state: GuardState) {
        if tasks[position].state == .applying {
            // Not armed yet, or armed: what else there may be to say is said when the steps are through.
            if case .armed = state { tell(.signOfLife(tasks[position].id)) }
            if case .firing = state { return retryLife(position) }
            return startLifeTimer(position)
        }
        guard tasks[position].state == .gating else { return }
        switch state {
        case .armed:
            tell(.signOfLife(tasks[position].id))
            guardArmed(position)
        case .firing:
            retryOrGiveUp(position, LinkFailure(kind: .unreachable, message: "the guard is taking the phase back"))
        case .held(_, let rung): fail(position, .guardFired(heldAtRung: rung))
        case .rolledBack(let rollback): takenBackByNode(position, rollback)
        case .none, .confirmed, .armedOtherwise: guardTaken(position)
        case .failed(let why): fail(position, .gate(waitingFor: "the guard to answer", lastSeen: why))
        }
    }

    private mutating func guardTaken(_ position: Int) {
        fail(position, .gate(waitingFor: "the guard to stay armed", lastSeen: "another run has armed or disarmed it"))
    }

    private mutating func confirmAnswered(_ position: Int, _ state: GuardState) {
        switch state {
        case .confirmed:
            if tasks[position].windowSeconds != nil { tell(.confirmed(tasks[position].id)) }
            pass(position)
        case .held(_, let rung): fail(position, .guardFired(heldAtRung: rung))
        case .rolledBack(let rollback): takenBackByNode(position, rollback)
        case .none, .armedOtherwise: guardTaken(position)
        case .firing, .armed:
            confirmLost(position, LinkFailure(kind: .unreachable, message: "the guard has not let go yet"))
        case .failed(let why): fail(position, .gate(waitingFor: "the guard to be disarmed", lastSeen: why))
        }
    }

    private mutating func takenBackByNode(_ position: Int, _ rollback: Rollback) {
        stopWatching(position)
        tell(.takenBack(tasks[position].id, by: .node, rollback))
        tasks[position].failure = makeFailure(
            position, .guardFired(heldAtRung: nil), .takenBack(by: .node, rollback))
        failed(position)
    }
}
