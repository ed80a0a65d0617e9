/// The phases laid out over an inventory: a value that can be printed, saved, compared and executed.
public struct Plan: Sendable, Equatable {
    public let cluster: String
    public let order: String
    public let phases: [PlannedPhase]

    /// Lays an order out. The result depends on the order's phases alone: the same inventory gives the same plan.
    public init(cluster: String, order: Order) {
        self.cluster = cluster
        self.order = order.name
        self.phases = order.entries.map(PlannedPhase.init)
    }
}

/// One phase of a plan.
public struct PlannedPhase: Sendable, Equatable {
    public let id: PhaseID
    public let title: String
    public let after: [Order.Dependency]
    public let atOnce: Int
    /// The node whose steps begin only when the others have had theirs.
    public let last: NodeName?
    /// The earlier phase that this one ends; see `Phase.ends`.
    public let ends: PhaseID?
    public let work: [NodeWork]

    init(_ entry: Order.Entry) {
        let phase = entry.phase
        id = phase.id
        title = phase.title
        after = entry.after
        atOnce = phase.atOnce
        last = phase.last
        ends = phase.ends
        work = phase.nodes.map { NodeWork(phase: phase, node: $0) }
    }
}

/// What one phase does to one node.
public struct NodeWork: Sendable, Equatable {
    public let node: NodeName
    /// Where the steps run; see `Phase.place`.
    public let place: NodeName
    /// The probes that are asked before, the gate's included, each once.
    public let probes: [Probe]
    /// The steps; where the phase can be taken back the first is the checkpoint.
    public let steps: [Step]
    public let gate: PlannedGate?
    /// Who is asked whether it hears SSH on the node; see `Phase.witness`.
    public let witness: Ask?
    public let undo: Undo

    init(phase: any Phase, node: NodeName) {
        let steps = phase.apply(node)
        let gate = phase.gate(node)
        self.node = node
        self.place = phase.place(node)
        self.undo = phase.undo(node)
        precondition(
            place == node || !undo.isByTheNode, "\(phase.id) on \(node) runs elsewhere, where the node's guard is not")
        self.steps = NodeWork.checkpointed(steps, phase: phase.id, undo: undo)
        self.gate = gate.map(PlannedGate.init)
        self.witness = phase.witness(node)
        var probes: [Probe] = []
        var seen: Set<Probe> = []
        for probe in phase.needs(node) where seen.insert(probe).inserted { probes.append(probe) }
        self.probes = probes
    }

    /// Whether the guard is armed before these steps.
    public var guardWindowSeconds: Int? { undo.guardWindowSeconds }

    private static func checkpointed(_ steps: [Step], phase: PhaseID, undo: Undo) -> [Step] {
        guard case .restore(let first, let window) = undo else { return steps }
        let checkpoint = Checkpoint(
            phase: phase, paths: steps.flatMap(\.operation.touchedPaths),
            units: steps.compactMap(\.operation.touchedUnit),
            undo: first, windowSeconds: window)
        let because =
            window == nil
            ? "so that a failed phase can be taken back"
            : "the node takes the phase back by itself unless a new SSH connection confirms it"
        return [Step(.checkpoint(checkpoint), because: because)] + steps
    }
}

/// The printable part of a gate.
public struct PlannedGate: Sendable, Equatable {
    public let waitingFor: String
    public let asks: [Ask]
    public let deadlineSeconds: Int

    init(_ gate: Gate) {
        waitingFor = gate.waitingFor
        asks = gate.asks
        deadlineSeconds = gate.deadlineSeconds
    }
}

extension Operation {
    /// The paths that taking this operation back must restore.
    public var touchedPaths: [String] {
        switch self {
        case .file(let path, _, _), .link(let path, _), .absent(let path), .directory(let path, _): [path]
        case .command(let command): command.writes
        default: []
        }
    }

    /// The unit whose state taking this operation back must restore.
    public var touchedUnit: String? {
        switch self {
        case .unit(let state): state.name
        default: nil
        }
    }
}
