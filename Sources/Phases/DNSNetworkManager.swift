import Engine
import Inventory
import Rendering

/// Has the dnsmasq that NetworkManager runs ask the control plane nodes for the cluster's names.
///
/// Only where NetworkManager runs one already. Where it writes the list of the C library, which asks the same servers for
/// every name, CoreDNS would come before the network's own servers, and all names would wait for it when it is away.
public struct DNSNetworkManager: Phase {
    public let id: PhaseID = "dns-networkmanager"
    public let title = "NetworkManager's dnsmasq asks the cluster for its names"
    public var nodes: [NodeName] { question?.cluster.managed ?? [] }
    let question: ResolverQuestion?

    public init(_ inventory: Inventory) { question = ResolverQuestion(inventory) }

    static let unit = "NetworkManager.service"
    static let file = "/etc/NetworkManager/dnsmasq.d/clusterctl.conf"
    private static let note = "\(K3sPaths.state)/dnsmasq/loaded"

    public func needs(_ node: NodeName) -> [Probe] { question.map { [$0.probe] } ?? [] }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        question?.finding(facts, on: node, wanted: .dnsmasq) ?? .satisfied
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard let question else { return [] }
        return [
            Step(
                .file(
                    path: DNSNetworkManager.file, content: .text(question.names.dnsmasq(question.cluster[node])),
                    mode: .publicFile),
                because: "names of the domain are asked for at the cluster, all others as before"),
            Step(
                .command(
                    Command(
                        name: "have NetworkManager start its dnsmasq anew",
                        arguments: DNSNetworkManager.script("load"), unless: DNSNetworkManager.script("check"),
                        writes: [DNSNetworkManager.note])),
                because: "dnsmasq reads its files at its start; no link is touched"),
        ]
    }

    public func gate(_ node: NodeName) -> Gate? { question?.gate(on: node, unit: DNSNetworkManager.unit) }

    public func undo(_ node: NodeName) -> Undo {
        let unload = Command(
            name: "have NetworkManager start its dnsmasq with what was there before",
            arguments: DNSNetworkManager.script("unload"))
        return .restore(
            first: [Step(.command(unload), because: "dnsmasq reads its files at its start")], guardWindowSeconds: nil)
    }

    private static func script(_ task: String) -> [String] { Script.arguments(.loadDnsmasq, [task, file, note]) }
}
