import YAML

/// The chain from a pool to the wire: cluster configuration, peer configuration, advertisement, Service.
enum AdvertisementRules {
    static let all: [ManifestRules.Rule] = [
        selectors, advertisementsAndFamilies, services, pools, peerConfigs, nodeSelectors,
    ]

    static func selectors(_ manifests: Manifests, _ findings: inout Findings) {
        for object in manifests.objects("CiliumBGPAdvertisement") {
            for item in object.advertisements {
                guard let type = item["advertisementType"], let text = type.scalar?.text,
                    ["Service", "CiliumPodIPPool"].contains(text), item["selector"] == nil
                else { continue }
                findings.add(AdvertisementProblem.noSelector(type: text), at: object.part.place(type))
            }
        }
    }

    static func advertisementsAndFamilies(_ manifests: Manifests, _ findings: inout Findings) {
        let families = manifests.peerFamilies
        let advertisements = manifests.objects("CiliumBGPAdvertisement")
        guard !families.isEmpty, !advertisements.isEmpty else { return }
        for advertisement in advertisements where !families.contains(where: { $0.selects(advertisement) }) {
            findings.add(AdvertisementProblem.notSelected(advertisement.name), at: advertisement.place)
        }
        for family in families where !advertisements.contains(where: family.selects) {
            let problem = AdvertisementProblem.familyWithout(
                family.config.name, family.node["afi"]?.scalar?.text ?? "?", isSet: family.selector != nil)
            findings.add(problem, at: family.config.part.place(family.selector ?? family.node))
        }
    }

    static func services(_ manifests: Manifests, _ findings: inout Findings) {
        let rules = manifests.serviceAdvertisements
        guard manifests.usesBGPForServices else { return }
        for service in manifests.loadBalancerServices
        where service.spec?["loadBalancerClass"]?.scalar?.text != "io.cilium/l2-announcer" {
            let isAdvertised = rules.contains { rule in
                rule["selector"].map { LabelSelector($0).matches(service.selectable) } ?? false
            }
            if !isAdvertised { findings.add(AdvertisementProblem.service(service.name), at: service.place) }
        }
    }

    /// Whatever a pool serves has the labels that it asks for, which tells what no advertisement can select.
    static func pools(_ manifests: Manifests, _ findings: inout Findings) {
        guard manifests.usesBGPForServices else { return }
        let rules = manifests.serviceAdvertisements
        for pool in manifests.objects("CiliumLoadBalancerIPPool") where pool.spec?["disabled"]?.boolean != true {
            let wanted = LabelSelector.texts(pool.spec?["serviceSelector"]?["matchLabels"])
            let canBe = rules.contains { rule in
                guard rule["selector"] != nil else { return false }
                return LabelSelector.texts(rule["selector"]?["matchLabels"]).allSatisfy { key, value in
                    wanted[key] == nil || wanted[key] == value
                }
            }
            if !canBe { findings.add(AdvertisementProblem.pool(pool.name), at: pool.place) }
        }
    }

    static func peerConfigs(_ manifests: Manifests, _ findings: inout Findings) {
        let known = Set(manifests.objects("CiliumBGPPeerConfig").map(\.name))
        guard !known.isEmpty else { return }
        for peer in manifests.peers {
            guard let name = peer.node["peerConfigRef"]?["name"], let text = name.scalar?.text, !known.contains(text)
            else { continue }
            let problem = AdvertisementProblem.peerConfigMissing(text, nearest: Nearest.match(text, in: known.sorted()))
            findings.add(problem, at: peer.part.place(name))
        }
    }

    /// K3s' cloud controller labels every node `k3s`, unless the node came with a label of its own.
    static func nodeSelectors(_ manifests: Manifests, _ findings: inout Findings) {
        let key = "node.kubernetes.io/instance-type"
        let given = manifests.k3s.flatMap { $0.texts("node-label").map(\.text) }
        for object in manifests.objects("CiliumBGPClusterConfig", "CiliumBGPPeerConfig", "CiliumNodeConfig") {
            guard let value = object.spec?["nodeSelector"]?["matchLabels"]?[key], let text = value.scalar?.text,
                text != "k3s", !given.contains("\(key)=\(text)")
            else { continue }
            findings.add(AdvertisementProblem.instanceType(text), at: object.part.place(value))
        }
    }
}

/// One address family of a CiliumBGPPeerConfig.
struct PeerFamily {
    var config: KubernetesObject
    var node: YAMLNode

    var selector: YAMLNode? { node["advertisements"] }

    /// Without a selector no advertisement goes out (Cilium's CRD).
    func selects(_ advertisement: KubernetesObject) -> Bool {
        selector.map { LabelSelector($0).matches(advertisement.labels) } ?? false
    }
}

extension KubernetesObject {
    fileprivate var advertisements: [YAMLNode] { spec?["advertisements"]?.list ?? [] }
}

extension Manifests {
    fileprivate var peerFamilies: [PeerFamily] {
        objects("CiliumBGPPeerConfig").flatMap { config in
            (config.spec?["families"]?.list ?? []).map { PeerFamily(config: config, node: $0) }
        }
    }

    /// The entries for addresses of load balancers in those advertisements that some family selects, or in all of them
    /// where no family is known.
    fileprivate var serviceAdvertisements: [YAMLNode] {
        let families = peerFamilies
        return objects("CiliumBGPAdvertisement")
            .filter { object in families.isEmpty || families.contains { $0.selects(object) } }
            .flatMap(\.advertisements)
            .filter { item in
                let addresses = item["service"]?["addresses"]?.list?.compactMap { $0.scalar?.text } ?? []
                return item["advertisementType"]?.scalar?.text == "Service" && addresses.contains("LoadBalancerIP")
            }
    }

    /// Nothing else in the files could announce the addresses.
    fileprivate var usesBGPForServices: Bool {
        !objects("CiliumBGPAdvertisement", "CiliumBGPClusterConfig").isEmpty
            && objects("CiliumL2AnnouncementPolicy").isEmpty
    }
}

/// What `lint` finds between a pool and the wire.
enum AdvertisementProblem: InventoryProblem {
    case noSelector(type: String)
    case notSelected(String)
    case familyWithout(String, String, isSet: Bool)
    case service(String)
    case pool(String)
    case peerConfigMissing(String, nearest: String?)
    case instanceType(String)

    var code: DiagnosticCode {
        switch self {
        case .noSelector: .advertisementWithoutSelector
        case .notSelected: .advertisementNotSelected
        case .familyWithout: .familyWithoutAdvertisement
        case .service: .serviceNotAdvertised
        case .pool: .poolNotAnnounced
        case .peerConfigMissing: .peerConfigMissing
        case .instanceType: .instanceTypeLabel
        }
    }

    var words: Words {
        switch self {
        case .noSelector(let type):
            Words(
                message: "an advertisement of type \(type) has no 'selector'", why: "without one it selects nothing",
                fix: "write one; for all of them: matchExpressions with a key that none has and NotIn or DoesNotExist")
        case .notSelected(let name):
            Words(
                message: "no family of any peer selects advertisement '\(name)'", why: "nothing of it goes out",
                fix: "give it the labels that 'families[].advertisements' of the peer configuration asks for")
        case .familyWithout(let config, let family, let isSet):
            Words(
                message: isSet
                    ? "'\(config)' selects no advertisement for \(family)"
                    : "'\(config)' has no 'advertisements' for \(family)",
                why: "the session comes up, and no route goes out",
                fix: "write a selector that matches the labels of an advertisement")
        case .service(let name):
            Words(
                message: "no advertisement selects Service '\(name)'",
                why: "it gets an address, and no router learns of it",
                fix: "give it the label that an advertisement of type Service with LoadBalancerIP asks for")
        case .pool(let name):
            Words(
                message: "no advertisement can select what pool '\(name)' serves",
                why: "its addresses are given out, and no router learns of them",
                fix: "add an advertisement of type Service with LoadBalancerIP whose selector fits 'serviceSelector'")
        case .peerConfigMissing(let name, let nearest):
            Words(
                message: "there is no CiliumBGPPeerConfig '\(name)'", why: "the peer is not set up without it",
                fix: nearest.map { "write '\($0)' if that was meant" } ?? "add it, or leave 'peerConfigRef' out")
        case .instanceType(let value):
            Words(
                message: "the selector asks for the instance type '\(value)'",
                why: "K3s labels its nodes 'k3s' unless they come with this label: the selector matches no node",
                fix:
                    "set node-label 'node.kubernetes.io/instance-type=\(value)' on each node, or use a label of your own"
            )
        }
    }
}
