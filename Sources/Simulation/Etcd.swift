import Engine

/// etcd as K3s runs it: who is a member, who votes, whose member is up, and whether there is a quorum.
struct Etcd: Sendable {
    enum Standing: Sendable {
        case none
        /// Has joined and catches up; there is at most one.
        case learner
        case voter
    }

    /// A control plane node.
    struct Member: Sendable {
        let host: Int
        /// What the other members know of it, also where its data are gone.
        var standing = Standing.none
        /// Whether something on it says where to join: without that, and without data, it begins a cluster.
        var isTold = false
        /// Whether the data of a member are on its disk.
        var hasData = false
        var isEnabled = false
        /// Whether it is kept a member without an agent, in place of K3s, also across a new start.
        var isKept = false
        /// Whether it has not been able to leave since it joined, so that it leaves when it is taken back the next time.
        var mustLeave = false
        /// Whether K3s was started, and since when its etcd answers.
        var runs = false
        var answersSince = Double.infinity
        /// Counts the starts of K3s, so that what an earlier one has begun does nothing.
        var starts = 0
        /// How often its data were moved aside.
        var movedAside = 0
        /// The cluster that its data are of: each snapshot that is restored begins another one.
        var cluster = 0
        /// Whether the file that K3s reads there has the new token.
        var hasNewToken = false
    }

    /// The primary is the first.
    private(set) var members: [Member]
    /// For each host, where it is among the members.
    private let positions: [Int?]
    /// Whether the data are under the new token.
    var isUnderNewToken = false
    /// The cluster that was begun last.
    private(set) var newest = 0
    /// Whether a snapshot will be restored: until then there may be no data at all.
    let awaitsReset: Bool
    /// Whether the cluster lives, with a Cilium that a run finds there.
    let hadNetwork: Bool

    /// - Parameters:
    ///   - living: those that are members already, whose etcd runs.
    ///   - dead: those that the others know as voters, and that have no data.
    ///   - isDown: whether the living ones do not run, though they are members.
    init(
        hosts: [Int], of count: Int, living: Set<Int> = [], dead: Set<Int> = [], isDown: Bool = false,
        awaitsReset: Bool = false
    ) {
        self.awaitsReset = awaitsReset
        hadNetwork = !living.isEmpty
        members = hosts.map { host in
            var member = Member(host: host)
            if dead.contains(host) { member.standing = .voter }
            guard living.contains(host) else { return member }
            member.standing = .voter
            member.hasData = true
            member.isEnabled = true
            guard !isDown else { return member }
            member.runs = true
            member.answersSince = 0
            return member
        }
        var positions = [Int?](repeating: nil, count: count)
        for (position, host) in hosts.enumerated() { positions[host] = position }
        self.positions = positions
    }

    subscript(host: Int) -> Member? {
        get { positions[host].map { members[$0] } }
        set { if let position = positions[host], let newValue { members[position] = newValue } }
    }

    var primary: Int { members[0].host }
    var voters: [Int] { members.filter { $0.standing == .voter }.map(\.host) }

    static func quorum(of voters: Int) -> Int { voters / 2 + 1 }

    /// Whether there can be no quorum any more, however long one waits: too many voters have no data.
    var isLost: Bool {
        let voters = voters
        if awaitsReset, newest == 0 { return false }
        return !voters.isEmpty && voters.count { self[$0]?.hasData == true } < Etcd.quorum(of: voters.count)
    }

    /// All data are gone, and K3s runs nowhere.
    mutating func loseEverything() {
        for position in members.indices {
            members[position].hasData = false
            members[position].runs = false
            members[position].isEnabled = false
            members[position].answersSince = .infinity
        }
    }

    /// A cluster of this one member begins; of the others it knows nothing.
    mutating func begin(on host: Int) {
        let cluster = newest + 1
        newest = cluster
        for position in members.indices { members[position].standing = .none }
        self[host]?.standing = .voter
        self[host]?.hasData = true
        self[host]?.cluster = cluster
    }

    /// Servers that run with data of a cluster that another one has taken the place of.
    var leftBehind: [Int] { members.filter { $0.runs && $0.hasData && $0.cluster < newest }.map(\.host) }

    /// Whether all are voters of the newest cluster.
    var isWhole: Bool { members.allSatisfy { $0.hasData && $0.standing == .voter && $0.cluster == newest } }
}
