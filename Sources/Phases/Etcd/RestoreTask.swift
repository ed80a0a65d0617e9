import Engine
import Inventory
import Rendering

/// A task of `templates/etcd/etcd-restore.sh`, as a step.
enum RestoreTask: String {
    case place, data, check, stop, reset, aside, forget, restart, end, prove, cluster, proof, recover

    static func program(_ arguments: [String]) -> [String] { Script.arguments(.etcdRestore, arguments) }

    /// - Parameter name: in the imperative, with nothing of one node in it: the model knows it by this name.
    func step(
        _ name: String, _ restore: Restore, _ arguments: [String] = [], timeoutSeconds: Int = 120, because: String
    ) -> Step {
        let words = [rawValue, restore.attempt, restore.snapshot] + arguments
        let question = self == .check ? words : ["done"] + words
        return Step(
            .command(
                Command(
                    name: name, arguments: RestoreTask.program(words), unless: RestoreTask.program(question),
                    timeoutSeconds: timeoutSeconds)),
            because: because)
    }
}

/// How far a restore that was begun on a node has come there.
public struct RestoreState: Sendable, Equatable {
    public let attempt: String
    /// `stopped`, `resetting`, `reset`, `aside`, `restarted` or `ended`.
    public let stage: String
    public let snapshot: String
    /// When it ended, in seconds since 1970 by the node's clock; nil while it is under way.
    public let endedAt: Int?

    public static let probe = Probe.command(Script.arguments(.restoreState))

    public var isUnderWay: Bool { stage != "ended" }
    /// Whether there are new data on this node, or none any more.
    public var isBeyondReturn: Bool { stage == "reset" || stage == "aside" }

    /// Nil where nothing was ever begun, and where the node did not say.
    public init?(_ answer: Answer?) {
        guard let answer, answer.succeeded, let line = answer.lines.first else { return nil }
        let words = line.split(separator: " ")
        guard words.count >= 3 else { return nil }
        attempt = String(words[0])
        stage = String(words[1])
        snapshot = String(words[2])
        endedAt = words.count > 3 ? Int(words[3]) : nil
    }

    /// Of a restore that is under way on this node. Whoever starts K3s meanwhile may bring the earlier cluster back beside the
    /// new one.
    ///
    /// - Parameter own: the attempts that may go on.
    static func problems(_ node: NodeName, _ facts: Facts, own: Set<String> = []) -> [Problem] {
        guard let state = RestoreState(facts[node, probe]), state.isUnderWay, !own.contains(state.attempt) else {
            return []
        }
        return [
            Problem(
                "a restore of \(state.snapshot) is under way here, and has come to '\(state.stage)'",
                fix: "lead it to its end by the command that began it"
                    + (state.isBeyondReturn ? "" : ", or give it up: 'clusterctl recover'"))
        ]
    }

    /// What is under way on these servers, of the first that says so; what has ended on the server that began the
    /// cluster anew has ended for all.
    public static func underWay(_ facts: Facts, _ servers: [NodeName]) -> (server: NodeName, state: RestoreState)? {
        let states = servers.compactMap { node in RestoreState(facts[node, probe]).map { (node, $0) } }
        // Where several are under way at once, what has new data already is what has to be led to its end.
        let open = states.filter(\.1.isUnderWay)
        return open.first { $0.1.isBeyondReturn } ?? open.first
    }

    /// The server that begins, or has begun, the cluster of this attempt; nil where it is not among these.
    public static func beginner(of attempt: String, _ facts: Facts, _ servers: [NodeName]) -> NodeName? {
        servers.first { node in
            guard let state = RestoreState(facts[node, probe]), state.attempt == attempt else { return false }
            return ["resetting", "reset"].contains(state.stage)
        }
    }

    /// When a restore of this snapshot has ended last, in seconds since 1970; nil where none has.
    public static func lastEnd(of snapshot: String, _ facts: Facts, _ servers: [NodeName]) -> Int? {
        servers.compactMap { RestoreState(facts[$0, probe]) }.filter { $0.snapshot == snapshot }.compactMap(\.endedAt)
            .max()
    }
}

/// Whether a server has data of the cluster's, and where.
struct ServerData: Sendable, Equatable {
    enum Place: String, Sendable {
        case own
        /// Moved aside by a restore that has no new data yet: they can be put back.
        case aside
        /// None, or only what K3s has made of a snapshot that is not restored yet.
        case none
    }

    static let probe = Probe.command(RestoreTask.program([RestoreTask.data.rawValue, ".", "."]))

    let place: Place
    /// Whether the guard keeps the node a member of etcd in place of K3s.
    let isKept: Bool

    /// Nil where the node did not say.
    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded, let words = answer.lines.first?.split(separator: " "),
            let first = words.first,
            let place = Place(rawValue: String(first))
        else { return nil }
        self.place = place
        isKept = words.contains("kept")
    }
}

/// The cluster that etcd on a server belongs to: its number, and those of its members. Two restores on one server may have
/// the same number, but the members that join are others each time.
enum EtcdClusterQuestion {
    static let probe = Probe.command(RestoreTask.program([RestoreTask.cluster.rawValue, ".", "."]))

    /// Whether all of them say the same as the first.
    static func verdict(_ facts: Facts, _ servers: [NodeName]) -> Verdict {
        var first: String?
        for node in servers {
            guard let answer = facts[node, probe] else { return .waiting("\(node) has not said yet of which it is") }
            guard answer.succeeded, let line = answer.lines.first.map({ String($0) }) else {
                return .waiting("\(node): \(answer.reason)")
            }
            if first == nil { first = line }
            guard line == first else {
                return .waiting("etcd on \(node) is of another cluster than on \(servers[0])")
            }
        }
        return .holds
    }
}
