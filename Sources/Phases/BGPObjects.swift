import Engine
import Inventory
import Rendering
import YAML

/// The objects by which Cilium speaks BGP and gives addresses to Services (cilium.io/v2, all cluster-scoped).
struct BGPObjects: Sendable {
    let inventory: Inventory

    init(_ inventory: Inventory) { self.inventory = inventory }

    var areWanted: Bool { inventory.bgp != nil || !inventory.loadBalancerPools.isEmpty }

    /// What peers of the cluster take announcements by; the key is also how clusterctl knows its own objects.
    static let ownLabel = "clusterctl.dev/bgp"

    /// What an announcement refers to comes before it, and what nothing refers to any more goes last.
    var steps: [Step] {
        guard areWanted else { return [removal] }
        var steps = [
            Step(.command(waitForKinds), because: "Cilium's operator brings these kinds a moment after it has started")
        ]
        steps += inventory.addressPools.map {
            Step(.object(pool($0)), because: "Services of type LoadBalancer get their addresses from it")
        }
        if let bgp = inventory.bgp {
            steps.append(Step(.object(advertisement(bgp)), because: "nothing is announced that is not named here"))
            for peer in bgp.peers {
                steps += peer.addresses.map {
                    Step(
                        .object(peerConfig(peer, $0.family)),
                        because: "both ends have to keep the session by the same times")
                }
            }
            steps.append(Step(.object(clusterConfig(bgp)), because: "the nodes open their sessions by it"))
        }
        return steps + [removal]
    }

    private static let kinds = [
        "ciliumloadbalancerippools.cilium.io", "ciliumbgpadvertisements.cilium.io", "ciliumbgppeerconfigs.cilium.io",
        "ciliumbgpclusterconfigs.cilium.io",
    ]

    private var waitForKinds: Command {
        .waitForKind("Cilium's BGP kinds", asking: ["get", BGPObjects.kinds.joined(separator: ",")])
    }

    /// Objects of ours that are not among those applied: pools and peers that were taken out of the inventory, and an
    /// endpoint that was announced. Whatever serves as the endpoint now has answered before this phase.
    private var removal: Step {
        let key = BGPObjects.ownLabel
        let selector = names.isEmpty ? key : "\(key),\(key) notin (\(names.joined(separator: ",")))"
        let endpoint = ["services", "endpointslices.discovery.k8s.io", "ciliumclusterwideenvoyconfigs.cilium.io"]
        let words = [selector] + BGPObjects.kinds + endpoint + ["secrets"]
        let command = Command(
            name: "remove pools, peers, announcements and an announced endpoint that the inventory no longer has",
            arguments: Script.arguments(.bgpLeftovers, ["remove"] + words),
            unless: Script.arguments(.bgpLeftovers, ["none"] + words))
        return Step(.command(command), because: "what the inventory no longer names is announced no longer")
    }

    /// The values of the label that the objects have.
    private var names: [String] {
        var names = inventory.addressPools.map { "pool-\($0.name)" }
        if let bgp = inventory.bgp {
            names += ["announcements", "sessions"]
            names += bgp.peers.flatMap { peer in peer.addresses.map { "peer-" + BGPObjects.name(peer, $0.family) } }
            names += bgp.peers.filter { $0.password != nil }.map { "password-\($0.router)" }
        }
        if case .ciliumBgp = inventory.endpoint { names.append(APIEndpoint.ownName) }
        return names
    }

    // MARK: Objects

    private func pool(_ pool: LoadBalancerPool) -> KubernetesObject {
        var spec: YAMLMap = [
            "blocks": .list(
                pool.blocks.map { block in
                    switch block {
                    case .network(let network): ["cidr": .string(network.description)]
                    case .range(let first, let last):
                        ["start": .string(first.description), "stop": .string(last.description)]
                    }
                }),
            "allowFirstLastIPs": pool.givesFirstAndLast ? "Yes" : "No",
        ]
        if !pool.labels.isEmpty { spec["serviceSelector"] = BGPObjects.labels(pool.labels) }
        return object("CiliumLoadBalancerIPPool", pool.name, own: "pool-\(pool.name)", spec)
    }

    private func advertisement(_ bgp: BGPSettings) -> KubernetesObject {
        var attributes: YAMLMap = [:]
        if !bgp.communities.isEmpty {
            attributes["attributes"] = ["communities": ["standard": .list(bgp.communities.map { .string($0) })]]
        }
        var advertisements: [YAMLValue] = []
        if bgp.announcesPods {
            advertisements.append(YAMLValue.map(["advertisementType": "PodCIDR"]).merging(.map(attributes)))
        }
        if case .ciliumBgp = inventory.endpoint {
            let services = BGPSettings.Services(labels: LoadBalancerPool.endpointLabels)
            advertisements.append(BGPObjects.advertisement(of: services, attributes))
        }
        for services in bgp.services {
            advertisements.append(BGPObjects.advertisement(of: services, attributes))
        }
        return object(
            "CiliumBGPAdvertisement", "clusterctl", own: "announcements", ["advertisements": .list(advertisements)])
    }

    private static func advertisement(of services: BGPSettings.Services, _ attributes: YAMLMap) -> YAMLValue {
        let advertisement: YAMLValue = [
            "advertisementType": "Service",
            "service": ["addresses": .list(services.addresses.map { .string($0.rawValue) })],
            // Without a selector Cilium announces no Service at all.
            "selector": services.labels.isEmpty ? everyService : labels(services.labels),
        ]
        return advertisement.merging(.map(attributes))
    }

    private func peerConfig(_ peer: BGPSettings.Peer, _ family: IPAddress.Family) -> KubernetesObject {
        var spec: YAMLMap = [
            "timers": [
                "connectRetryTimeSeconds": .int(peer.connectRetry.wholeSeconds),
                "holdTimeSeconds": .int(peer.holdTime.wholeSeconds),
                "keepAliveTimeSeconds": .int(peer.keepAlive.wholeSeconds),
            ],
            "families": [
                [
                    "afi": .string(family.afi), "safi": "unicast",
                    "advertisements": ["matchLabels": [.init(BGPObjects.ownLabel): "announcements"]],
                ]
            ],
        ]
        if let restart = peer.gracefulRestart {
            spec["gracefulRestart"] = ["enabled": true, "restartTimeSeconds": .int(restart.wholeSeconds)]
        }
        if let hops = peer.multihop { spec["ebgpMultihop"] = .int(hops) }
        if peer.password != nil { spec["authSecretRef"] = .string(BGPPasswords.secretName(peer.router)) }
        let name = BGPObjects.name(peer, family)
        return object("CiliumBGPPeerConfig", name, own: "peer-\(name)", spec)
    }

    private func clusterConfig(_ bgp: BGPSettings) -> KubernetesObject {
        let peers: [YAMLValue] = bgp.peers.flatMap { peer in
            peer.addresses.map { address in
                let name = YAMLValue.string(BGPObjects.name(peer, address.family))
                return [
                    "name": name, "peerASN": .int(Int(peer.asn)), "peerAddress": .string(address.description),
                    "peerConfigRef": ["name": name],
                ]
            }
        }
        var spec: YAMLMap = [
            "bgpInstances": [["name": "clusterctl", "localASN": .int(Int(bgp.asn)), "peers": .list(peers)]]
        ]
        // By name: K3s sets labels only when a node is registered, so a living node may lack them.
        if !bgp.nodeLabels.isEmpty {
            spec["nodeSelector"] = [
                "matchExpressions": [
                    [
                        "key": "kubernetes.io/hostname", "operator": "In",
                        "values": .list(inventory.bgpNodes.map { .string($0.name) }),
                    ]
                ]
            ]
        }
        return object("CiliumBGPClusterConfig", "clusterctl", own: "sessions", spec)
    }

    private static func name(_ peer: BGPSettings.Peer, _ family: IPAddress.Family) -> String {
        "\(peer.router)-\(family.afi)"
    }

    private static func labels(_ labels: some Sequence<(key: String, value: String)>) -> YAMLValue {
        var map: YAMLMap = [:]
        for (key, value) in labels { map[key] = .string(value) }
        return ["matchLabels": .map(map)]
    }

    /// The way in which Cilium's own documentation selects every Service.
    private static let everyService: YAMLValue = [
        "matchExpressions": [["key": "clusterctl.dev/none", "operator": "NotIn", "values": ["none"]]]
    ]

    private func object(_ kind: String, _ name: String, own: String, _ spec: YAMLMap) -> KubernetesObject {
        KubernetesObject(name: "\(kind) \(name)", references: [.init(kind: kind, namespace: nil, name: name)]) {
            let metadata: YAMLMap = [
                "name": .string(name), "labels": .map([BGPObjects.ownLabel: .string(own)]),
                "annotations": .map([KubernetesObject.digestAnnotation: .string($0)]),
            ]
            return YAMLValue.map([
                "apiVersion": "cilium.io/v2", "kind": .string(kind), "metadata": .map(metadata), "spec": .map(spec),
            ]).yamlText()
        }
    }
}
