import Engine
import Inventory
import Rendering

/// What `verify --failover` does to a cluster: K3s is stopped on the node that serves the endpoint, and started again.
public struct Failover: Sendable, Equatable {
    /// The node whose K3s is stopped, and why this one.
    public let node: NodeName
    public let because: String
    public let unit: String
    public let url: String
    /// The node that asks all the time, and the routers that do.
    public let askers: [NodeName]
    /// After so many seconds the node starts K3s by itself.
    public let backAfterSeconds: Int
    /// How long everything may take to be as before, once K3s is started.
    public let deadlineSeconds: Int
    public let members: Int

    /// So long the endpoint must have answered everybody before K3s is started again, and before it is stopped.
    public static let steadySeconds = 5
    /// So long K3s is down at least, so that what is slow to notice can be seen noticing.
    public static let leastSeconds = 10
    /// So much earlier than the node itself the controller starts K3s.
    public static let marginSeconds = 20

    /// Under which names its two steps are known to the node and the journal.
    public static let stopping: PhaseID = "failover-stop"
    public static let starting: PhaseID = "failover-start"

    public struct Refusal: Error, Equatable {
        public let reasons: [String]
    }

    /// What the servers are asked besides what `Verification` asks.
    public static func asks(_ inventory: Inventory) -> [Ask] {
        Cluster(inventory).controlPlane.map { Ask($0, TokenProblem.underWay) }
    }

    /// - Throws: `Refusal` where it would be unsafe.
    public init(_ inventory: Inventory, _ facts: Facts, _ verification: Verification, backAfterSeconds: Int)
        throws(Refusal)
    {
        let cluster = Cluster(inventory)
        let servers = cluster.controlPlane
        var reasons: [String] = []
        let voters =
            NodesQuestion(facts.first(of: servers, NodesQuestion.probe))?.rows.count { $0.isVoter == true } ?? 0
        if servers.count < 3 || voters < 3 {
            reasons.append(
                "\(voters) etcd member\(voters == 1 ? " votes" : "s vote"): with fewer than 3, one less is no quorum")
        }
        reasons += verification.rows.filter { $0.result != .holds }
            .map { "\($0.check) on \($0.place) \($0.result == .fails ? "fails" : "was not asked"): \($0.seen)" }
        (node, because) = Failover.target(cluster, facts)
        if cluster[node].management != .full {
            reasons.append("\(node) is not clusterctl's to change (manage: verify)")
        }
        reasons += servers.flatMap { server in
            TokenProblem.problems(ofChange: server, facts).map { "\(server): \($0.what); \($0.fix)" }
        }
        // From a node that is not stopped; a router sees what clients outside of the cluster see.
        let nodes = cluster.workers + cluster.replicas + [cluster.primary]
        guard let asker = nodes.first(where: { [node] in $0 != node }) else {
            throw Refusal(reasons: reasons + ["there is no other node that could ask"])
        }
        guard reasons.isEmpty else { throw Refusal(reasons: reasons) }
        askers = [asker] + inventory.routers.filter { $0.management != .none }.map { NodeName($0.name) }
        unit = cluster[node].unit
        url = Checks.ping(inventory)
        self.backAfterSeconds = backAfterSeconds
        deadlineSeconds = cluster.deadline(inventory.deadlines.verify, node)
        members = voters
    }

    private static func target(_ cluster: Cluster, _ facts: Facts) -> (NodeName, String) {
        if let question = EndpointQuestion(cluster), let holder = question.holders(facts).first {
            return (holder, "\(holder) has the endpoint's address, \(question.address)")
        }
        return (
            cluster.primary, "no single node has the endpoint, \(cluster.inventory.endpoint.host): the primary is taken"
        )
    }

    /// What will be done, before anybody agrees to it.
    public var words: [String] {
        [
            "\(because)",
            "1. \(askers.map(\.rawValue).joined(separator: " and ")) ask\(askers.count == 1 ? "s" : "") for \(url), "
                + "every 10 ms at best",
            "2. \(node): a timer of systemd is set that starts \(unit) after \(backAfterSeconds) s, whatever becomes of this "
                + "machine, and is read back; then \(unit) is stopped",
            "3. when the endpoint has answered for \(Failover.steadySeconds) s, but not before \(Failover.leastSeconds) s and "
                + "not after \(longestSeconds) s: \(unit) is started, and the timer taken back",
            "4. waits until everything is as before, for \(deadlineSeconds) s at most",
            "meanwhile \(members - 1) of \(members) etcd members are there; pods on \(node) run on, unattended",
        ]
    }

    /// When the controller gives up waiting for the endpoint, and starts K3s.
    public var longestSeconds: Int { backAfterSeconds - Failover.marginSeconds }

    public var stop: [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "stop \(unit), with a timer that starts it again",
                        arguments: Script.arguments(.pauseK3s, [unit, String(backAfterSeconds)]),
                        timeoutSeconds: longestSeconds)),
                because: "the endpoint has to do without it")
        ]
    }

    public var start: [Step] {
        [
            Step(
                .command(
                    Command(
                        name: "start \(unit), and take the timer back",
                        arguments: Script.arguments(.resumeK3s, [unit]))),
                because: "the test is over")
        ]
    }

    /// Who serves the endpoint now, in words.
    public static func holders(_ inventory: Inventory, _ facts: Facts) -> [NodeName] {
        let cluster = Cluster(inventory)
        guard let question = EndpointQuestion(cluster) else { return [] }
        return question.holders(facts)
    }
}
