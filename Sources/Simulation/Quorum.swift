/// The book by which etcd's quorum is judged: who votes, and whom our own hand has taken out. A machine that starts anew
/// by itself is not in it.
struct Quorum: Sendable {
    private var voters: Set<Int> = []
    /// Nodes whose member was stopped, left without its data, or is still on its way to a vote, because of us.
    private(set) var out: Set<Int> = []

    mutating func votes(_ host: Int) { voters.insert(host) }
    mutating func leaves(_ host: Int) { voters.remove(host) }
    mutating func isBack(_ host: Int) { out.remove(host) }

    /// Our hand removes this member.
    /// - Returns: how many voters that are not out are left among the others, where they are too few for a quorum of theirs.
    func forgets(_ host: Int) -> (left: Int, needed: Int)? {
        let others = voters.subtracting([host])
        let left = others.subtracting(out).count
        let needed = Etcd.quorum(of: others.count)
        return left < needed ? (left, needed) : nil
    }

    /// Our hand starts or stops this node's K3s, or moves its data aside.
    /// - Returns: how many voters are left, where they are too few; nil where they are enough. A cluster of one that is
    ///   taken back, or started anew, has nobody to keep it.
    mutating func takesOut(_ host: Int) -> (left: Int, needed: Int)? {
        out.insert(host)
        guard voters.contains(host), voters.count > 1 else { return nil }
        let left = voters.subtracting(out).count
        let needed = Etcd.quorum(of: voters.count)
        return left < needed ? (left, needed) : nil
    }
}
