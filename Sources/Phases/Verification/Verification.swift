import Engine
import Inventory

/// Whether a cluster is as the inventory has it, check by check and with what was seen: what `verify` shows.
///
/// `status` tells how each node stands; this asks more, and judges all of it. Both ask the phases' own questions.
public struct Verification: Sendable, Equatable {
    public enum Result: String, Sendable, Equatable {
        case holds = "ok"
        case fails
        /// Nobody knows: it could not be asked.
        case notAsked = "not asked"
    }

    public struct Row: Sendable, Equatable {
        /// What was looked at, such as `etcd-healthy`.
        public let check: String
        /// A node, or `cluster` for what is the same whoever is asked.
        public let place: String
        public let result: Result
        /// What was seen, or why nothing was.
        public let seen: String
    }

    public let rows: [Row]

    public var holds: Bool { rows.allSatisfy { $0.result == .holds } }

    /// What the nodes are asked, all of it in one exec a node.
    public static func asks(_ inventory: Inventory) -> [Ask] {
        var known: Set<Ask> = []
        return Checks.all(inventory).flatMap(\.asks).filter { known.insert($0).inserted }
    }

    /// - Parameter unreachable: the nodes that could not be asked.
    public init(_ inventory: Inventory, facts: Facts, unreachable: Set<NodeName> = []) {
        rows = Checks.all(inventory).map { check in
            let finding: Check.Finding
            if let lost = check.lost(unreachable) { finding = .notAsked(lost) } else { finding = check.judge(facts) }
            return Row(check: check.name, place: check.place, result: finding.result, seen: finding.seen)
        }
    }
}

/// One thing that is looked at in one place.
struct Check: Sendable {
    /// What comes of it, each with what was seen.
    enum Finding: Sendable, Equatable {
        case holds(String)
        case fails(String)
        case notAsked(String)

        var result: Verification.Result {
            switch self {
            case .holds: .holds
            case .fails: .fails
            case .notAsked: .notAsked
            }
        }
        var seen: String {
            switch self {
            case .holds(let seen), .fails(let seen), .notAsked(let seen): seen
            }
        }
    }

    let name: String
    let place: String
    let asks: [Ask]
    let judge: @Sendable (Facts) -> Finding

    static let cluster = "cluster"

    /// What is a node's own to say.
    init(_ name: String, on node: NodeName, asks: [Ask], judge: @escaping @Sendable (Facts) -> Finding) {
        self.name = name
        place = node.rawValue
        self.asks = asks
        self.judge = judge
    }

    /// What one node is asked, and nobody else.
    init(_ name: String, on node: NodeName, _ probe: Probe, judge: @escaping @Sendable (Answer) -> Finding) {
        self.init(name, on: node, asks: [Ask(node, probe)]) { facts in
            facts[node, probe].map(judge) ?? .notAsked("\(node) did not say")
        }
    }

    /// What is the same whoever is asked.
    init(_ name: String, asks: [Ask], judge: @escaping @Sendable (Facts) -> Finding) {
        self.name = name
        place = Check.cluster
        self.asks = asks
        self.judge = judge
    }

    /// Why nothing can be known, where none of those that are asked can be reached.
    fileprivate func lost(_ unreachable: Set<NodeName>) -> String? {
        guard let first = asks.first, asks.allSatisfy({ unreachable.contains($0.node) }) else { return nil }
        return "no SSH to \(first.node)"
    }
}

extension Check.Finding {
    /// A gate's verdict, with what was seen where it holds.
    init(_ verdict: Verdict, seen: String) {
        switch verdict {
        case .holds: self = .holds(seen)
        case .waiting(let reason), .failed(let reason): self = .fails(reason)
        }
    }
}

extension Facts {
    /// Whether the node's guard is armed for this phase, or just takes it back: a run that was cut has left it so, and the
    /// phase goes on there, whatever else the facts say.
    func hasGuardArmed(for phase: PhaseID, _ node: NodeName) -> Bool {
        switch self[node, .guardState].map({ GuardState(line: $0.output) }) {
        case .armed(phase), .held(phase, _), .firing(phase): true
        default: false
        }
    }

    /// The first of these nodes' answers that is one; else the first that says why not.
    func first(of nodes: [NodeName], _ probe: Probe) -> Answer? {
        let answers = nodes.lazy.compactMap { self[$0, probe] }
        return answers.first(where: \.succeeded) ?? answers.first
    }
}
