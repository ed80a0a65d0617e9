import Engine
import Rendering

/// What is left of K3s and Cilium on a node, and how the node was before they came.
enum ResetQuestion {
    /// Where `baseline` ends up; it is there for good.
    private static let kept = "\(K3sPaths.state)/baseline/complete"

    /// Kept once, before anything of K3s' is there; on a node that has K3s already it is noted that nobody kept it.
    static let baseline = Step(
        .command(
            Command(
                name: "keep how the node is", arguments: program(["baseline"]),
                unless: ["test", "-e", kept])),
        because: "'clusterctl reset' tells by it what it leaves otherwise than it was")

    static func program(_ words: [String]) -> [String] { ["sh", GuardFiles.reset] + words }

    /// Of what runs: units, rules, routes, links, attachments, mounts.
    static let running = Script.arguments(.left, ["running"])

    /// What the node has written down when it was reset last; gone at its next start.
    static let differences = Probe.command(["cat", "/run/clusterctl/was-reset"])

    /// Fails where it cannot be seen whether there are any.
    static let volumes = Probe.command(
        ["sh", "-c", #"test ! -e "$1" || ls -A "$1""#, "volumes", K3sPaths.volumes])

    /// There while what was stored is being deleted: what is left is ours, though what says so may be gone.
    static let deleting = Probe.path("\(K3sPaths.state)/deleting")

    /// Holds when the program, asked for what is left, names nothing.
    static func verdict(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not said yet what is left") }
        if answer.succeeded { return .holds }
        let lines = answer.lines.prefix(3).joined(separator: "; ")
        return .waiting("left on \(node): \(lines.isEmpty ? answer.reason : lines)")
    }
}
