/// Ctrl-C: nothing new starts, and what is under way comes to an end that can be named.
extension Machine {
    /// The first lets the steps under way and the confirmations through, and takes back what can be taken back. The
    /// second ends the run where it stands; what has an armed guard is left to it then, and the next run takes it over.
    mutating func interrupt() {
        guard stage == .running || stage == .stopping, !isInterrupted else {
            return finish(.interrupted(guarded: guardedUnderWay, undone: []))
        }
        isInterrupted = true
        stage = .stopping
        let underWay = tasks.indices.filter { tasks[$0].state.isUnderWay }
        let isFinished = { [tasks] (position: Int) in
            tasks[position].state == .confirming || !tasks[position].canBeTakenBack
        }
        tell(
            .interrupted(
                takingBack: underWay.filter { !isFinished($0) }.map { tasks[$0].id },
                finishing: underWay.filter(isFinished).map { tasks[$0].id }))
        // Their nodes are being waited for, which may take minutes: then the guard decides.
        let betweenTries = Set(open.values.compactMap { if case .retry(let position) = $0 { position } else { nil } })
        for position in underWay {
            switch tasks[position].state {
            case .gating: leaveInterrupted(position)
            case .applying:
                if betweenTries.contains(position), !isEnding(position), let loss = tasks[position].lastLoss { fail(position, .link(loss)) }
            case .waiting, .confirming, .holding, .passed, .diagnosing, .undoing, .failed: break
            }
        }
        settle()
    }

    /// Its steps are through. It is taken back where it can be; else it stays as it is, and the next run asks its gate.
    mutating func leaveInterrupted(_ position: Int) {
        stopWatching(position)
        if let other = tasks[position].phase.standsWith, isUndecided(other) { return hold(position, for: other) }
        guard tasks[position].canBeTakenBack || tasks[position].stepsBack != nil else {
            return move(position, to: .waiting)
        }
        tasks[position].failure = makeFailure(
            position, .interrupted, .leftAsIs(because: tasks[position].work.undo.reasonForNothing))
        takeBack(position)
    }

    /// What is left to the guards where the run ends now.
    var guardedUnderWay: [TaskID] {
        tasks.filter { $0.windowSeconds != nil && $0.state.isUnderWay }.map(\.id)
    }
}

extension Failure {
    /// Whether all that went wrong is that the user ended the run, and the node is as it was.
    var isMerelyInterrupted: Bool {
        switch (cause, undoing) {
        case (.interrupted, .takenBack(_, let rollback)): rollback.isComplete
        case (.interrupted, .leftAsIs): true
        default: false
        }
    }
}
