/// A phase: what it asks, what it concludes, what it does, what must hold afterwards, and how it is taken back.
///
/// All five are pure functions of the inventory that the phase was made with and of the facts given. Conditions live
/// in `check`, never in the order.
public protocol Phase: Sendable {
    var id: PhaseID { get }
    /// One line for people, such as "K3s on the primary".
    var title: String { get }
    /// The nodes it works on, in the order of rolling work.
    var nodes: [NodeName] { get }
    /// How many nodes at a time; control plane nodes are never more than one where that could cost quorum.
    var atOnce: Int { get }
    /// The node whose steps reach the others too, so that they begin only when the others have had theirs, their guards
    /// armed; nil: none does.
    var last: NodeName? { get }
    /// A phase beside which this one runs: what this one has done stands when all of that one stands, and is taken back
    /// when some of that one is; nil: it stands alone.
    var standsWith: PhaseID? { get }
    /// An earlier phase whose effect on a node this one ends, as uncordoning ends draining; nil: none.
    ///
    /// A node's turn in that phase lasts until this one has passed on it. Where the run fails or is interrupted in
    /// between, this one is run all the same.
    var ends: PhaseID? { get }

    /// Where the steps for this node run: another node, where they change what the cluster keeps of it. Such a phase is
    /// not taken back by a guard, but by steps there, if at all.
    func place(_ node: NodeName) -> NodeName
    /// The nodes in the order of rolling work, where that depends on what was found.
    func turns(_ facts: Facts) -> [NodeName]
    /// Read-only questions whose answers `check` uses, besides the states of the steps and the gate's own questions.
    func needs(_ node: NodeName) -> [Probe]
    /// What the facts mean for this node. The engine adds "pending" where a step differs or the gate does not hold.
    func check(_ node: NodeName, _ facts: Facts) -> Finding
    /// The steps, in order; of the inventory alone, so that the plan is what is executed.
    func apply(_ node: NodeName) -> [Step]
    /// What must hold before anything after this phase may start.
    func gate(_ node: NodeName) -> Gate?
    /// How this phase is taken back on this node.
    func undo(_ node: NodeName) -> Undo
    /// Another node, and the question by which it finds out whether SSH on this one answers it; nil: none is asked.
    /// It is asked before the steps, and where it was answered then, again before the guard is disarmed.
    func witness(_ node: NodeName) -> Ask?
    /// The nodes that have to change at the same time as this one, as the facts are: a run whose `--limit` has some of
    /// them and not the others is refused.
    func ties(_ node: NodeName, _ facts: Facts) -> [Tie]
}

extension Phase {
    public var atOnce: Int { .max }
    public var last: NodeName? { nil }
    public var standsWith: PhaseID? { nil }
    public var ends: PhaseID? { nil }
    public func place(_ node: NodeName) -> NodeName { node }
    public func turns(_ facts: Facts) -> [NodeName] { nodes }
    public func needs(_ node: NodeName) -> [Probe] { [] }
    public func check(_ node: NodeName, _ facts: Facts) -> Finding { .satisfied }
    public func gate(_ node: NodeName) -> Gate? { nil }
    public func undo(_ node: NodeName) -> Undo { .nothing(because: "it changes nothing") }
    public func witness(_ node: NodeName) -> Ask? { nil }
    public func ties(_ node: NodeName, _ facts: Facts) -> [Tie] { [] }
}

/// Another node that cannot change without this one, nor this one without it.
public struct Tie: Sendable, Equatable {
    public let node: NodeName
    /// A sentence that names what both change.
    public let why: String
    public init(_ node: NodeName, why: String) {
        self.node = node
        self.why = why
    }
}

/// What a phase concludes from the facts of a node.
public enum Finding: Sendable, Equatable {
    case satisfied
    /// So are its steps, whose commands have no question of their own, by what the facts say.
    case settled
    /// This phase does not concern the node as it is now, for this reason: neither steps nor gate are run.
    case notApplicable(String)
    /// It cannot be seen to now, for this reason: neither steps nor gate are run, and the run does not end as done.
    case putOff(String)
    /// There is work, for this reason.
    case pending(String)
    /// It cannot or must not be done, for these reasons; nothing on any node is changed then.
    case blocked([Problem])
}

/// One reason why a run is refused, with what to do about it.
public struct Problem: Sendable, Equatable {
    public let what: String
    public let fix: String
    public init(_ what: String, fix: String) {
        self.what = what
        self.fix = fix
    }
}

/// How a phase is taken back on a node.
public enum Undo: Sendable, Equatable {
    /// Nothing to take back.
    case nothing(because: String)
    /// These steps, from the controller: for what cuts off no node, and is in the cluster rather than on it.
    case steps([Step])
    /// What the steps touch is saved beforehand and put back; `first` runs before that, while the services still run.
    /// With a window the node itself does it unless a new connection confirms.
    case restore(first: [Step], guardWindowSeconds: Int?)

    /// Whether it is the node that has saved what is put back.
    var isByTheNode: Bool {
        if case .restore = self { return true }
        return false
    }

    /// The guard's window; nil where none is armed.
    public var guardWindowSeconds: Int? {
        if case .restore(_, let window) = self { return window }
        return nil
    }
}

/// A condition that must hold before the next phase starts, with a deadline.
public struct Gate: Sendable {
    /// Completes the sentence "waiting for ...".
    public let waitingFor: String
    /// Asked again and again on the nodes themselves until the verdict is reached.
    public let asks: [Ask]
    public let deadlineSeconds: Int
    /// The unit whose journal is shown when the gate fails, and on which node.
    public let journal: (node: NodeName, unit: String)?
    /// What to look at next when it fails.
    public let lookAt: String
    /// Decides by the newest answers; a missing answer means waiting.
    public let judge: @Sendable (Facts) -> Verdict

    public init(
        waitingFor: String, asks: [Ask], deadlineSeconds: Int, journal: (node: NodeName, unit: String)? = nil,
        lookAt: String, judge: @escaping @Sendable (Facts) -> Verdict
    ) {
        self.waitingFor = waitingFor
        self.asks = asks
        self.deadlineSeconds = deadlineSeconds
        self.journal = journal
        self.lookAt = lookAt
        self.judge = judge
    }
}

/// A probe and the node that it is put to.
public struct Ask: Sendable, Hashable {
    public let node: NodeName
    public let probe: Probe
    public init(_ node: NodeName, _ probe: Probe) {
        self.node = node
        self.probe = probe
    }
}

/// How a gate stands.
public enum Verdict: Sendable, Equatable {
    case holds
    /// Not yet, for this reason; always something that was seen.
    case waiting(String)
    /// It cannot come to hold any more.
    case failed(String)
}
