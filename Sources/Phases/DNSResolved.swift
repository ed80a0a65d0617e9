import Engine
import Inventory
import Rendering

/// Has systemd-resolved ask the control plane nodes for the cluster's names, where that finds names for a node.
public struct DNSResolved: Phase {
    public let id: PhaseID = "dns-resolved"
    public let title = "systemd-resolved asks the cluster for its names"
    public var nodes: [NodeName] { question?.cluster.managed ?? [] }
    let question: ResolverQuestion?

    public init(_ inventory: Inventory) { question = ResolverQuestion(inventory) }

    static let unit = "systemd-resolved.service"
    static let file = "/etc/systemd/resolved.conf.d/clusterctl.conf"

    public func needs(_ node: NodeName) -> [Probe] { question.map { [$0.probe] } ?? [] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        question?.finding(facts, on: node, wanted: .resolved) ?? .satisfied
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard let question else { return [] }
        let (names, node) = (question.names, question.cluster[node])
        let words = [names.settings.domain] + names.resolvedServers(node).map(\.description)
        let load = Command(
            name: "have systemd-resolved read its files", arguments: Script.arguments(.loadResolved, ["load"] + words),
            unless: Script.arguments(.loadResolved, ["check"] + words))
        return [
            Step(
                .file(path: DNSResolved.file, content: .text(names.resolved(node)), mode: .publicFile),
                because: "names of the domain are asked for at the cluster, whatever servers the links have"),
            Step(
                .unit(UnitState(name: DNSResolved.unit, enabled: true, activity: .running(restartOn: []))),
                because: "it finds names after a reboot too"),
            Step(.command(load), because: "it reads its files at its start; what links have told it, it keeps"),
        ]
    }

    public func gate(_ node: NodeName) -> Gate? { question?.gate(on: node, unit: DNSResolved.unit) }

    /// What was there before is put back and started again, when the controller says so: SSH comes by addresses.
    public func undo(_ node: NodeName) -> Undo { .restore(first: [], guardWindowSeconds: nil) }
}
