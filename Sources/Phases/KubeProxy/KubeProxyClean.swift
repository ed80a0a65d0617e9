import Engine
import Inventory
import Rendering

/// Removes kube-proxy's chains and rules where it runs no more, and nobody else's. The API has to answer at its service
/// address afterwards, which by then is Cilium's work alone; else the rules come back.
public struct KubeProxyClean: Phase {
    /// Servers one at a time, and then the workers, a quarter of them at a time.
    public enum Part: Sendable {
        case servers
        case workers

        var id: PhaseID { self == .servers ? "kube-proxy-clean" : "kube-proxy-clean-workers" }
    }

    /// Of both parts.
    public static let ids: [PhaseID] = [Part.servers.id, Part.workers.id]

    public var id: PhaseID { part.id }
    public var title: String {
        part == .servers ? "kube-proxy's rules on the servers" : "kube-proxy's rules on the workers"
    }
    public var nodes: [NodeName] { part == .servers ? cluster.controlPlane : cluster.workers }
    public var atOnce: Int { part == .servers ? 1 : WorkersAtOnce.percent(25).count(of: cluster.workers.count) }
    let cluster: Cluster
    let part: Part
    let verb: KubeProxyVerb
    let cleansVerified: Bool

    /// - Parameter cleansVerified: whether that is done on nodes with `manage: verify`, too.
    public init(_ inventory: Inventory, _ part: Part, _ verb: KubeProxyVerb, cleansVerified: Bool = false) {
        cluster = Cluster(inventory)
        self.part = part
        self.verb = verb
        self.cleansVerified = cleansVerified
    }

    public func needs(_ node: NodeName) -> [Probe] {
        [KubeProxyQuestion.probe] + (cluster[node].management == .full ? [.guardState] : [])
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        if facts.hasGuardArmed(for: id, node) { return .satisfied }
        let isOurs = cluster[node].management == .full
        guard let found = KubeProxyQuestion(facts[node, KubeProxyQuestion.probe]) else {
            let why = "it does not say what kube-proxy has left there"
            return isOurs ? .pending(why) : .putOff(why)
        }
        if found.isClean { return .settled }
        if isOurs {
            return .pending(found.isRunning ? "kube-proxy's rules go when it runs no more" : "left: \(found.words)")
        }
        if found.isRunning { return .putOff("its rules are of use until kube-proxy runs no more there") }
        return cleansVerified
            ? .pending("left: \(found.words)")
            : .putOff(
                "left: \(found.words); clusterctl writes to this node only with --clean-verified, and its next boot "
                    + "clears them as well")
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard cluster[node].management == .full || cleansVerified else { return [] }
        return [
            Step(
                .command(
                    Command(
                        name: "remove kube-proxy's rules",
                        arguments: Script.arguments(.kubeProxyRules, ["clean", Template.ciliumDbg.text()]),
                        unless: Script.arguments(.kubeProxyRules, ["is-clean"]), timeoutSeconds: 300)),
                because: "one load for each table, in which only its own chains go")
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        guard cluster[node].management == .full || cleansVerified else { return nil }
        let address = KubeProxyClean.serviceAddress(cluster.inventory)
        let ping = address.map { Probe.http("https://\($0.inURL):443/ping") }
        let atAddress = address.map { ", and the API to answer it at the service address \($0)" } ?? ""
        return Gate(
            waitingFor: "nothing of kube-proxy's to be left on \(node)\(atAddress)",
            asks: [Ask(node, KubeProxyQuestion.probe), Ask(node, CiliumQuestion.status)]
                + (ping.map { [Ask(node, $0)] } ?? []),
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.verify, node),
            lookAt: "iptables-save and cilium-dbg service list, on \(node)"
        ) { facts in
            .all(
                KubeProxyQuestion.isGone(facts[node, KubeProxyQuestion.probe], on: node),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node),
                ping.map { KubeProxyClean.answers(facts[node, $0], on: node) } ?? .holds)
        }
    }

    public func witness(_ node: NodeName) -> Ask? {
        cluster[node].management == .full ? cluster.witness(of: node, amongChanged: nodes) : nil
    }

    public func undo(_ node: NodeName) -> Undo {
        cluster[node].management == .full
            ? cluster.restore(node)
            : .nothing(because: "no guard is on this node; rules that nobody keeps up are no way back")
    }

    /// The address of the Service `kubernetes`: the first of the first range of Services (Kubernetes
    /// pkg/controlplane/services.go).
    static func serviceAddress(_ inventory: Inventory) -> IPAddress? {
        inventory.network.services.first?.address(at: 1)
    }

    private static func answers(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not asked at the service address yet") }
        guard let (code, _) = answer.http else {
            return .waiting("the API does not answer \(node) at its service address: \(answer.reason)")
        }
        return code == 200 ? .holds : .waiting("the API answers \(node) at its service address with status \(code)")
    }
}
