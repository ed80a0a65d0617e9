/// What is watched on one node, for all gates that ask it: one exec, however many they are.
struct Watch: Sendable {
    /// The open request; nil while the watch is to be begun (anew).
    var id: RequestID?
    /// Positions of the tasks whose gates ask this node.
    var members: Set<Int> = []
    var isBeginningAnew = false
}

extension Machine {
    /// Seconds in which joining gates are gathered before a running watch is begun anew with their questions.
    static let watchGatherSeconds = 1

    /// What the gate of this task asks its own node goes with its steps, which saves a round trip or two.
    mutating func watchAfterSteps(_ position: Int) -> GateWatch? {
        let node = tasks[position].work.place
        let probes = tasks[position].probes(of: node)
        guard let gate = tasks[position].gate, !probes.isEmpty, watches[node] == nil else { return nil }
        let id = open(.watch(node))
        tasks[position].watchAfterSteps = id
        return GateWatch(id: id, probes: probes, deadlineSeconds: gate.deadlineSeconds)
    }

    /// It does not come to that watch: the steps failed, or their connection did.
    mutating func dropWatchAfterSteps(_ position: Int) {
        if let id = tasks[position].watchAfterSteps { open[id] = nil }
        tasks[position].watchAfterSteps = nil
    }

    mutating func joinWatch(_ position: Int, on node: NodeName) {
        if let id = tasks[position].watchAfterSteps, node == tasks[position].work.place {
            tasks[position].watchAfterSteps = nil
            guard watches[node] != nil else {
                watches[node] = Watch(id: id, members: [position])
                return
            }
            // Others have begun to watch meanwhile: one exec for all of them.
            open[id] = nil
            out.append(.stop(id))
        }
        watches[node, default: Watch()].members.insert(position)
        guard watches[node]?.id != nil else { return beginWatch(node) }
        guard watches[node]?.isBeginningAnew == false else { return }
        // A watch tells only what changes: whoever joins needs first answers that are newer than its own steps.
        watches[node]?.isBeginningAnew = true
        wake(.watchAgain(node), afterSeconds: Self.watchGatherSeconds)
    }

    mutating func beginWatch(_ node: NodeName) {
        guard var watch = watches[node], !watch.members.isEmpty else { return }
        if let id = watch.id, open.removeValue(forKey: id) != nil { out.append(.stop(id)) }
        var probes: [Probe] = []
        var seen: Set<Probe> = []
        var deadline = 0
        for position in watch.members.sorted() {
            guard let gate = tasks[position].gate else { continue }
            deadline = max(deadline, gate.deadlineSeconds)
            probes += tasks[position].probes(of: node).filter { seen.insert($0).inserted }
        }
        let id = open(.watch(node))
        watch.id = id
        watch.isBeginningAnew = false
        watches[node] = watch
        out.append(.watch(id, node, probes: probes, deadlineSeconds: deadline))
    }

    mutating func stopWatching(_ position: Int) {
        for (node, _) in tasks[position].asked {
            guard watches[node]?.members.remove(position) != nil, watches[node]?.members.isEmpty == true else {
                continue
            }
            if let id = watches[node]?.id, open.removeValue(forKey: id) != nil { out.append(.stop(id)) }
            watches[node] = nil
        }
    }

    mutating func observed(_ id: RequestID, _ probe: Probe, _ answer: Answer) {
        // What a watch says that is to begin anew may be older than the steps of those who have joined it.
        guard case .watch(let node) = open[id], watches[node]?.isBeginningAnew == false else { return }
        facts[node, probe] = answer
        for position in gateAskers[Ask(node, probe)] ?? [] where watches[node]?.members.contains(position) == true {
            judge(position)
        }
    }

    mutating func watchEnded(_ id: RequestID) {
        guard case .watch(let node) = open.removeValue(forKey: id) else { return }
        watches[node]?.id = nil
        watches[node]?.isBeginningAnew = true
        wake(.watchAgain(node), afterSeconds: Self.watchGatherSeconds)
    }

    /// A watch broke: its answers no longer count, and the node is asked again until the gates' deadlines.
    mutating func watchLost(_ node: NodeName, _ failure: LinkFailure) {
        guard let watch = watches[node] else { return }
        let members = watch.members.sorted()
        tell(.linkLost(node, during: members.first.map { tasks[$0].id }, failure))
        for position in members {
            for ask in tasks[position].gate?.asks ?? [] where ask.node == node { facts[node, ask.probe] = nil }
            tasks[position].lastReason = "\(node): \(failure.message)"
        }
        watches[node]?.id = nil
        watches[node]?.isBeginningAnew = true
        wake(.watchAgain(node), afterSeconds: Self.reconnectPause)
    }
}
