import Engine
import Inventory
import Rendering

/// Replaces Cilium's pods on one node at a time: the next one only when Cilium serves on this one, and SSH does.
///
/// On a server that is done by the server itself, so that its guard can take it back without the controller. Workers have no
/// way to the API of their own: what is done to them is done, and taken back, on the server that speaks for the cluster.
public struct CiliumAgents: Phase {
    static let id: PhaseID = "cilium-agents"
    public var id: PhaseID { CiliumAgents.id }
    public let title = "Cilium on each node, one at a time"
    public var nodes: [NodeName] { cluster.controlPlane + cluster.workers }
    public var atOnce: Int { 1 }
    let cluster: Cluster
    let objects: CiliumObjects
    let endpoint: EndpointQuestion?

    static let envoy = PodsQuestion.probe("k8s-app=cilium-envoy")

    public init(_ inventory: Inventory, chartContent: String? = nil) {
        cluster = Cluster(inventory)
        objects = CiliumObjects(inventory, chartContent: chartContent)
        endpoint = EndpointQuestion(cluster)
    }

    public func place(_ node: NodeName) -> NodeName { cluster[node].isControlPlane ? node : cluster.reference }

    public func needs(_ node: NodeName) -> [Probe] {
        (cluster[node].management == .full ? [.guardState] : [])
            + (cluster[node].isControlPlane ? [CiliumQuestion.pods] : [])
    }

    /// Guarded nodes come before those that nobody would lead back, the one with the endpoint's address last among servers.
    /// One whose turn an earlier run has begun, or that is not well, comes before all.
    public func turns(_ facts: Facts) -> [NodeName] {
        let holders = endpoint?.holders(facts) ?? []
        func rank(_ node: NodeName) -> Int {
            if facts.hasGuardArmed(for: id, node) { return 0 }
            if CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node) != .holds { return 1 }
            if isOfTheseValues(node, facts), !holds(node, facts) { return 1 }
            guard cluster[node].isControlPlane else { return 5 }
            return (cluster[node].profile.guard == nil ? 3 : 2) + (holders.contains(node) ? 1 : 0)
        }
        let ranks = Dictionary(uniqueKeysWithValues: nodes.map { ($0, rank($0)) })
        return (0...5).flatMap { wanted in nodes.filter { ranks[$0] == wanted } }
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        if facts.hasGuardArmed(for: id, node) { return .satisfied }
        guard PodsQuestion(facts.first(of: cluster.controlPlane, CiliumQuestion.pods)) != nil else {
            return .pending("the cluster cannot be asked for its pods")
        }
        guard isOfTheseValues(node, facts) else {
            let running = CiliumQuestion.version(facts[node, CiliumQuestion.status])?.description
            guard let running, running != cluster.inventory.cilium.version else {
                return .pending("Cilium there is of earlier settings")
            }
            return .pending("Cilium there is \(running)")
        }
        switch gate(node)?.judge(facts) ?? .holds {
        // Also where the chart is given back to the cluster in this run: these pods are of it, and stay.
        case .holds: return .notApplicable("Cilium there is \(cluster.inventory.cilium.version) already")
        case .waiting(let reason), .failed(let reason): return .pending(reason)
        }
    }

    public func apply(_ node: NodeName) -> [Step] {
        let here = place(node) == node ? ["here"] : []
        return [
            Step(
                .command(
                    Command(
                        name: CiliumAgents.turn(of: node),
                        arguments: Script.arguments(
                            .ciliumUpgrade, ["turn", node.rawValue, objects.valuesDigest] + here),
                        timeoutSeconds: 600)),
                because: "its DaemonSet makes them anew, of version \(cluster.inventory.cilium.version)")
        ]
    }

    static func turn(of node: NodeName) -> String { "replace Cilium's pods on \(node)" }

    public func gate(_ node: NodeName) -> Gate? {
        let asker = place(node)
        let values = objects.valuesDigest
        let isServer = cluster[node].isControlPlane
        let sessions = cluster.speakers.contains(node) ? BGPQuestion(cluster.inventory, cluster[node]) : nil
        let backends = EnvoyQuestion(cluster.inventory)
        let version = CiliumVersion(cluster.inventory.cilium.version)
        var asks = [CiliumQuestion.pods, CiliumAgents.envoy, NodesQuestion.probe].map { Ask(asker, $0) }
        asks.append(Ask(node, CiliumQuestion.status))
        if isServer { asks.append(Ask(node, EtcdQuestion.probe)) }
        if sessions != nil { asks.append(Ask(node, BGPQuestion.peers)) }
        if backends != nil { asks.append(Ask(node, EnvoyQuestion.probe)) }
        if isServer, let endpoint { asks += endpoint.asksForAnswer }
        return Gate(
            waitingFor: words(of: node, sessions, backends), asks: asks,
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.cilium, node),
            journal: (node, cluster[node].unit),
            lookAt: "k3s kubectl -n kube-system get pods -l k8s-app=cilium -o wide, on \(asker), says which node has "
                + "which; 'clusterctl status' asks them all"
        ) { [endpoint] facts in
            let nodes = facts[asker, NodesQuestion.probe]
            return .all([
                CiliumQuestion.pod(facts[asker, CiliumQuestion.pods], on: node, values: values),
                CiliumAgents.envoyIsReady(facts[asker, CiliumAgents.envoy], on: node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node),
                CiliumAgents.isOf(version, facts[node, CiliumQuestion.status], on: node),
                NodesQuestion.ready(nodes, node),
                isServer ? EtcdQuestion.verdict(facts[node, EtcdQuestion.probe], on: node) : .holds,
                isServer ? NodesQuestion.voter(nodes, node) : .holds,
                sessions?.verdict(facts[node, BGPQuestion.peers]) ?? .holds,
                backends?.verdict(facts[node, EnvoyQuestion.probe], on: node) ?? .holds,
                isServer ? endpoint?.answered(facts) ?? .holds : .holds,
            ])
        }
    }

    private func words(of node: NodeName, _ sessions: BGPQuestion?, _ backends: EnvoyQuestion?) -> String {
        var parts = ["Cilium \(cluster.inventory.cilium.version) to serve on \(node), which is ready"]
        if cluster[node].isControlPlane { parts.append("its member of etcd to be a healthy voter") }
        if let sessions { parts.append("its BGP sessions with \(sessions.routers) to be there") }
        if let backends { parts.append("its Envoy to find \(backends.everyServer)") }
        if cluster[node].isControlPlane, let endpoint { parts.append("the API to answer at \(endpoint.address)") }
        return parts.joined(separator: ", ")
    }

    private static func envoyIsReady(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let pods = PodsQuestion(answer) else {
            return .waiting("the cluster cannot be asked for Envoy's pods\(answer.map { ": " + $0.reason } ?? " yet")")
        }
        if pods.rows.isEmpty { return .holds }
        guard let pod = pods[node] else { return .waiting("there is no pod of Cilium's Envoy on \(node) yet") }
        if pod.isReady { return .holds }
        return .waiting("the pod of Cilium's Envoy on \(node) is not ready: \(pod.reason.prefix(300))")
    }

    /// An archive may hold another version than the inventory says of it; an agent that says none that can be read is told by
    /// its values alone.
    private static func isOf(_ version: CiliumVersion?, _ answer: Answer?, on node: NodeName) -> Verdict {
        guard let version, let running = CiliumQuestion.version(answer), running != version else { return .holds }
        return .waiting("Cilium on \(node) says that it is \(running)")
    }

    /// Whether the node's pod was made from what is wanted, ready or not.
    func isOfTheseValues(_ node: NodeName, _ facts: Facts) -> Bool {
        let answer = facts.first(of: cluster.controlPlane, CiliumQuestion.pods)
        return PodsQuestion(answer)?[node]?.values == Substring(objects.valuesDigest)
    }

    private func holds(_ node: NodeName, _ facts: Facts) -> Bool { gate(node)?.judge(facts) == .holds }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo {
        let here = place(node) == node ? ["here"] : []
        let back = Step(
            .command(
                Command(
                    name: "give \(node) its earlier Cilium again",
                    arguments: Script.arguments(.ciliumUpgrade, ["back", node.rawValue] + here),
                    timeoutSeconds: 145)),
            because: "those that had their turn keep what they have, and the next run goes on")
        return place(node) == node ? cluster.restore(node, first: [back]) : .steps([back])
    }
}
