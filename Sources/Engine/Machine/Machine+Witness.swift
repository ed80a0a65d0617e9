/// Another node that hears SSH on a guarded one before its steps must hear it after them too, before the guard is
/// disarmed: the controller's own way there may be one that others do not have.
extension Machine {
    /// Before the steps: whether the witness hears it at all.
    mutating func askWitness(before position: Int) {
        guard tasks[position].windowSeconds != nil, let witness = tasks[position].work.witness else {
            return apply(position)
        }
        out.append(.survey(open(.witnessBefore(position)), witness.node, probes: [witness.probe], steps: []))
    }

    /// - Parameter answer: nil where the witness could not be asked.
    mutating func witnessAnswered(before position: Int, _ answer: Answer?) {
        tasks[position].isWitnessed = answer?.succeeded == true
        guard stage == .running else {
            // Nothing new starts any more, and nothing has begun.
            move(position, to: .waiting)
            return settle()
        }
        apply(position)
    }

    /// After the gate, whose deadline still runs.
    mutating func askWitnessOrConfirm(_ position: Int) {
        guard tasks[position].isWitnessed, let witness = tasks[position].work.witness else {
            return confirmOrPass(position)
        }
        guard tasks[position].state == .gating else { return }
        out.append(.survey(open(.witnessAfter(position)), witness.node, probes: [witness.probe], steps: []))
    }

    /// - Parameter why: nil where the witness hears SSH on the node.
    mutating func witnessAnswered(after position: Int, silentBecause why: String?) {
        guard tasks[position].state == .gating, let witness = tasks[position].work.witness else { return }
        guard let why else { return confirmOrPass(position) }
        let reason = "\(witness.node) does not hear SSH on \(tasks[position].id.node) any more: \(why)"
        if reason != tasks[position].silence {
            tasks[position].silence = reason
            tell(.waiting(tasks[position].id, for: tasks[position].gate?.waitingFor ?? "", because: reason))
        }
        // What the gate saw may not be so any more then: it is watched anew.
        wake(.witnessAgain(position), afterSeconds: Self.reconnectPause)
    }
}
