import Engine
import Inventory
import Rendering

/// Installs one addon as a HelmChart resource, through the server that speaks for the cluster. Each addon is a phase, so
/// that each has its own gate and can wait for another.
public struct AddonPhase: Phase {
    public let id: PhaseID
    public let title: String
    public var nodes: [NodeName] { [cluster.reference] }
    let cluster: Cluster
    private let addon: Addon
    private let chart: KubernetesObject
    private let question: AddonQuestion
    private let handOff: HandOffQuestion?

    public init(_ inventory: Inventory, _ addon: Addon) {
        id = AddonPhase.id(addon.name)
        title = "The addon \(addon.name)"
        cluster = Cluster(inventory)
        self.addon = addon
        chart = AddonObjects.chart(addon)
        question = AddonQuestion(inventory, addon)
        handOff = inventory.handOff.map { _ in HandOffQuestion(addon) }
    }

    static func id(_ name: String) -> PhaseID { PhaseID("addon-\(name)") }

    /// The addons as a part of an order: all of them after `network`, and each after those that it names.
    static func entries(_ inventory: Inventory, after network: [Order.Dependency]) -> [Order.Entry] {
        inventory.addons.map { addon in
            .init(AddonPhase(inventory, addon), after: network + addon.after.map { .all(id($0)) })
        }
    }

    public func needs(_ node: NodeName) -> [Probe] { handOff?.asks ?? [] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        switch handOff?.owner(facts, on: node, digest: chart.digest) {
        case nil, .clusterctl: .satisfied
        case .other(let reason): .notApplicable("left to Argo CD: \(reason)")
        case .unknown(let reason): .putOff(reason)
        }
    }

    public func apply(_ node: NodeName) -> [Step] {
        let attempt = [addon.name, addon.namespace, chart.digest]
        return [
            Step(
                .command(
                    Command(
                        name: "forget the failed attempt to install \(addon.name)",
                        arguments: Script.arguments(.failedAttempt, ["forget"] + attempt),
                        unless: Script.arguments(.failedAttempt, ["check"] + attempt))),
                because: "a job that has given up is not started again, and a failed release not upgraded"),
            Step(.object(chart), because: "K3s installs it, and upgrades it when this changes"),
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        let question = question
        return Gate(
            waitingFor: "\(addon.name) \(addon.version) to be deployed, and its workloads to be available",
            asks: question.asks.map { Ask(node, $0) },
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.addons, node),
            lookAt:
                "k3s kubectl -n kube-system logs job/helm-install-\(addon.name), and -n \(addon.namespace) get pods "
                + "and events, on \(node)"
        ) { question.verdict($0, on: node) }
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(
            because: "it cuts nothing, and deleting the HelmChart would uninstall with it what the chart has made; "
                + "the next run goes on from here")
    }
}
