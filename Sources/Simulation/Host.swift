import Engine

/// One node in memory: what is on it, what runs on it, its guard, and whether SSH gets there.
public struct Host: Sendable {
    public let name: NodeName
    public var contents = Contents()
    /// What cuts new connections, or all of them.
    public var cut: Cut?
    /// The quick rung of the guard's way back that ends the cut; 4: only the whole way does.
    public var cutYieldsTo = 1
    /// Whether it is being started anew.
    public internal(set) var isDown = false
    /// What the guard has saved and when it fires; nil while nothing is armed.
    var armed: Armed?
    /// What the guard did last; forgotten when it is armed again.
    var rolledBack: Rollback?
    /// Whose phase that was.
    var takenFrom: Int?
    /// The phase that was confirmed last, and for which run.
    var confirmed: (phase: PhaseID, owner: Int)?
    /// Who waits for the end of a rollback.
    var rollbackWaiter: (life: Int, request: RequestID, phase: PhaseID)?
    /// Programs that apply steps, until their answer has arrived.
    var programs: [Program] = []
    /// Whose programs may act here; and, on the keeper, who has the lease.
    var lease = HostLease()
    var disk = Disk()
    /// How far the clock that people set is ahead, in seconds.
    var clockAhead = 0.0
    /// Counts what breaks standing connections.
    var links = 0
    var upSince = -1_000_000.0
    /// Since when new connections fail.
    var outSince: Double?
    private var armings = 0

    struct Disk: Sendable {
        var slowUntil = 0.0
        /// How often longer everything takes while it is slow.
        var factor = 1.0
        var fullUntil = 0.0
    }

    public enum Cut: Sendable, Equatable {
        /// Connections that stand go on, as with a rule for new ones alone.
        case newConnections
        case allConnections
    }

    public init(_ name: NodeName) { self.name = name }

    func isTakingBack(_ phase: PhaseID) -> Bool { armed?.firing != nil && armed?.phase == phase }

    /// Whether a new connection gets there.
    public var isReachable: Bool { cut == nil && !isDown }
}

/// The checkpoint that is unconfirmed on a node.
struct Armed: Sendable {
    /// Tells this arming from an earlier one, so that an old clock does nothing.
    let number: Int
    let phase: PhaseID
    /// When a run was heard last, for the checkers; never by a clock of the node's.
    var heardAt = 0.0
    /// The run that armed it last: only it can extend and confirm.
    var owner: Int
    /// Nil: saved without a clock.
    var windowSeconds: Int?
    /// By the clock that the guard goes by.
    var deadline: Double
    let saved: Snapshot
    /// What the phase has changed since.
    var touched: [Operation] = []
    /// Why it is being taken back; nil while it is not.
    var firing: String?
    var firingSince = 0.0
    /// The quick rung that was begun last; nil where none was, and on the whole way.
    var rung: Int?
    /// Whether it waits for somebody after that rung, and whether somebody got in since it fired.
    var isWaiting = false
    var isHeard = false
    /// Whether it stopped after that rung: unconfirmed as before, with a new window.
    var isHeld = false
    /// Whether the machine was started anew since.
    var isFromEarlierBoot = false
    /// How K3s was, and whether the phase has an undo of its own that needs K3s.
    var service: Simulator.SavedService?
    var hasUndo = false
}

/// What a guard has saved; apart, because a node's state is copied far more often than it is looked at.
final class Snapshot: Sendable {
    let contents: Contents

    init(_ contents: Contents) { self.contents = contents }
}

/// The guard's verbs, as templates/guard/guard.sh has them.
extension Host {
    public var guardState: GuardState {
        if let armed {
            if armed.firing != nil { return .firing(phase: armed.phase) }
            return armed.isHeld ? .held(phase: armed.phase, rung: armed.rung ?? 0) : .armed(phase: armed.phase)
        }
        return rolledBack.map { .rolledBack($0) } ?? .none
    }

    /// The line that the guard prints.
    var guardLine: String {
        if let armed {
            if armed.firing != nil { return "firing phase=\(armed.phase)" }
            return armed.isHeld
                ? "held phase=\(armed.phase) rung=\(armed.rung ?? 0)" : "armed phase=\(armed.phase)"
        }
        return rolledBack.map {
            "rolled-back phase=\($0.phase) because=\($0.because) left=\($0.left.isEmpty ? "none" : $0.left)"
        } ?? "none"
    }

    /// Saves the state and starts the clock; the same phase goes on with what was saved first.
    /// - Returns: why it is refused; nil when it is armed.
    public mutating func arm(_ phase: PhaseID, windowSeconds: Int?, owner: Int, at now: Double) -> String? {
        if armed?.firing != nil { return "a rollback has begun" }
        if let rolledBack, rolledBack.phase == phase, !rolledBack.isComplete, takenFrom == owner {
            return "this run's phase has been taken back, and not all of it"
        }
        rolledBack = nil
        if let other = armed, other.phase != phase {
            guard other.windowSeconds == nil else { return "another phase is unconfirmed: \(other.phase)" }
            armed = nil
        }
        let deadline = now + Double(windowSeconds ?? 0)
        guard armed == nil else {
            armed?.owner = owner
            armed?.windowSeconds = windowSeconds
            armed?.deadline = deadline
            armed?.isFromEarlierBoot = false
            return nil
        }
        armings += 1
        armed = Armed(
            number: armings, phase: phase, owner: owner, windowSeconds: windowSeconds, deadline: deadline,
            saved: Snapshot(contents))
        return nil
    }

    /// Why the guard is not armed for this phase and run; nil when it is.
    private func refusal(_ phase: PhaseID, owner: Int) -> GuardState? {
        guard let armed, armed.firing == nil else { return guardState }
        return armed.phase == phase && armed.owner == owner ? nil : .armedOtherwise(phase: armed.phase)
    }

    mutating func extend(_ phase: PhaseID, windowSeconds: Int, owner: Int, at now: Double) -> GuardState {
        hear(phase, owner: owner)
        if let refusal = refusal(phase, owner: owner) { return refusal }
        armed?.deadline = now + Double(windowSeconds)
        return guardState
    }

    /// A new connection gets in while the guard fires.
    private mutating func hear(_ phase: PhaseID, owner: Int) {
        if let armed, armed.firing != nil, armed.phase == phase, armed.owner == owner { self.armed?.isHeard = true }
    }

    /// Disarms; said once more it is no mistake, and too late, also where it is held, it changes nothing.
    mutating func confirm(_ phase: PhaseID, owner: Int, isRemembered: Bool = true) -> GuardState {
        if let confirmed, confirmed == (phase, owner) { return .confirmed(phase: phase) }
        hear(phase, owner: owner)
        if let refusal = refusal(phase, owner: owner) { return refusal }
        if armed?.isHeld == true { return guardState }
        armed = nil
        confirmed = isRemembered ? (phase, owner) : nil
        return .confirmed(phase: phase)
    }

    /// Whether a program that armed it may still change something.
    func isGuarding(_ phase: PhaseID, owner: Int) -> Bool {
        refusal(phase, owner: owner) == nil && armed?.isHeld == false
    }

    /// The end of the way back: everything that the phase touched is as it was saved, and SSH is let in.
    /// - Parameter left: what could not be put back.
    mutating func takeBack(left: String = "") {
        guard let armed, let because = armed.firing else { return }
        // Where the phase's own undo has failed the files stay, too.
        if left.isEmpty {
            for operation in armed.touched.reversed() { contents.restore(operation, from: armed.saved.contents) }
        }
        cut = nil
        self.armed = nil
        rolledBack = Rollback(phase: armed.phase, because: because, left: left)
        takenFrom = armed.owner
    }
}
