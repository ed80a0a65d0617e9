import Engine
import Inventory
import YAML

/// Gives the API an address that every node announces: a Service without selector whose backends are the control plane
/// nodes, and in front of them Cilium's Envoy, which asks them whether they are well.
public struct APIEndpoint: Phase {
    public let id: PhaseID = "api-endpoint"
    public let title = "The endpoint, announced by BGP"
    public var nodes: [NodeName] { address == nil ? [] : [cluster.reference] }
    let cluster: Cluster
    private let address: IPAddress?
    private let asksAll: Bool

    static let name = "clusterctl-api"
    /// The value of `BGPObjects.ownLabel` by which its objects are found when another endpoint has replaced it.
    static let ownName = "endpoint"
    private static let namespace = "kube-system"
    /// The name under which Cilium hands the Service's backends to Envoy.
    static let backendsName = "\(namespace)/\(name)"

    /// - Parameter asksAll: whether every router and Envoy on every node has to say that it is well; false where some cannot
    ///   be asked.
    public init(_ inventory: Inventory, asksAll: Bool = true) {
        cluster = Cluster(inventory)
        self.asksAll = asksAll
        address = if case .ciliumBgp(let address) = inventory.endpoint { address } else { nil }
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard let address else { return [] }
        let kind = Command.waitForKind(
            "CiliumClusterwideEnvoyConfig", asking: ["get", "ciliumclusterwideenvoyconfigs.cilium.io"])
        return [
            Step(.command(kind), because: "Cilium's operator brings this kind a moment after it has started"),
            Step(.object(backends(address)), because: "the address leads to the control plane nodes of the inventory"),
            Step(.object(proxy), because: "clients are led past an API server that does not answer"),
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        guard let address else { return nil }
        let asker = cluster.otherServers.first ?? cluster.workers.first ?? cluster.reference
        let routers = RouterQuestion.asked(cluster.inventory).filter { router in
            asksAll && router.neighbors.contains { $0.address.family == address.family }
        }
        let route = RouterQuestion.route(to: address)
        let ping = Probe.http("https://\(address.inURL):\(cluster.inventory.network.apiPort)/ping")
        let envoy = EnvoyQuestion(cluster.inventory)
        let speakers = asksAll ? cluster.speakers : []
        return Gate(
            waitingFor:
                "Cilium to give \(address) to the API, "
                + (asksAll
                    ? "the routers to have every way there, Envoy on each node to find every API server healthy, " : "")
                + "and the API to answer \(asker) there",
            asks: [Ask(node, APIEndpoint.granted), Ask(asker, ping)] + routers.map { Ask($0.name, route) }
                + speakers.map { Ask($0, EnvoyQuestion.probe) },
            deadlineSeconds: cluster.deadline(cluster.inventory.deadlines.apiEndpoint, node),
            journal: (node, Units.server),
            lookAt: "k3s kubectl -n kube-system get service,endpointslice -o yaml, and the log of cilium's agent, "
                + "which alone tells what it takes exception to in a CiliumClusterwideEnvoyConfig; on \(node)"
        ) { facts in
            .all(
                [APIEndpoint.verdict(facts[node, APIEndpoint.granted], address)]
                    + routers.map { $0.verdict(facts[$0.name, route], routeTo: address) }
                    + speakers.map { envoy?.verdict(facts[$0, EnvoyQuestion.probe], on: $0) ?? .holds }
                    + [APIEndpoint.answered(facts[asker, ping], address, by: asker)])
        }
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "it cuts nothing, and taking it away would take the address from a cluster that uses it")
    }

    // MARK: Questions

    /// The addresses that the Service has, and what Cilium says of the request (cilium operator/pkg/lbipam).
    static let granted = Probe.command(
        APIQuestion.client + [
            "get", "service", name, "-n", namespace, "--ignore-not-found", "--request-timeout=10s", "-o",
            #"jsonpath={.status.loadBalancer.ingress[*].ip}{"\t"}"#
                + #"{.status.conditions[?(@.type=="cilium.io/IPAMRequestSatisfied")].message}"#,
        ])

    static func verdict(_ answer: Answer?, _ address: IPAddress) -> Verdict {
        guard let answer, answer.succeeded else {
            return .waiting("the cluster cannot be asked for the Service\(answer.map { ": " + $0.reason } ?? " yet")")
        }
        let columns = answer.output.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
        let addresses = columns[0].split(whereSeparator: \.isWhitespace).compactMap { IPAddress(String($0)) }
        if addresses.contains(address) { return .holds }
        let reason = columns.count == 2 && !columns[1].isEmpty ? ": \(columns[1].prefix(300))" : ""
        return .waiting("Cilium has not given \(address) to the Service\(reason)")
    }

    private static func answered(_ answer: Answer?, _ address: IPAddress, by asker: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(asker) has not asked at \(address) yet") }
        guard let (code, _) = answer.http, code == 200 else {
            let said = answer.http.map { "status \($0.code)" } ?? answer.reason
            return .waiting("the API does not answer \(asker) at \(address): \(said)")
        }
        return .holds
    }
}

// MARK: Objects
extension APIEndpoint {
    private func backends(_ address: IPAddress) -> KubernetesObject {
        let name = APIEndpoint.name
        let namespace = APIEndpoint.namespace
        let port: YAMLMap = [
            "name": "https", "port": .int(cluster.inventory.network.apiPort.number), "protocol": "TCP",
        ]
        let poolLabels = cluster.inventory.pool(with: address)?.labels ?? [:]
        let labels = LoadBalancerPool.endpointLabels.merging(poolLabels) { own, _ in own }
        let service: YAMLMap = [
            "type": "LoadBalancer", "ipFamilyPolicy": "SingleStack", "ipFamilies": [.string(address.family.rawValue)],
            // With Local, nodes without an API server of their own would have no backend (cilium pkg/loadbalancer).
            "externalTrafficPolicy": "Cluster", "allocateLoadBalancerNodePorts": false,
            "ports": .list([.map(port).merging(["targetPort": .int(cluster.inventory.network.apiPort.number)])]),
        ]
        let endpoints: [YAMLValue] = cluster.inventory.controlPlane.compactMap { node in
            node.addresses.first { $0.family == address.family }.map {
                [
                    "addresses": [.string($0.description)], "nodeName": .string(node.name),
                    "conditions": ["ready": true],
                ]
            }
        }
        return KubernetesObject(
            name: "Service \(namespace)/\(name)",
            references: [
                .init(kind: "Service", namespace: namespace, name: name),
                .init(kind: "EndpointSlice", namespace: namespace, name: name),
            ]
        ) { digest in
            let applied: YAMLMap = [KubernetesObject.digestAnnotation: .string(digest)]
            var pinned = applied
            pinned["lbipam.cilium.io/ips"] = .string(address.description)
            var ownLabels: YAMLMap = [.init(BGPObjects.ownLabel): .string(APIEndpoint.ownName)]
            for (key, value) in labels { ownLabels[key] = .string(value) }
            let head: YAMLMap = ["name": .string(name), "namespace": .string(namespace)]
            let first = YAMLValue.map([
                "apiVersion": "v1", "kind": "Service",
                "metadata": YAMLValue.map(head).merging(["labels": .map(ownLabels), "annotations": .map(pinned)]),
                "spec": .map(service),
            ])
            let second = YAMLValue.map([
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": YAMLValue.map(head).merging([
                    "labels": [
                        "kubernetes.io/service-name": .string(name),
                        "endpointslice.kubernetes.io/managed-by": "clusterctl.dev",
                        .init(BGPObjects.ownLabel): .string(APIEndpoint.ownName),
                    ],
                    "annotations": .map(applied),
                ]),
                "addressType": .string(address.family.rawValue), "ports": .list([.map(port)]),
                "endpoints": .list(endpoints),
            ])
            return first.yamlText() + "---\n" + second.yamlText()
        }
    }

    /// A TCP proxy that asks every API server each second whether it accepts connections, and leaves one out after
    /// three that fail. Until then a connection that one refuses goes to another. Durations are written in seconds:
    /// Envoy's JSON takes no other unit.
    private var proxy: KubernetesObject {
        let name = APIEndpoint.name
        let type = "type.googleapis.com/envoy"
        let backends = YAMLValue.string(APIEndpoint.backendsName)
        let tcpProxy: YAMLValue = [
            "@type": .string("\(type).extensions.filters.network.tcp_proxy.v3.TcpProxy"),
            "stat_prefix": .string(name), "cluster": backends, "max_connect_attempts": 3,
            // Watches are silent for long.
            "idle_timeout": "3600s",
        ]
        let listener: YAMLValue = [
            "@type": .string("\(type).config.listener.v3.Listener"), "name": .string(name),
            "filter_chains": [
                ["filters": [["name": "envoy.filters.network.tcp_proxy", "typed_config": tcpProxy]]]
            ],
        ]
        let envoyCluster: YAMLValue = [
            "@type": .string("\(type).config.cluster.v3.Cluster"), "name": backends, "type": "EDS",
            "connect_timeout": "2s", "lb_policy": "ROUND_ROBIN",
            // Else a watch hangs at a server without power until its own side gives up.
            "close_connections_on_host_health_failure": true,
            "health_checks": [
                [
                    "timeout": "1s", "interval": "1s", "no_traffic_interval": "1s", "unhealthy_threshold": 3,
                    "healthy_threshold": 1, "tcp_health_check": [:],
                ]
            ],
        ]
        let spec: YAMLMap = [
            "services": [
                ["name": .string(name), "namespace": .string(APIEndpoint.namespace), "listener": .string(name)]
            ],
            "resources": [listener, envoyCluster],
        ]
        return KubernetesObject(
            name: "CiliumClusterwideEnvoyConfig \(name)",
            references: [.init(kind: "CiliumClusterwideEnvoyConfig", namespace: nil, name: name)]
        ) { digest in
            let annotations: YAMLMap = [
                KubernetesObject.digestAnnotation: .string(digest),
                // Else Envoy would call from the client's own address and port, and connections of one client collide.
                "cec.cilium.io/use-original-source-address": "false",
            ]
            let metadata: YAMLMap = [
                "name": .string(name), "labels": .map([.init(BGPObjects.ownLabel): .string(APIEndpoint.ownName)]),
                "annotations": .map(annotations),
            ]
            return YAMLValue.map([
                "apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideEnvoyConfig", "metadata": .map(metadata),
                "spec": .map(spec),
            ]).yamlText()
        }
    }
}
