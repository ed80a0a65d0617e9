import Engine

/// A guard that an earlier run of another verb has left armed.
enum GuardProblem {
    /// - Parameter own: the phases with which this verb goes on itself.
    static func problems(_ node: NodeName, _ facts: Facts, own: some Collection<PhaseID>) -> [Problem] {
        switch facts[node, .guardState].map({ GuardState(line: $0.output) }) {
        case .armed(let phase), .held(let phase, _), .firing(let phase):
            guard !own.contains(phase) else { return [] }
            return [
                Problem(
                    "its guard is armed for \(phase) of an earlier run of another verb",
                    fix: "let that verb go on with it, or wait until the node has taken it back: 'clusterctl guard "
                        + "status'")
            ]
        default: return []
        }
    }
}
