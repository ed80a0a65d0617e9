/// Who may change a cluster's nodes just now: one run at a time. It is kept on one node, the keeper, and lapses when its
/// owner has shown no life for `Lease.seconds`.
public struct Lease: Sendable, Hashable {
    /// How long a lease holds after the last sign of life.
    public static let seconds = 60

    /// The run that has it.
    public let owner: String
    /// Grows with each run that takes it: a node that has heard of a higher one does nothing for a lower one.
    public let fence: Int
    /// Until it lapses, if its owner shows no life.
    public let leftSeconds: Int
    /// When it was taken, by the keeper's own clock.
    public let sinceEpochSeconds: Int?
    /// What else its owner said of itself, such as `by` and `pid`; none of it is a secret.
    public let words: [String: String]

    public init(
        owner: String, fence: Int, leftSeconds: Int, sinceEpochSeconds: Int? = nil, words: [String: String] = [:]
    ) {
        self.owner = owner
        self.fence = fence
        self.leftSeconds = leftSeconds
        self.sinceEpochSeconds = sinceEpochSeconds
        self.words = words
    }
}

/// What a node answers when it is asked for the lease.
public struct LeaseState: Sendable, Equatable {
    /// Nil: nobody's, or lapsed.
    public let holder: Lease?
    /// The highest number that this node has heard of; 0 where none was since its start.
    public let fence: Int
    /// The runs, other than the one that asks, whose programs are at work on this node.
    public let programs: [String]

    /// Reads a line `free fence=N` or `held fence=N number=N left=SECONDS owner=O since=EPOCH KEY=VALUE...`, and then a
    /// line `program OWNER` for each that is at work. Whatever else there is counts as nobody's.
    public init(_ text: String) {
        let lines = text.lines.map(\.words)
        var pairs =
            lines.first?.dropFirst().compactMap { word in
                word.utf8.firstIndex(of: UInt8(ascii: "=")).map { (key: word[..<$0], value: word[$0...].dropFirst()) }
            } ?? []
        func take(_ key: String) -> String? {
            let value = pairs.first { $0.key == key }.map { String($0.value) }
            pairs.removeAll { $0.key == key }
            return value
        }
        fence = take("fence").flatMap(Int.init) ?? 0
        programs = lines.compactMap { $0.first == "program" && $0.count == 2 ? String($0[1]) : nil }
        guard lines.first?.first == "held", let owner = take("owner") else {
            holder = nil
            return
        }
        let number = take("number").flatMap(Int.init) ?? fence
        let left = take("left").flatMap(Int.init) ?? 0
        let since = take("since").flatMap(Int.init)
        let words = Dictionary(pairs.map { (String($0.key), String($0.value)) }) { first, _ in first }
        holder = Lease(owner: owner, fence: number, leftSeconds: left, sinceEpochSeconds: since, words: words)
    }
}

/// What is said to a node about the lease.
public enum LeaseVerb: Sendable, Hashable {
    /// Take it with this number, unless another run has it, or the node has heard of one that was not seen.
    case take(fence: Int, seen: Int)
    /// A sign of life of the run that has it.
    case renew
    /// This node's programs are this run's from now on: those of other runs stop before their next change.
    case claim
}

/// What came of it.
public enum LeaseAnswer: Sendable, Equatable {
    case ours
    /// Another run has it.
    case held(Lease)
    /// Nobody has it, but another run has had it meanwhile.
    case moved
}
