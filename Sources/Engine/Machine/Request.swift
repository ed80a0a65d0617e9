/// What the run machine asks of the driver.
public enum Request: Sendable {
    /// Ask these probes and how these steps stand, in one read-only exec. Where the lease is asked for, and the fleet
    /// may write, programs of other runs that have not begun there by then never will, unless they ask again.
    case survey(RequestID, NodeName, probes: [Probe], steps: [Step])
    /// Show what is about to happen and answer `approved` or `declined`.
    case review(Review, Facts)
    /// Apply the steps of this task in order on this node, in one exec, stopping at the first that fails; when all went
    /// well, go on with this watch of the same node, in the same exec where that can be.
    case apply(RequestID, TaskID, on: NodeName, steps: [Step], then: GateWatch?)
    /// Poll the probes on the node and report first and changed answers until stopped.
    case watch(RequestID, NodeName, probes: [Probe], deadlineSeconds: Int)
    case stop(RequestID)
    /// Talk to the guard, always over a new connection.
    case guardian(RequestID, TaskID, GuardVerb)
    case lease(RequestID, NodeName, LeaseVerb)
    case wake(RequestID, afterSeconds: Int)
    /// Print it and append it to the journal, flushed before the next request is performed.
    case tell(Happening)
    case finish(Outcome)
}

/// A watch that begins when the steps before it are through: a `watch` request with an id of its own.
public struct GateWatch: Sendable, Equatable {
    public let id: RequestID
    public let probes: [Probe]
    public let deadlineSeconds: Int
}

/// What can be said to the guard.
public enum GuardVerb: Sendable, Equatable {
    /// A sign of life: the window starts anew.
    case extend(windowSeconds: Int)
    /// The phase stands; the guard is disarmed.
    case confirm
    /// Take the phase back now.
    case rollback
}

/// What a run would do, as the survey found it.
public struct Review: Sendable, Equatable {
    public struct Item: Sendable, Equatable {
        public let task: TaskID
        public let reason: String
        /// The steps that would change something, with what is there now.
        public let changes: [Change]
    }
    public struct Change: Sendable, Equatable {
        public let step: Step
        public let current: String
        public init(step: Step, current: String) {
            self.step = step
            self.current = current
        }
    }
    /// In the order of the plan; empty when there is nothing to do.
    public let items: [Item]
    /// The tasks that do not concern their nodes as these are now, each with its reason: not even run after a change.
    public let notApplicable: [TaskID: String]

    public init(items: [Item], notApplicable: [TaskID: String] = [:]) {
        self.items = items
        self.notApplicable = notApplicable
    }
}

/// Something that happened in a run: shown to the user and kept in the journal. Holds no secret.
public enum Happening: Sendable, Equatable {
    case surveyed(NodeName)
    case skipped(TaskID, why: String)
    case applying(TaskID, steps: Int, undo: Undo)
    case applied(TaskID, changed: [Step])
    case waiting(TaskID, for: String, because: String)
    case passed(TaskID, changed: Bool)
    case signOfLife(TaskID)
    case confirmed(TaskID)
    case linkLost(NodeName, during: TaskID?, LinkFailure)
    case failed(TaskID, why: String)
    /// By the user; nothing new starts.
    case interrupted(takingBack: [TaskID], finishing: [TaskID])
    case takingBack(TaskID)
    case takenBack(TaskID, by: Party, Rollback)
    /// The run is over, and what became of this is about to be asked, and if need be taken back, over a rescue path.
    case rescuing(TaskID, over: String)
    case rescued(TaskID, over: String, Rollback, ordinary: LinkFailure?)
    case rescueFailed(TaskID, over: String, why: String)

    /// Who took a phase back.
    public enum Party: Sendable, Equatable { case controller, node }
}
