/// One phase on one node, and how far it has come.
struct Task: Sendable {
    let id: TaskID
    let phase: any Phase
    let after: [Order.Dependency]
    let work: NodeWork
    let gate: Gate?
    /// Whom the gate asks, and what, each once, in the order of the asks.
    let asked: [(node: NodeName, probes: [Probe])]

    var state = TaskState.waiting
    /// Whether this task has changed something in this run; `isDirty` also when one that it comes after has.
    var hasChanged = false
    var isDirty = false
    /// Whether it was run, not skipped.
    var wasRun = false
    /// Whether the survey found it as it should be.
    var isSatisfied = false
    var notApplicable: String?
    /// Whether what may be left to do is left to the next run, for the reason that `notApplicable` has.
    var isPutOff = false
    /// Whether the witness heard SSH on the node before the steps.
    var isWitnessed = false
    /// Why the witness does not hear it any more, since the gate was seen to hold.
    var silence: String?
    /// The failure that is being dealt with while the task is taken back.
    var failure: Failure?
    /// When the guard last heard from us, in seconds of the run; nil while it is not armed.
    var lastSignOfLife: Double?
    var lifeTimerRuns = false
    /// When applying first lost its connection.
    var lostSince: Double?
    /// What was told about it last.
    var lastLoss: LinkFailure?
    /// The watch that goes on from the steps under way, on the task's own node.
    var watchAfterSteps: RequestID?
    /// Counts how often the gate was begun, so that an old deadline is told from the present one.
    var gateRound = 0
    var lastReason = "nothing was seen yet"

    init(id: TaskID, phase: any Phase, after: [Order.Dependency], work: NodeWork, gate: Gate?) {
        self.id = id
        self.phase = phase
        self.after = after
        self.work = work
        self.gate = gate
        self.asked = gate.map { gate in gate.askedNodes.map { ($0, gate.probes(of: $0)) } } ?? []
    }

    func probes(of node: NodeName) -> [Probe] { asked.first { $0.node == node }?.probes ?? [] }

    var windowSeconds: Int? { work.guardWindowSeconds }
    /// By the node's guard, which has saved what is put back.
    var canBeTakenBack: Bool {
        if case .restore = work.undo { return true }
        return false
    }
    /// By steps from the controller.
    var stepsBack: [Step]? {
        if case .steps(let steps) = work.undo { return steps }
        return nil
    }
}

enum TaskState: Sendable, Equatable {
    case waiting
    case applying
    case gating
    case confirming
    /// All of it is done, and it stands or goes with another phase (`Phase.standsWith`).
    case holding
    case passed
    case diagnosing
    case undoing
    case failed

    var isUnderWay: Bool {
        switch self {
        case .applying, .gating, .confirming, .holding, .diagnosing, .undoing: true
        case .waiting, .passed, .failed: false
        }
    }
}

/// How far the tasks of one phase have come.
struct PhaseProgress: Sendable {
    var unpassed: Int
    /// Nodes whose turn it is.
    var turns = 0
    /// Whether one of its tasks changed something in this run.
    var isDirty = false

    init(unpassed: Int) { self.unpassed = unpassed }
}
