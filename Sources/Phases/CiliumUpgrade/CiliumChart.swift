import Engine
import Inventory
import Rendering

/// Gives the cluster the wanted chart of Cilium, through the server that speaks for it: held at first, so that the operator
/// is changed and the agents wait for their turn; and when each node had its turn, as `bootstrap` has it.
///
/// The agents' pods are the same from either, so that nothing is started anew when the chart is released.
public struct CiliumChart: Phase {
    public enum Stage: Sendable {
        case held
        case released
    }

    public static let ids: [PhaseID] = ["cilium-chart", "cilium-release"]
    public var id: PhaseID { stage == .held ? "cilium-chart" : "cilium-release" }
    public var title: String {
        stage == .held
            ? "Cilium's chart, whose agents wait for their turn" : "Cilium's DaemonSets as they are otherwise"
    }
    public var nodes: [NodeName] { [cluster.reference] }
    let cluster: Cluster
    let objects: CiliumObjects
    let stage: Stage

    public init(_ inventory: Inventory, _ stage: Stage, chartContent: String? = nil) {
        cluster = Cluster(inventory)
        objects = CiliumObjects(inventory, chartContent: chartContent)
        self.stage = stage
    }

    public func needs(_ node: NodeName) -> [Probe] { [CiliumQuestion.pods] }

    /// A cluster whose chart is released and whose agents are all of it needs none that is held.
    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard stage == .held, !facts.hasGuardArmed(for: id, node) else { return .satisfied }
        guard facts[node, CiliumChart.step(objects.chart)] == .same,
            let pods = PodsQuestion(facts.first(of: cluster.controlPlane, CiliumQuestion.pods)), !pods.rows.isEmpty,
            pods.rows.allSatisfy({ $0.values == objects.valuesDigest })
        else { return .satisfied }
        return .settled
    }

    public func apply(_ node: NodeName) -> [Step] {
        let settings =
            [
                Step(
                    .object(objects.nodeConfigKind),
                    because: "agents that start before this kind is there ignore their node's settings"),
                Step(.command(objects.waitForNodeConfigKind), because: "the API takes a moment to learn a new kind"),
            ]
            + objects.nodeConfigs.map {
                Step(.object($0), because: "these nodes keep links and SSH that Cilium would take by default")
            }
        guard stage == .held else {
            let forget = Command(
                name: "forget the earlier chart of Cilium", arguments: Script.arguments(.ciliumUpgrade, ["forget"]),
                unless: Script.arguments(.ciliumUpgrade, ["is-forgotten"]))
            return settings + [
                CiliumChart.step(objects.chart), Step(.command(forget), because: "nobody goes back to it any more"),
            ]
        }
        let keep = Command(
            name: "keep the earlier chart of Cilium", arguments: Script.arguments(.ciliumUpgrade, ["keep"]),
            unless: Script.arguments(.ciliumUpgrade, ["is-kept"]))
        return settings + [
            Step(.command(keep), because: "a node that does not come back gets its earlier Cilium again"),
            Step(.object(objects.heldChart), because: "no agent is replaced before its turn; the operator is"),
        ]
    }

    private static func step(_ chart: KubernetesObject) -> Step {
        Step(.object(chart), because: "later changes go as before; no pod differs, and none is replaced")
    }

    public func gate(_ node: NodeName) -> Gate? {
        let values = objects.valuesDigest
        let isHeld = stage == .held
        let asks = ReleaseQuestion.probes + [CiliumStateQuestion.probe, CiliumQuestion.pods]
        return Gate(
            waitingFor: isHeld
                ? "the chart of Cilium to be deployed, and its operator to be of it"
                : "the chart of Cilium to be deployed, and every agent to be ready as it is",
            asks: asks.map { Ask(node, $0) },
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.cilium, node), journal: (node, Units.server),
            lookAt: "k3s kubectl -n kube-system logs job/helm-install-cilium, and get pods, on \(node)"
        ) { facts in
            .all(
                ReleaseQuestion.cilium.verdict(facts, on: node),
                CiliumStateQuestion.verdict(facts[node, CiliumStateQuestion.probe], values: values, isHeld: isHeld),
                // While it is held, the one whose turn an earlier run has begun may be unwell: it is the next one.
                isHeld ? .holds : CiliumChart.everyAgentIsReady(facts[node, CiliumQuestion.pods], values: values))
        }
    }

    private static func everyAgentIsReady(_ answer: Answer?, values: String) -> Verdict {
        guard let pods = PodsQuestion(answer) else {
            return .waiting("the cluster cannot be asked for its pods\(answer.map { ": " + $0.reason } ?? " yet")")
        }
        if pods.rows.isEmpty { return .waiting("there is no pod of Cilium") }
        for row in pods.rows where !row.isReady || row.values != values {
            return .waiting("Cilium on \(row.node) is \(row.isReady ? "of earlier settings" : "not ready")")
        }
        return .holds
    }

    public func witness(_ node: NodeName) -> Ask? { cluster.witness(of: node, amongChanged: nodes) }

    public func undo(_ node: NodeName) -> Undo {
        let command =
            stage == .held
            ? Command(
                name: "put Cilium's earlier chart back", arguments: Script.arguments(.ciliumUpgrade, ["back-chart"]),
                timeoutSeconds: 145)
            : Command(
                name: "hold Cilium's chart again", arguments: Script.arguments(.ciliumUpgrade, ["hold"]),
                timeoutSeconds: 145)
        let because = "the next run begins where this one began"
        return cluster.restore(node, first: [Step(.command(command), because: because)])
    }
}
