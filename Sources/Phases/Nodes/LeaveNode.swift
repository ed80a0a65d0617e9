import Engine
import Inventory
import Rendering

/// Stops K3s on a machine that leaves the cluster and can be reached, and waits until nothing of the endpoint is there any more.
/// Until the cluster has forgotten the node this can be taken back.
struct LeaveNode: Phase {
    static let id: PhaseID = "leave"
    var id: PhaseID { LeaveNode.id }
    let title = "K3s stops on the node that leaves"
    var nodes: [NodeName] { [change.leavingMachine].compactMap(\.self) }
    private let change: NodeChange
    private let cluster: Cluster
    private let endpoint: EndpointQuestion?

    init(_ change: NodeChange) {
        self.change = change
        cluster = Cluster(change.earlier)
        endpoint = EndpointQuestion(change.cluster)
    }

    func needs(_ node: NodeName) -> [Probe] { [K3sQuestion.config] }

    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        K3sQuestion.text(facts[node, K3sQuestion.config]).map(K3sQuestion.isOurs) == true
            ? .satisfied : .notApplicable("there is no K3s that clusterctl set up")
    }

    func apply(_ node: NodeName) -> [Step] {
        let unit = UnitState(name: cluster[node].unit, enabled: false, activity: .stopped)
        let stop = Step(.unit(unit), because: "what the cluster forgets must not come back by itself")
        guard cluster[node].isControlPlane else { return [stop] }
        return [ServerQuestion.othersServe(node, cluster, beforeStopping: unit.name, besides: change.joining)]
            .compactMap(\.self) + endpointSteps + [stop]
    }

    /// The others do not hear it any more, nor it them: it would hold the endpoint's address besides.
    private var endpointSteps: [Step] {
        guard case .keepalived = cluster.inventory.endpoint else { return [] }
        return [Keepalived.keepalivedUnit, Keepalived.haproxyUnit].map {
            Step(
                .unit(UnitState(name: $0, enabled: false, activity: .stopped)),
                because: "the endpoint's address is with those that stay")
        }
    }

    /// The others serve, and one of them has the endpoint's address.
    func gate(_ node: NodeName) -> Gate? {
        guard cluster[node].isControlPlane else { return nil }
        let others = change.staying.filter { cluster[$0].isControlPlane }
        let reference = cluster.reference
        var asks = others.map { Ask($0, EtcdQuestion.probe) } + [Ask(reference, NodesQuestion.probe)]
        if let endpoint { asks += endpoint.asksForAnswer + [Ask(node, endpoint.onLink)] }
        let address = endpoint.map { ", and one of them to hold \($0.address)" } ?? ""
        return Gate(
            waitingFor: "the other servers to be healthy voters of etcd\(address)", asks: asks,
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.kubeVip, node),
            journal: (node, Units.server), lookAt: "journalctl -u k3s on \(reference)"
        ) { [endpoint] facts in
            let nodes = facts[reference, NodesQuestion.probe]
            var verdicts = others.flatMap {
                [EtcdQuestion.verdict(facts[$0, EtcdQuestion.probe], on: $0), NodesQuestion.voter(nodes, $0)]
            }
            if let endpoint {
                verdicts += [endpoint.answered(facts), endpoint.hasLeft(node, facts)]
            }
            return .all(verdicts)
        }
    }

    func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    func undo(_ node: NodeName) -> Undo { cluster.restore(node) }
}

/// Takes what clusterctl has set up for K3s off a machine that the cluster has forgotten.
///
/// What runs there still, such as Cilium and its rules, is left alone: it may be what SSH comes through. It does not come
/// back when the machine is started anew.
struct CleanNode: Phase {
    let id: PhaseID = "clean-node"
    let title = "What K3s was set up with is taken off the node that is gone"
    var nodes: [NodeName] { [change.leavingMachine].compactMap(\.self) }
    private let change: NodeChange
    private let cluster: Cluster

    init(_ change: NodeChange) {
        self.change = change
        cluster = Cluster(change.earlier)
    }

    func needs(_ node: NodeName) -> [Probe] { [K3sQuestion.config] }

    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        K3sQuestion.text(facts[node, K3sQuestion.config]).map(K3sQuestion.isOurs) == false
            ? .notApplicable("the K3s there is not clusterctl's") : .satisfied
    }

    func apply(_ node: NodeName) -> [Step] {
        let unit = cluster[node].unit
        let files =
            endpointFiles + [
                K3sPaths.config, JoinFile.path, K3sPaths.token, K3sPaths.unitFile(unit),
                "\(K3sPaths.state)/units/\(unit)",
                K3sPaths.nodePassword,
            ]
        return [
            Step(
                .command(
                    Command(
                        name: "remove the cluster's data and keys", arguments: Script.arguments(.cleanNode, ["clean"]),
                        unless: Script.arguments(.cleanNode, ["check"]), timeoutSeconds: 120)),
                because: "nobody needs them any more, and they open the cluster to whoever has the machine")
        ] + files.map { Step(.absent(path: $0), because: "it belongs to a cluster that has forgotten the node") }
    }

    private var endpointFiles: [String] {
        guard case .keepalived = cluster.inventory.endpoint else { return [] }
        return [Keepalived.keepalivedFile, Keepalived.checkFile, Keepalived.linkFile, Keepalived.haproxyFile]
    }

    func undo(_ node: NodeName) -> Undo { .nothing(because: "the cluster has forgotten the node") }
}
