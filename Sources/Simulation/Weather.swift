/// What can go wrong in a simulation.
public enum Fault: String, Sendable, CaseIterable, Hashable {
    /// A step on a guarded node cuts SSH: at once or while its gate is waited for, for all connections or only new ones.
    case cut
    /// A node is started anew at any time, also while its guard is armed.
    case reboot
    /// The controller dies at any event; the next run begins on the same nodes.
    case kill
    /// Requests and answers get lost, come twice, or come mangled.
    case loss
    /// Steps, answers, gates and the guard's way back take long, some longer than the gate's deadline.
    case slow
    /// The operator presses Ctrl-C at any event.
    case interrupt
    /// A step fails.
    case fail
    /// Somebody else begins a run too, from here or elsewhere.
    case rival
    /// A node's disk is slow, or full, for a while.
    case disk
    /// A node's clock is set: forward or back, by minutes or by hours.
    case clock

    fileprivate var bit: UInt {
        switch self {
        case .cut: 1
        case .reboot: 2
        case .kill: 4
        case .loss: 8
        case .slow: 16
        case .interrupt: 32
        case .fail: 64
        case .rival: 128
        case .disk: 256
        case .clock: 512
        }
    }
}

/// How long things take and what goes wrong, drawn from the seed. Without a seed nothing takes time or goes wrong.
struct Weather: Sendable {
    private var random: SplitMix64?
    /// A bit each: it is asked for at every message, and a set of words would be hashed each time.
    private let faults: UInt
    /// Once faults have stopped, everything works and is quick: what is left to do must be done then.
    var isCalm = false

    init() {
        random = nil
        faults = 0
    }

    init(seed: UInt64, faults: Set<Fault>) {
        random = SplitMix64(seed: seed)
        self.faults = faults.reduce(0) { $0 | $1.bit }
    }

    /// Whether this fault is to happen here.
    mutating func strikes(_ fault: Fault, _ probability: Double) -> Bool {
        guard !isCalm, faults & fault.bit != 0 else { return false }
        return random?.chance(probability) ?? false
    }

    /// Seconds between these bounds; `slow` with this probability, where that is among the faults.
    private mutating func seconds(_ low: Double, _ high: Double, slow: Double, upTo limit: Double) -> Double {
        if strikes(.slow, slow) { return random?.between(high, limit) ?? 0 }
        return random?.between(low, high) ?? 0
    }

    mutating func between(_ low: Double, _ high: Double) -> Double { random?.between(low, high) ?? low }
    mutating func below(_ count: Int) -> Int { random?.below(count) ?? 0 }
    /// Decides between what happens at the same moment; in the order of asking where there is no seed.
    mutating func tieBreak() -> UInt64 { random?.next() ?? 0 }

    /// One way of a message. Less than the fifteen seconds after which a silent node counts as lost.
    mutating func latency() -> Double { seconds(0.01, 0.2, slow: 0.03, upTo: 12) }
    mutating func step() -> Double { seconds(0.05, 1.5, slow: 0.02, upTo: 200) }
    /// A quick rung of the guard's way back.
    mutating func rung() -> Double { seconds(0.1, 2, slow: 0.1, upTo: 5) }
    /// All of the guard's way back; 150 s is what the undo of a phase may take.
    mutating func wayBack() -> Double { seconds(0.5, 15, slow: 0.1, upTo: 150) }
    /// Until K3s' etcd has begun, or asks to join.
    mutating func service() -> Double { seconds(2, 15, slow: 0.1, upTo: 60) }
    mutating func boot() -> Double { seconds(15, 60, slow: 0.2, upTo: 180) }
    /// Until a gate holds after its steps; where it is slow, perhaps later than it is waited for.
    mutating func gate(deadline: Double) -> Double {
        seconds(0.5, min(40, deadline / 2), slow: 0.04, upTo: deadline * 1.5)
    }
    /// Until a connection that cannot be made, or a silent one, counts as lost.
    mutating func refusal() -> Double { seconds(0.1, 10, slow: 0, upTo: 0) }
    mutating func silence() -> Double { random == nil ? 0 : 15 }
}
