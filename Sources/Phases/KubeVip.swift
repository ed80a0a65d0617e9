import Engine
import Inventory
import Rendering

/// Gives the endpoint's address to one of the control plane nodes, and moves it when that node goes.
public struct KubeVip: Phase {
    public let id: PhaseID = "kube-vip"
    public let title = "The endpoint"
    public var nodes: [NodeName] { endpoint == nil ? [] : [cluster.reference] }
    let cluster: Cluster
    let endpoint: EndpointQuestion?

    public init(_ inventory: Inventory) {
        cluster = Cluster(inventory)
        endpoint = if case .kubeVip = inventory.endpoint { EndpointQuestion(cluster) } else { nil }
    }

    public func apply(_ node: NodeName) -> [Step] {
        [Step(.object(object), because: "clients find the API at one address, whichever node serves it")]
    }

    public func gate(_ node: NodeName) -> Gate? {
        guard let endpoint else { return nil }
        let asker =
            endpoint.isAskedFromAside ? "from \(endpoint.witness)" : "from the node itself, for there is no other"
        return Gate(
            waitingFor:
                "one control plane node to hold \(endpoint.address), and the API to answer there (asked \(asker))",
            asks: endpoint.asks, deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.kubeVip, node),
            journal: (node, Units.server),
            lookAt: "k3s kubectl -n kube-system logs ds/kube-vip, on \(node)", judge: endpoint.verdict)
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(
            because: "kube-vip cuts nothing, and taking it away would take the address from a cluster that uses it")
    }

    /// The newest release whose settings are known to the author of the template.
    static let image = "ghcr.io/kube-vip/kube-vip:v1.2.3"

    private var object: KubernetesObject {
        KubernetesObject(
            name: "DaemonSet kube-system/kube-vip",
            references: [
                .init(kind: "ServiceAccount", namespace: "kube-system", name: "kube-vip"),
                .init(kind: "ClusterRole", namespace: nil, name: "clusterctl:kube-vip"),
                .init(kind: "ClusterRoleBinding", namespace: nil, name: "clusterctl:kube-vip"),
                .init(kind: "DaemonSet", namespace: "kube-system", name: "kube-vip"),
            ]
        ) { digest in
            Template.kubeVip.text([
                "digest": .text(digest), "image": .text(KubeVip.image), "taints": .records(taints),
                "apiHost": .text(CiliumValues.loopback(cluster.inventory)),
                "apiPort": .text(cluster.inventory.network.apiPort.description), "settings": .records(settings),
            ])
        }
    }

    /// The settings of kube-vip for an address announced by ARP or neighbour discovery (kube-vip pkg/kubevip).
    private var settings: [[String: String]] {
        guard case .kubeVip(let address, let interface) = cluster.inventory.endpoint else { return [] }
        var pairs = [("address", address.description), ("port", cluster.inventory.network.apiPort.description)]
        if let interface { pairs.append(("vip_interface", interface)) }
        pairs += [
            ("vip_subnet", String(address.family.width)), ("vip_arp", "true"), ("cp_enable", "true"),
            ("svc_enable", "false"),
            ("cp_namespace", "kube-system"), ("vip_leaderelection", "true"), ("vip_leasename", "plndr-cp-lock"),
            ("vip_leaseduration", "15"), ("vip_renewdeadline", "10"), ("vip_retryperiod", "2"),
        ]
        return pairs.map { ["key": $0.0, "value": $0.1] }
    }

    /// The inventory's own taints of control plane nodes, which would keep kube-vip away for ever.
    private var taints: [[String: String]] {
        var seen: Set<String> = []
        return cluster.inventory.controlPlane.flatMap(\.taints).compactMap { taint in
            guard seen.insert("\(taint.key):\(taint.effect.rawValue)").inserted else { return nil }
            return ["key": taint.key, "effect": taint.effect.rawValue]
        }
    }
}
