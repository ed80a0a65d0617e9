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
    }

    /// The primary is the first.
    private(set) var members: [Member]
    /// For each host, where it is among the members.
    private let positions: [Int?]

    /// - Parameter isLiving: whether all of them are members already, whose etcd runs.
    init(hosts: [Int], of count: Int, isLiving: Bool = false) {
        members = hosts.map { host in
            var member = Member(host: host)
            guard isLiving else { return member }
            member.standing = .voter
            member.hasData = true
            member.isEnabled = true
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
}
