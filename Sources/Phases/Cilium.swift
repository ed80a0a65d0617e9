import Engine
import Inventory
import Rendering
import YAML

/// Installs Cilium as a HelmChart resource, which gives the cluster its network and takes kube-proxy's place.
///
/// It works through the server that speaks for the cluster. The other guarded control plane nodes are part of it because
/// a change of settings reaches them too: their guard is armed while the agents start anew.
public struct Cilium: Phase {
    /// Cilium comes before the endpoint, so that where it is to find the API there it first finds it at the primary.
    public enum Stage: Sendable {
        case first
        case endpoint
    }

    public var id: PhaseID { stage == .first ? "cilium" : "cilium-api-server" }
    public var title: String { stage == .first ? "Cilium" : "Cilium finds the API at the endpoint" }
    public var nodes: [NodeName] {
        if stage == .endpoint && cluster.inventory.cilium.apiServer != .endpoint { return [] }
        return cluster.controlPlane.filter { $0 == cluster.reference || cluster[$0].profile.guard != nil }
    }
    /// The chart reaches every member's Cilium: their guards are armed before it is applied.
    public var last: NodeName? { cluster.reference }
    let cluster: Cluster
    let objects: CiliumObjects
    private let stage: Stage
    /// What a later phase leads Cilium to; nil where none does.
    private let later: CiliumObjects?
    private let isKept: (@Sendable (Cluster, Facts) -> Bool)?

    /// - Parameter isKeptWhere: whether Cilium is good enough as it is found, and its settings are left alone; nil: it
    ///   always gets those of the inventory.
    init(
        _ inventory: Inventory, _ stage: Stage = .first, chartContent: String? = nil,
        isKeptWhere isKept: (@Sendable (Cluster, Facts) -> Bool)?
    ) {
        cluster = Cluster(inventory)
        self.stage = stage
        self.isKept = isKept
        let final = CiliumObjects(inventory, chartContent: chartContent)
        let changesLater = stage == .first && inventory.cilium.apiServer == .endpoint
        objects =
            changesLater ? CiliumObjects(inventory, apiServer: .primary, chartContent: chartContent) : final
        later = changesLater ? final : nil
    }

    public init(_ inventory: Inventory, _ stage: Stage = .first, chartContent: String? = nil) {
        self.init(inventory, stage, chartContent: chartContent, isKeptWhere: nil)
    }

    public func needs(_ node: NodeName) -> [Probe] {
        [CiliumChartQuestion.probe] + (node == cluster.reference ? [] : [.unit(Units.server)])
            + (later == nil ? [] : [CiliumObjects.applied])
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        if let isKept, isKept(cluster, facts), !facts.hasGuardArmed(for: id, node) { return .settled }
        if stage == .first, node == cluster.reference, let problem = CiliumChartQuestion.problem(cluster, facts) {
            return .blocked([problem])
        }
        // Whoever answers speaks for all: else a slow API server would lead its node back.
        if let later, later.findsTheAPI(asIn: facts.first(of: cluster.controlPlane, CiliumObjects.applied)) {
            return .notApplicable("Cilium finds the API at the endpoint already; cilium-api-server has its settings")
        }
        guard node != cluster.reference, let unit = UnitQuestion(facts[node, .unit(Units.server)]), !unit.isActive
        else {
            return .satisfied
        }
        return .notApplicable("K3s does not run on \(node) yet; Cilium comes to it when it joins")
    }

    public func apply(_ node: NodeName) -> [Step] {
        let keep = Step(
            .command(objects.keepChart), because: "if the phase is taken back, the earlier settings come back")
        guard node == cluster.reference else { return [keep] }
        let chart = objects.chart
        var steps = [
            Step(
                .object(objects.nodeConfigKind),
                because: "agents that start before this kind is there ignore their node's settings"),
            Step(.command(objects.waitForNodeConfigKind), because: "the API takes a moment to learn a new kind"),
        ]
        steps += objects.nodeConfigs.map {
            Step(.object($0), because: "these nodes keep links and SSH that Cilium would take by default")
        }
        steps.append(keep)
        steps.append(Step(.object(chart), because: "K3s installs it by itself, on nodes without a network too"))
        return steps
    }

    public func gate(_ node: NodeName) -> Gate? {
        node == cluster.reference ? referenceGate : memberGate(node)
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo {
        let isReference = node == cluster.reference
        let step = Step(
            .command(
                Command(
                    name: isReference
                        ? "put Cilium's chart back" : "wait until \(cluster.reference) has put the chart back",
                    arguments: Script.arguments(.putBackHelmChart, isReference ? [] : ["member"]), timeoutSeconds: 145)),
            because: "otherwise K3s would start the same Cilium again")
        return cluster.restore(node, first: [step])
    }
}

extension Cilium {
    private var referenceGate: Gate {
        let reference = cluster.reference
        let values = objects.valuesDigest
        let cluster =
            ReleaseQuestion.probes + [
                CiliumQuestion.pods, CiliumQuestion.status, NodesQuestion.probe,
            ]
        return Gate(
            waitingFor: "the chart of Cilium to be deployed, and Cilium on \(reference) to serve",
            asks: cluster.map { Ask(reference, $0) },
            deadlineSeconds: self.cluster.deadline(self.cluster.inventory.deadlines.cilium, reference),
            journal: (reference, Units.server),
            lookAt:
                "k3s kubectl -n kube-system logs job/helm-install-cilium, and get pods -l k8s-app=cilium, on \(reference)"
        ) { facts in
            .all(
                ReleaseQuestion.cilium.verdict(facts, on: reference),
                CiliumQuestion.pod(facts[reference, CiliumQuestion.pods], on: reference, values: values),
                CiliumQuestion.verdict(facts[reference, CiliumQuestion.status], on: reference),
                NodesQuestion.ready(facts[reference, NodesQuestion.probe], reference))
        }
    }

    /// A node that is no member yet has no Cilium to wait for; it gets it when it joins.
    private func memberGate(_ node: NodeName) -> Gate {
        let reference = cluster.reference
        let values = objects.valuesDigest
        return Gate(
            waitingFor: "Cilium on \(node) to serve with its new settings, if \(node) is a member already",
            asks: [
                Ask(node, .unit(Units.server)), Ask(node, CiliumQuestion.status), Ask(reference, CiliumQuestion.pods),
                Ask(reference, NodesQuestion.probe),
            ],
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.cilium, node), journal: (node, Units.server),
            lookAt: "k3s kubectl -n kube-system get pods -l k8s-app=cilium -o wide, on \(reference)"
        ) { facts in
            guard let unit = UnitQuestion(facts[node, .unit(Units.server)]) else {
                return .waiting("\(node) has not said yet whether K3s runs there")
            }
            guard unit.isActive else { return .holds }
            guard let nodes = NodesQuestion(facts[reference, NodesQuestion.probe]) else {
                return .waiting("the cluster cannot be asked for its nodes yet")
            }
            guard nodes[node] != nil else { return .holds }
            return .all(
                NodesQuestion.ready(facts[reference, NodesQuestion.probe], node),
                CiliumQuestion.pod(facts[reference, CiliumQuestion.pods], on: node, values: values),
                CiliumQuestion.verdict(facts[node, CiliumQuestion.status], on: node))
        }
    }
}
