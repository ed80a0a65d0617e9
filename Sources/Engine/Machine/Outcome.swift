/// How a run ended.
public enum Outcome: Sendable, Equatable {
    case nothingToDo
    case done(changed: Int)
    /// Nothing has failed, but not all could be seen to: the next run has to.
    case unfinished(changed: Int, putOff: [PutOff])
    case declined
    /// Refused before anything was changed.
    case blocked([Blocked])
    /// The nodes are not as they were when the plan that was to be carried out was saved; nothing was changed.
    case stale([Difference])
    /// Nodes that could not be asked, in inventory order; nothing was changed.
    case unreachable([Unreachable])
    case failed([Failure])
    /// By the user: what is left to its guard, because the run ended at once, and what was under way and was undone.
    case interrupted(guarded: [TaskID], undone: [Failure])
    /// Another run has the lease, or has taken it from this one.
    case refused(Refusal)

    public struct PutOff: Sendable, Equatable {
        public let task: TaskID
        public let why: String

        public init(task: TaskID, why: String) {
            self.task = task
            self.why = why
        }
    }
    public struct Blocked: Sendable, Equatable {
        public let task: TaskID
        public let problems: [Problem]

        public init(task: TaskID, problems: [Problem]) {
            self.task = task
            self.problems = problems
        }
    }
    public struct Refusal: Sendable, Equatable {
        public enum Reason: Sendable, Equatable {
            /// Nothing was changed.
            case held(Lease)
            /// Another run has changed something since this one has looked. Nothing was changed.
            case moved
            /// In the middle of the run; what has an armed guard is left to it.
            case lost(to: Lease?, guarded: [TaskID])
        }
        /// Where the lease is kept.
        public let node: NodeName
        public let reason: Reason

        public init(node: NodeName, reason: Reason) {
            self.node = node
            self.reason = reason
        }
    }
    /// Something that a saved plan was made from, and how it is now.
    public struct Difference: Sendable, Equatable {
        public let node: NodeName
        /// Nil where it is about the node itself.
        public let phase: PhaseID?
        /// A step, the guard, or the conclusion on the phase, in words.
        public let what: String
        public let was: String
        public let now: String

        public init(node: NodeName, phase: PhaseID?, what: String, was: String, now: String) {
            self.node = node
            self.phase = phase
            self.what = what
            self.was = was
            self.now = now
        }
    }
    public struct Unreachable: Sendable, Equatable {
        public let node: NodeName
        public let failure: LinkFailure
    }
}

/// One failed task, with everything an operator needs to go on.
public struct Failure: Sendable, Equatable {
    public enum Cause: Sendable, Equatable {
        case operation(Step, Answer)
        /// The gate's sentence and the last thing seen.
        case gate(waitingFor: String, lastSeen: String)
        case link(LinkFailure)
        /// No new connection confirmed it. The node took the phase back by itself; or its guard stopped after this rung of
        /// its way back, because somebody got in again.
        case guardFired(heldAtRung: Int?)
        /// Nothing but that the user has ended the run.
        case interrupted
    }
    public enum Undoing: Sendable, Equatable {
        /// Nothing was taken back, for this reason.
        case leftAsIs(because: String)
        case takenBack(by: Happening.Party, Rollback)
        /// Nobody knows: go out of band.
        case unconfirmed(String)
        /// After that, over the node's rescue path. `ordinary` says why SSH does not answer at its own address; nil
        /// where it does again.
        case rescued(Rollback, over: String, ordinary: LinkFailure?)
    }
    public let task: TaskID
    public let cause: Cause
    public var undoing: Undoing
    /// The last lines of the unit's journal on the node, where they could be had.
    public var journal: String
    public let lookAt: String

    public init(task: TaskID, cause: Cause, undoing: Undoing, journal: String, lookAt: String) {
        self.task = task
        self.cause = cause
        self.undoing = undoing
        self.journal = journal
        self.lookAt = lookAt
    }
}
