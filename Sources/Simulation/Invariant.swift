import Engine

/// What must hold after every event of a simulation, whatever goes wrong.
public enum Invariant: String, Sendable, CaseIterable, Hashable {
    /// A node that SSH does not reach is starting anew, or its guard lets SSH in soon after its deadline: within seconds
    /// where a quick rung does, and at the latest when it is through.
    case everyNodeComesBack = "every-node-comes-back"
    /// A guard fires when it has heard of no run for its window: not a second earlier, and at most two later.
    case guardKeepsItsWindow = "guard-keeps-its-window"
    /// On a guarded node nothing is changed by a guarded phase before the guard is armed for it.
    case armedBeforeRisk = "armed-before-risk"
    /// A phase is confirmed only after its gate was seen to hold.
    case confirmedAfterGate = "confirmed-after-gate"
    /// A phase changes nothing on a node before what it comes after has passed: steps, gate and confirmation.
    case afterPredecessors = "after-predecessors"
    /// Of a rolling phase never more nodes are between their first change and their passing than it allows.
    case rollingAtOnce = "rolling-at-once"
    /// What a run has begun on a node for as long as a change takes, such as draining it, it has ended when it comes to its
    /// end itself; or it says that it could not.
    case turnsAreEnded = "turns-are-ended"
    /// By our hand etcd never has fewer voters than its quorum: not by a step, and not by what a guard takes back. A machine
    /// that starts anew by itself is nobody's hand.
    case quorumIsKept = "quorum-is-kept"
    /// Never two control plane nodes are out at once because of us: from the start of K3s until its member votes, or until
    /// it was taken back.
    case oneServerOut = "one-server-out"
    /// No server begins a cluster of its own beside one that is there. Once a snapshot's data have begun a new cluster, no
    /// server runs with the data of the earlier one; and at the end all servers vote in the new one.
    case oneCluster = "one-cluster"
    /// Two programs never apply the same step at the same time.
    case oneProgramAStep = "one-program-a-step"
    /// Once another run has changed something, a run changes nothing more, on any node.
    case oneRunAtATime = "one-run-at-a-time"
    /// Nobody gets a lease whose owner lives and has shown life within its time.
    case livingLeaseHolds = "living-lease-holds"
    /// After a phase was taken back, each of its steps stands as it did before the phase was begun.
    case undoneIsAsBefore = "undone-is-as-before"
    /// No request shows the text of a secret. Looked at for one seed in 1024, because it is slow.
    case secretsStaySecret = "secrets-stay-secret"
    /// A run after one that said "done" has nothing to do, and changes nothing.
    case secondRunIsEmpty = "second-run-is-empty"
    /// When faults have stopped, the run, begun again as often as a user would, comes to its end.
    case finishes = "finishes"
}

/// An invariant that did not hold.
public struct Violation: Sendable, Equatable {
    public let invariant: Invariant
    /// What was seen, in a sentence.
    public let story: String
    /// Seconds since the simulation began.
    public let seconds: Double
}
