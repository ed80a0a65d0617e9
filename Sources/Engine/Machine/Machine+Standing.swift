/// Tasks that stand or go with a phase that runs beside theirs, and steps from the controller that take a task back.
extension Machine {
    /// All of it is done. With another phase still under way that is not yet the end.
    mutating func standOrPass(_ position: Int) {
        guard let other = tasks[position].phase.standsWith, !stands(other) else { return pass(position) }
        hold(position, for: other)
        settle()
    }

    mutating func hold(_ position: Int, for other: PhaseID) {
        move(position, to: .holding)
        held.insert(position)
        tell(.waiting(tasks[position].id, for: "\(other) to stand", because: "it stands or goes with that"))
    }

    private func stands(_ other: PhaseID) -> Bool { (progress[other]?.unpassed ?? 0) == 0 }

    /// Whether the other phase of a task may still be taken back.
    func isUndecided(_ other: PhaseID) -> Bool {
        (byPhase[other] ?? []).contains { tasks[$0].state.isUnderWay }
    }

    /// Lets those go whose other phase has come to its end, one way or the other.
    mutating func decideHeld() {
        for position in held.sorted() where held.contains(position) {
            guard let other = tasks[position].phase.standsWith, !isUndecided(other) else { continue }
            let failed = (byPhase[other] ?? []).first { tasks[$0].state == .failed }
            guard failed != nil || stage == .stopping || stands(other) else { continue }
            held.remove(position)
            if let failed, !isInterrupted {
                fail(position, .gate(waitingFor: "\(other) to stand", lastSeen: "\(tasks[failed].id) does not"))
            } else if failed != nil {
                leaveInterrupted(position)
            } else {
                pass(position)
            }
        }
    }

    mutating func takeBack(_ position: Int, by steps: [Step]) {
        if case .link(let failure)? = tasks[position].failure?.cause {
            // Its program may still be at work there, and would be asked for instead.
            return leave(position, because: failure.message)
        }
        move(position, to: .undoing)
        tell(.takingBack(tasks[position].id))
        out.append(
            .apply(
                open(.stepsBack(position)), tasks[position].id, on: tasks[position].work.place, steps: steps, then: nil)
        )
    }

    mutating func steppedBack(_ position: Int, _ results: [StepResult]) {
        for case .failed(let answer) in results { return leave(position, because: answer.lastLine) }
        guard results.count == tasks[position].stepsBack?.count else {
            return leave(position, because: "the answer ended early")
        }
        let rollback = Rollback(phase: tasks[position].id.phase, because: Rollback.steps)
        tell(.takenBack(tasks[position].id, by: .controller, rollback))
        tasks[position].failure?.undoing = .takenBack(by: .controller, rollback)
        failed(position)
    }

    mutating func stepsBackLost(_ position: Int, _ failure: LinkFailure) {
        let since = tasks[position].lostSince ?? now
        tasks[position].lostSince = since
        guard failure.kind == .unreachable, now - since < Self.rollbackPatienceSeconds else {
            return leave(position, because: failure.message)
        }
        tell(.linkLost(tasks[position].id.node, during: tasks[position].id, failure))
        wake(.rollbackRetry(position), afterSeconds: Self.reconnectPause)
    }

    /// What its steps back have not done, the next run finds and sees to.
    private mutating func leave(_ position: Int, because why: String) {
        if tasks[position].failure?.cause == .interrupted {
            let cause = Failure.Cause.gate(waitingFor: "what it had done to be taken back", lastSeen: why)
            tasks[position].failure = makeFailure(position, cause, .leftAsIs(because: ""))
        }
        tasks[position].failure?.undoing = .leftAsIs(because: "its steps back were not done: \(why)")
        failed(position)
    }
}
