/// Waiting for a gate: nodes poll, the machine judges each new answer.
extension Machine {
    static let journalLines = 20

    mutating func beginGate(_ position: Int) {
        guard let gate = tasks[position].gate else { return confirmOrPass(position) }
        tasks[position].gateRound += 1
        tasks[position].lastReason = "nothing was seen yet"
        tasks[position].silence = nil
        move(position, to: .gating)
        tell(.waiting(tasks[position].id, for: gate.waitingFor, because: "asking"))
        wake(.gateDeadline(position, round: tasks[position].gateRound), afterSeconds: gate.deadlineSeconds)
        watchGate(position)
    }

    /// What was seen before the steps, or while a witness heard nothing, must not open the gate.
    mutating func watchGate(_ position: Int) {
        guard tasks[position].state == .gating, let gate = tasks[position].gate else { return }
        for ask in gate.asks { facts[ask.node, ask.probe] = nil }
        for (node, _) in tasks[position].asked { joinWatch(position, on: node) }
        if gate.asks.isEmpty { judge(position) }
    }

    mutating func judge(_ position: Int) {
        guard tasks[position].state == .gating, let gate = tasks[position].gate else { return }
        switch gate.judge(facts) {
        case .holds:
            stopWatching(position)
            askWitnessOrConfirm(position)
        case .waiting(let reason):
            guard reason != tasks[position].lastReason else { return }
            tasks[position].lastReason = reason
            tell(.waiting(tasks[position].id, for: gate.waitingFor, because: reason))
        case .failed(let reason):
            fail(position, .gate(waitingFor: gate.waitingFor, lastSeen: reason))
        }
    }

    mutating func gateDeadlinePassed(_ position: Int, round: Int) {
        guard tasks[position].state == .gating, tasks[position].gateRound == round, let gate = tasks[position].gate
        else { return }
        // While a guarded node is silent its guard decides, not the gate's deadline.
        if let window = tasks[position].windowSeconds, let last = tasks[position].lastSignOfLife,
            now - last > Double(window) / 2
        {
            return wake(.gateDeadline(position, round: round), afterSeconds: Self.reconnectPause)
        }
        // A gate that was seen to hold is only watched anew.
        let lastSeen = tasks[position].silence ?? tasks[position].lastReason
        fail(position, .gate(waitingFor: gate.waitingFor, lastSeen: lastSeen))
    }
}

extension Gate {
    /// Each node that is asked, once, in the order of the asks.
    var askedNodes: [NodeName] {
        var seen: Set<NodeName> = []
        return asks.map(\.node).filter { seen.insert($0).inserted }
    }

    /// What that node is asked, each once.
    func probes(of node: NodeName) -> [Probe] {
        var seen: Set<Probe> = []
        return asks.filter { $0.node == node }.map(\.probe).filter { seen.insert($0).inserted }
    }
}
