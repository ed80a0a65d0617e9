/// Numbers the requests of a run, so that answers find what asked for them.
public typealias RequestID = Int

/// One phase on one node: what the run machine schedules.
public struct TaskID: Hashable, Sendable, CustomStringConvertible {
    public let phase: PhaseID
    public let node: NodeName
    public init(phase: PhaseID, node: NodeName) {
        self.phase = phase
        self.node = node
    }
    public var description: String { "\(phase) on \(node)" }
}

/// What the driver tells the run machine.
public enum Event: Sendable {
    case begin
    /// Answers to a survey: one for each probe and one for each step that was asked about.
    case surveyed(RequestID, answers: [Probe: Answer], states: [Step: StepState])
    /// The user, or `--yes`, agreed to what the review showed.
    case approved
    case declined
    /// Results of the steps in order; fewer than were sent only when the last one failed.
    case applied(RequestID, [StepResult])
    /// A watched probe answered for the first time or differently.
    case observed(RequestID, Probe, Answer)
    case watchEnded(RequestID)
    case guarded(RequestID, GuardState)
    case leased(RequestID, LeaseAnswer)
    /// The steps were not begun, or not all done: another run has looked at this node, or changed it, meanwhile.
    case overtaken(RequestID)
    /// The connection failed or broke; whether the operation took place is not known.
    case lost(RequestID, LinkFailure)
    case woke(RequestID)
    /// The user pressed Ctrl-C, perhaps again.
    case interrupted
}

/// How one step went.
public enum StepResult: Sendable, Equatable {
    case unchanged
    case changed
    case failed(Answer)

    public var isFailure: Bool {
        if case .failed = self { return true }
        return false
    }
}

/// Why a node could not be talked to, in words for people.
public struct LinkFailure: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// No connection, or it broke: it may work a moment later.
        case unreachable
        /// The host key is unknown or wrong, or the login was refused: trying again does not help.
        case refused
        /// The node answered something that no program of ours prints.
        case garbled
    }
    public let kind: Kind
    public let message: String
    public init(kind: Kind, message: String) {
        self.kind = kind
        self.message = message
    }
}

/// What a node did when it took a phase back.
public struct Rollback: Sendable, Equatable {
    public let phase: PhaseID
    /// By the node's own clock, in seconds since 1970; nil where it did not say.
    public let atEpochSeconds: Int?
    /// In the guard's words: `deadline`, `boot`, or `asked`.
    public let because: String
    /// What could not be put back; empty when the node is as it was.
    public let left: String
    /// What the node wrote down while it did so.
    public var log: [String]

    public init(phase: PhaseID, atEpochSeconds: Int? = nil, because: String, left: String = "", log: [String] = []) {
        self.phase = phase
        self.atEpochSeconds = atEpochSeconds
        self.because = because
        self.left = left
        self.log = log
    }

    public var isComplete: Bool { left.isEmpty }

    /// In place of a guard's words where the controller did it, by the steps that the plan names.
    public static let steps = "steps"
}

/// What the guard on a node says.
public enum GuardState: Sendable, Equatable {
    case none
    case armed(phase: PhaseID)
    case firing(phase: PhaseID)
    /// It fired and stopped after this rung of its way back, because a new connection got in: unconfirmed as before, with
    /// a window of its own, and with what the rungs up to this one did.
    case held(phase: PhaseID, rung: Int)
    /// Armed, but for another phase or by another run.
    case armedOtherwise(phase: PhaseID)
    case rolledBack(Rollback)
    case confirmed(phase: PhaseID)
    /// The guard program itself failed.
    case failed(String)

    /// The rung at which its way back stopped; nil where it is not held.
    public var heldAtRung: Int? { if case .held(_, let rung) = self { rung } else { nil } }
}
