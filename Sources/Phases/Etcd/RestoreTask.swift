import Engine
import Inventory
import Rendering

/// A task of `templates/etcd/etcd-restore.sh`, as a step.
enum RestoreTask: String {
    case check, stop, reset, aside, forget, restart, end, prove, recover

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

    public static let probe = Probe.command(RestoreTask.program(["state"]))

    public var isUnderWay: Bool { stage != "ended" }
    /// Whether there are new data on this node, or none any more.
    public var isBeyondReturn: Bool { stage == "reset" || stage == "aside" }

    /// Nil where nothing was ever begun, and where the node did not say.
    public init?(_ answer: Answer?) {
        guard let answer, answer.succeeded, let line = answer.lines.first else { return nil }
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count == 3 else { return nil }
        attempt = String(words[0])
        stage = String(words[1])
        snapshot = String(words[2])
    }

    /// What is under way on these servers, of the first that says so; what has ended on the server that began the
    /// cluster anew has ended for all.
    public static func underWay(_ facts: Facts, _ servers: [NodeName]) -> (server: NodeName, state: RestoreState)? {
        let states = servers.compactMap { node in RestoreState(facts[node, probe]).map { (node, $0) } }
        // Where several are under way at once, what has new data already is what has to be led to its end.
        let open = states.filter(\.1.isUnderWay)
        return open.first { $0.1.isBeyondReturn } ?? open.first
    }
}
