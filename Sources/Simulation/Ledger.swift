import Engine

/// What every task of an order has come to on the nodes, in truth: the book by which the checkers judge a run.
///
/// It is kept by what programs do to the nodes, never by what the run machine says. Looking something up costs the
/// same however many nodes there are.
struct Ledger: Sendable {
    struct Entry: Sendable {
        let id: TaskID
        let phase: Int
        let after: [Predecessor]
        let isRisky: Bool
        let hasGate: Bool
        let gateDeadline: Double
        let operations: [Operation]
        let hasSteps: Bool
        let etcd: EtcdNeed
        /// The task whose effect on the node this one ends, and the one that ends this one's.
        let ends: Int?
        var endedBy: Int?
        /// For each step, the checkpoint included, whether it is as it should be.
        var isDone: [Bool]
        var missing: Int
        /// How the steps stood when the phase was begun; nil while it is not unconfirmed.
        var before: [Bool]?
        /// Whether the gate was seen to hold since the last change.
        var isHeld = false
        /// When the gate comes to hold.
        var ripeAt = 0.0
        /// Whether it is between its first change and its passing, or the passing of what ends it.
        var isOut = false
        /// Whose doing its last change was.
        var changedBy = 0
        var hasPassed = false
        /// How often it was taken back.
        var takenBack = 0

        var canPass: Bool { missing == 0 && (!hasGate || isHeld) && before == nil }
    }

    /// What must have passed before, by its number.
    enum Predecessor: Sendable {
        case phase(Int)
        case entry(Int)
    }

    /// What a gate reads of etcd.
    enum EtcdNeed: Sendable {
        case nothing
        /// The API answers.
        case quorum
        /// And this node's own member has a vote.
        case vote
    }

    struct PhaseCount: Sendable {
        let id: PhaseID
        let atOnce: Int
        var tasks = 0
        var unpassed = 0
        var out = 0
    }

    private(set) var entries: [Entry] = []
    private(set) var phases: [PhaseCount] = []
    private(set) var index: [TaskID: Int] = [:]
    private(set) var gates: [Probe: Int] = [:]

    /// - Parameters:
    ///   - order: the order as it should be, made abstract; the run machine may be given a wrong one.
    ///   - members: the servers that are members already.
    init(_ order: Order, members living: Set<NodeName> = []) {
        var phaseIndex: [PhaseID: Int] = [:]
        var members = living
        for planned in Plan(cluster: "", order: order).phases {
            let phase = phases.count
            phaseIndex[planned.id] = phase
            phases.append(PhaseCount(id: planned.id, atOnce: planned.atOnce))
            members.formUnion(planned.work.filter { $0.steps.contains(where: \.startsService) }.map(\.node))
            members.subtract(planned.work.filter { $0.steps.contains(where: \.stopsService) }.map(\.node))
            for work in planned.work {
                let done = work.steps.map(\.operation.isCheckpoint)
                let number = entries.count
                let id = TaskID(phase: planned.id, node: work.node)
                index[id] = number
                if let probe = work.gate?.asks.first?.probe { gates[probe] = number }
                var entry = Entry(
                    id: id, phase: phase,
                    after: planned.after.compactMap { dependency in
                        switch dependency {
                        case .all(let other): phaseIndex[other].map(Predecessor.phase)
                        case .sameNode(let other): index[TaskID(phase: other, node: work.node)].map(Predecessor.entry)
                        }
                    },
                    isRisky: work.guardWindowSeconds != nil,
                    hasGate: work.gate?.asks.isEmpty == false, gateDeadline: Double(work.gate?.deadlineSeconds ?? 0),
                    operations: work.steps.map(\.operation), hasSteps: done.contains(false),
                    etcd: members.contains(work.node) ? .vote : members.isEmpty || work.isLocal ? .nothing : .quorum,
                    ends: planned.ends.flatMap { index[TaskID(phase: $0, node: work.node)] },
                    isDone: done, missing: done.count { !$0 })
                entry.hasPassed = entry.canPass
                if let ended = entry.ends { entries[ended].endedBy = number }
                phases[phase].tasks += 1
                phases[phase].unpassed += entry.hasPassed ? 0 : 1
                entries.append(entry)
            }
        }
    }

    /// Whether a new cluster is begun in this order, with a snapshot's data.
    var restores: Bool {
        entries.contains { $0.operations.contains { ControlPlane.Effect(Step($0, because: "")) == .acts(.reset) } }
    }

    /// What this task comes after and has not passed; nil when all of it has.
    func unpassedPredecessor(of number: Int) -> PhaseID? {
        for predecessor in entries[number].after {
            switch predecessor {
            case .phase(let phase): if phases[phase].unpassed > 0 { return phases[phase].id }
            case .entry(let other): if !entries[other].hasPassed { return entries[other].id.phase }
            }
        }
        return nil
    }

    /// A program begins to change this task's node: with it the task is out, where that is counted.
    /// - Returns: how many of the phase are out, where that is more than it allows.
    mutating func change(_ number: Int, step: Int, by life: Int) -> Int? {
        entries[number].changedBy = life
        if !entries[number].isDone[step] {
            entries[number].isDone[step] = true
            entries[number].missing -= 1
        }
        entries[number].isHeld = false
        let phase = entries[number].phase
        if !entries[number].isOut {
            entries[number].isOut = true
            phases[phase].out += 1
        }
        update(number)
        let isRolling = phases[phase].atOnce < phases[phase].tasks
        return isRolling && phases[phase].out > phases[phase].atOnce ? phases[phase].out : nil
    }

    /// The checkpoint was made; what was saved first is what counts.
    mutating func begin(_ number: Int) {
        if entries[number].before == nil { entries[number].before = entries[number].isDone }
        update(number)
    }

    /// All steps are through: from then on the gate may come to hold.
    mutating func ripen(_ number: Int, at ripe: Double) {
        if !entries[number].isHeld { entries[number].ripeAt = ripe }
    }

    mutating func hold(_ number: Int) {
        guard !entries[number].isHeld else { return }
        entries[number].isHeld = true
        update(number)
    }

    mutating func confirm(_ number: Int) {
        entries[number].before = nil
        update(number)
    }

    /// What starts K3s on this node is off, though its phase was not taken back: that has to be done again.
    mutating func serviceIsOff(_ node: NodeName) -> Operation? {
        for number in entries.indices where entries[number].id.node == node {
            guard let step = entries[number].operations.firstIndex(where: { Step($0, because: "").startsService })
            else {
                continue
            }
            guard entries[number].isDone[step] else { return nil }
            entries[number].isDone[step] = false
            entries[number].missing += 1
            entries[number].isHeld = false
            update(number)
            return entries[number].operations[step]
        }
        return nil
    }

    /// The phase was taken back, and this is how its steps now stand.
    /// - Returns: whether that is as it was before.
    mutating func takeBack(_ number: Int, isDone: [Bool]) -> Bool {
        let before = entries[number].before
        entries[number].isDone = isDone
        entries[number].missing = isDone.count { !$0 }
        entries[number].before = nil
        entries[number].isHeld = false
        entries[number].takenBack += 1
        leave(number)
        update(number)
        return before == nil || before == isDone
    }

    /// Something was begun that this task ends: it has to be done again.
    mutating func beginAnew(_ number: Int) {
        entries[number].isDone = entries[number].operations.map(\.isCheckpoint)
        entries[number].missing = entries[number].isDone.count { !$0 }
        entries[number].isHeld = false
        update(number)
    }

    /// What this run has begun and not ended, but for what it says it could not end.
    func leftUnended(by life: Int, besides failed: Set<TaskID>) -> TaskID? {
        let ending = entries.first { entry in
            guard let number = entry.ends, entries[number].isOut, entries[number].changedBy == life else {
                return false
            }
            return !failed.contains(entry.id)
        }
        return ending?.ends.map { entries[$0].id }
    }

    private mutating func leave(_ number: Int) {
        guard entries[number].isOut else { return }
        entries[number].isOut = false
        phases[entries[number].phase].out -= 1
    }

    private mutating func update(_ number: Int) {
        let passes = entries[number].canPass
        if passes, entries[number].endedBy == nil { leave(number) }
        if passes, let ended = entries[number].ends { leave(ended) }
        guard passes != entries[number].hasPassed else { return }
        entries[number].hasPassed = passes
        phases[entries[number].phase].unpassed += passes ? -1 : 1
    }
}

extension Step {
    /// Whether this abstract step starts K3s on a control plane node.
    var startsService: Bool {
        switch ControlPlane.Effect(self) {
        case .starts, .acts(.start), .acts(.startAnew): true
        default: false
        }
    }

    /// Whether it stops K3s there.
    var stopsService: Bool {
        switch ControlPlane.Effect(self) {
        case .stops, .acts(.stop): true
        default: false
        }
    }
}

extension NodeWork {
    /// Whether this abstract task asks nobody but the machine.
    fileprivate var isLocal: Bool {
        guard case .path(let name)? = gate?.asks.first?.probe, name.hasPrefix(AbstractPhase.local) else { return false }
        return !steps.contains { if case .command = $0.operation { true } else { false } }
    }
}
