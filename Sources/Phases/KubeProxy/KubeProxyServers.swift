import Engine
import Inventory
import Rendering

/// Starts K3s anew without kube-proxy on the servers, one at a time. Workers learn from a server whether they run it.
///
/// The setting is in a file of its own, which counts on a cluster that clusterctl has not built, too.
public struct KubeProxyServers: Phase {
    static let id: PhaseID = "kube-proxy-servers"
    public var id: PhaseID { KubeProxyServers.id }
    public let title = "K3s on the servers without kube-proxy, one at a time"
    public var nodes: [NodeName] { cluster.controlPlane }
    public var atOnce: Int { 1 }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func needs(_ node: NodeName) -> [Probe] {
        [.guardState, KubeProxyQuestion.probe, KubeProxySettingsQuestion.probe(Units.server)]
    }

    public func turns(_ facts: Facts) -> [NodeName] { UpgradeServers(cluster.inventory).turns(facts) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        let isOff = KubeProxySettingsQuestion.isOff(facts[node, KubeProxySettingsQuestion.probe(Units.server)]) ?? false
        return StartedAnew(cluster: cluster).check(node, facts, phase: id, isSet: isOff)
    }

    public func apply(_ node: NodeName) -> [Step] {
        let text = K3sConfiguration.header + "disable-kube-proxy: true\n"
        let setting = Step(
            .file(path: KubeProxySettingsQuestion.dropIn, content: .text(text), mode: .privateFile),
            because: "the last value counts; workers learn it from here")
        return [setting] + StartedAnew(cluster: cluster).steps(node)
    }

    public func gate(_ node: NodeName) -> Gate? {
        ServesAgain(cluster).gate(node, to: "run without kube-proxy", asks: [Ask(node, KubeProxyQuestion.off)]) {
            KubeProxyQuestion.isOff($0[node, KubeProxyQuestion.off], on: node)
        }
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
}

/// Starts K3s anew on the workers, which learn only then that there is to be no kube-proxy. Nothing else of them changes,
/// and their pods run on. Those with `manage: verify` are their operator's to start anew.
public struct KubeProxyWorkers: Phase {
    static let id: PhaseID = "kube-proxy-workers"
    public var id: PhaseID { KubeProxyWorkers.id }
    public let title = "K3s on the workers, started anew without kube-proxy"
    public var nodes: [NodeName] { cluster.workers }
    public let atOnce: Int
    let cluster: Cluster

    public init(_ inventory: Inventory, atOnce: WorkersAtOnce) {
        cluster = Cluster(inventory)
        self.atOnce = atOnce.count(of: inventory.workers.count { $0.management == .full })
    }

    public func needs(_ node: NodeName) -> [Probe] {
        [KubeProxyQuestion.probe] + (cluster[node].management == .full ? [.guardState] : [])
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard cluster[node].management == .verify else {
            return StartedAnew(cluster: cluster).check(node, facts, phase: id, isSet: true)
        }
        guard let found = KubeProxyQuestion(facts[node, KubeProxyQuestion.probe]) else {
            return .putOff("it does not say whether kube-proxy runs there")
        }
        return found.isRunning
            ? .putOff(
                "kube-proxy runs there until K3s is started anew, which is its operator's to do: restart "
                    + "\(cluster[node].unit), or the machine")
            : .settled
    }

    public func apply(_ node: NodeName) -> [Step] {
        cluster[node].management == .full ? StartedAnew(cluster: cluster).steps(node) : []
    }

    public func gate(_ node: NodeName) -> Gate? {
        guard cluster[node].management == .full else { return nil }
        return WorkerServesAgain(cluster).gate(
            node, to: "run without kube-proxy", asks: [Ask(node, KubeProxyQuestion.off)]
        ) { KubeProxyQuestion.isOff($0[node, KubeProxyQuestion.off], on: node) }
    }

    public func witness(_ node: NodeName) -> Ask? {
        cluster[node].management == .full ? cluster.witness(of: node, amongChanged: nodes) : nil
    }

    public func undo(_ node: NodeName) -> Undo {
        cluster[node].management == .full
            ? cluster.restore(node) : .nothing(because: "clusterctl never writes to this node")
    }
}

/// Has K3s on a node started anew because kube-proxy runs in it, though none of its files may differ.
private struct StartedAnew {
    let cluster: Cluster

    /// - Parameter isSet: whether it would come up without it.
    func check(_ node: NodeName, _ facts: Facts, phase: PhaseID, isSet: Bool) -> Finding {
        if facts.hasGuardArmed(for: phase, node) { return .satisfied }
        guard let found = KubeProxyQuestion(facts[node, KubeProxyQuestion.probe]) else {
            return .pending("\(node) does not say whether kube-proxy runs there")
        }
        if found.isRunning { return .pending("kube-proxy runs there") }
        return isSet ? .settled : .pending("its next start would bring kube-proxy back")
    }

    /// What K3s was last started with is forgotten where kube-proxy runs in it: that has it started anew.
    func steps(_ node: NodeName) -> [Step] {
        StartAnew(cluster).steps(
            node, unlessBy: .kubeProxyRules, ["is-off"], why: "kube-proxy runs in it",
            because: "K3s starts kube-proxy, or does not, only when it starts itself")
    }
}
