/// Phases and what each of them comes after: the order as data.
public struct Order: Sendable {
    public let name: String
    public let entries: [Entry]

    public struct Entry: Sendable {
        public let phase: any Phase
        public let after: [Dependency]
        public init(_ phase: any Phase, after: [Dependency] = []) {
            self.phase = phase
            self.after = after
        }
    }

    /// What must have passed before a phase starts on a node.
    public enum Dependency: Sendable, Hashable {
        /// The other phase has passed on all its nodes.
        case all(PhaseID)
        /// The other phase has passed on the same node (or does not concern it).
        case sameNode(PhaseID)

        public var phase: PhaseID {
            switch self {
            case .all(let phase), .sameNode(let phase): phase
            }
        }
    }

    /// - Precondition: each dependency names an earlier entry, so that the table reads from top to bottom and cannot
    ///   have a cycle; ids are unique.
    public init(name: String, _ entries: [Entry]) {
        var seen: Set<PhaseID> = []
        for entry in entries {
            for dependency in entry.after {
                precondition(
                    seen.contains(dependency.phase), "\(entry.phase.id) comes after an unknown \(dependency.phase)")
            }
            if let ended = entry.phase.ends {
                precondition(seen.contains(ended), "\(entry.phase.id) ends an unknown \(ended)")
            }
            precondition(seen.insert(entry.phase.id).inserted, "two phases are called \(entry.phase.id)")
        }
        self.name = name
        self.entries = entries
    }

    /// Whether `phase` must have passed before `other` starts, directly or through others in between.
    func comes(_ other: PhaseID, after phase: PhaseID) -> Bool {
        var needed: Set<PhaseID> = [other]
        for entry in entries.reversed() where needed.contains(entry.phase.id) {
            needed.formUnion(entry.after.map(\.phase))
        }
        return other != phase && needed.contains(phase)
    }
}
