/// A failed task: look why, take it back, and start nothing new.
extension Machine {
    func makeFailure(_ position: Int, _ cause: Failure.Cause, _ undoing: Failure.Undoing) -> Failure {
        Failure(
            task: tasks[position].id, cause: cause, undoing: undoing, journal: "",
            lookAt: tasks[position].gate?.lookAt ?? "")
    }

    mutating func fail(_ position: Int, _ cause: Failure.Cause) {
        stopWatching(position)
        stage = .stopping
        tasks[position].lostSince = nil
        tasks[position].failure = makeFailure(
            position, cause, .leftAsIs(because: tasks[position].work.undo.reasonForNothing))
        tell(.failed(tasks[position].id, why: cause.summary))
        move(position, to: .diagnosing)
        guard let journal = tasks[position].gate?.journal else { return takeBack(position) }
        let probe = Probe.journal(unit: journal.unit, lines: Self.journalLines)
        out.append(.survey(open(.diagnosis(position)), journal.node, probes: [probe], steps: []))
    }

    mutating func takeBack(_ position: Int) {
        if let steps = tasks[position].stepsBack { return takeBack(position, by: steps) }
        guard tasks[position].canBeTakenBack else { return failed(position) }
        move(position, to: .undoing)
        tell(.takingBack(tasks[position].id))
        out.append(.guardian(open(.rollback(position)), tasks[position].id, .rollback))
    }

    mutating func rollbackAnswered(_ position: Int, _ state: GuardState) {
        switch state {
        case .rolledBack(let rollback) where rollback.phase != tasks[position].id.phase:
            tasks[position].failure?.undoing = .leftAsIs(because: "it had not been begun on the node")
        case .rolledBack(let rollback):
            tell(.takenBack(tasks[position].id, by: .controller, rollback))
            tasks[position].failure?.undoing = .takenBack(by: .controller, rollback)
        case .none: tasks[position].failure?.undoing = .leftAsIs(because: "it had not been begun on the node")
        case .armedOtherwise(let phase):
            tasks[position].failure?.undoing = .leftAsIs(
                because: "another run, or phase, has armed the guard: \(phase)")
        case .armed, .firing, .held, .confirmed:
            tasks[position].failure?.undoing = .unconfirmed("the guard says \(state)")
        case .failed(let why): tasks[position].failure?.undoing = .unconfirmed(why)
        }
        failed(position)
    }

    /// The order to roll back may have got lost with the connection; an armed guard fires all the same.
    mutating func rollbackLost(_ position: Int, _ failure: LinkFailure) {
        let since = tasks[position].lostSince ?? now
        tasks[position].lostSince = since
        guard now - since < Self.rollbackPatienceSeconds + Double(tasks[position].windowSeconds ?? 0) else {
            tasks[position].failure?.undoing = .unconfirmed(failure.message)
            return failed(position)
        }
        tell(.linkLost(tasks[position].id.node, during: tasks[position].id, failure))
        wake(.rollbackRetry(position), afterSeconds: Self.reconnectPause)
    }

    mutating func failed(_ position: Int) {
        stage = .stopping
        move(position, to: .failed)
        tasks[position].lastSignOfLife = nil
        if let failure = tasks[position].failure { failures.append(failure) }
        settle()
    }
}

extension Undo {
    var reasonForNothing: String {
        switch self {
        case .nothing(let because): because
        case .restore, .steps: "it had not been begun on the node"
        }
    }
}

extension Failure.Cause {
    /// One line for the console and the journal.
    public var summary: String {
        switch self {
        case .operation(let step, let answer): "\(step.operation.summary): \(answer.lastLine)"
        case .gate(let waitingFor, let lastSeen): "still waiting for \(waitingFor): \(lastSeen)"
        case .link(let failure): failure.message
        case .interrupted: "it was interrupted"
        case .guardFired(nil): "no new connection confirmed it in time, and the node took the phase back"
        case .guardFired(let rung?):
            "no new connection confirmed it in time: the node's guard fired, and let SSH in again at rung \(rung) of 3"
        }
    }
}
