import YAML

/// Kubernetes objects whatever they are for: scopes, versions, what is gone, and how kube-vip finds the API.
enum ObjectRules {
    static let all: [ManifestRules.Rule] = [namespaces, versions, removed, retired, kubeVip]

    /// Cluster-scoped by the CRDs of Cilium 1.19.
    private static let clusterScoped: Set = [
        "CiliumBGPAdvertisement", "CiliumBGPClusterConfig", "CiliumBGPNodeConfig", "CiliumBGPNodeConfigOverride",
        "CiliumBGPPeerConfig", "CiliumCIDRGroup", "CiliumClusterwideEnvoyConfig", "CiliumClusterwideNetworkPolicy",
        "CiliumEgressGatewayPolicy", "CiliumL2AnnouncementPolicy", "CiliumLoadBalancerIPPool", "CiliumPodIPPool",
    ]

    static func namespaces(_ manifests: Manifests, _ findings: inout Findings) {
        for object in manifests.objects where clusterScoped.contains(object.kind) {
            guard let namespace = object.metadata?["namespace"] else { continue }
            findings.add(ObjectProblem.namespace(object.kind), at: object.part.place(namespace))
        }
    }

    static func versions(_ manifests: Manifests, _ findings: inout Findings) {
        let moved: Set = [
            "CiliumBGPAdvertisement", "CiliumBGPClusterConfig", "CiliumBGPNodeConfig", "CiliumBGPNodeConfigOverride",
            "CiliumBGPPeerConfig", "CiliumCIDRGroup", "CiliumLoadBalancerIPPool",
        ]
        for object in manifests.objects where moved.contains(object.kind) {
            guard object.apiVersion == "cilium.io/v2alpha1" else { continue }
            findings.add(ObjectProblem.oldVersion(object.kind), at: object.part.place(object.node["apiVersion"]))
        }
    }

    static func removed(_ manifests: Manifests, _ findings: inout Findings) {
        for object in manifests.objects("CiliumBGPPeeringPolicy") {
            findings.add(ObjectProblem.removedKind, at: object.part.place(object.node["kind"]))
        }
    }

    static func retired(_ manifests: Manifests, _ findings: inout Findings) {
        var files: Set<String> = []
        for part in manifests.objects.map(\.part) + manifests.others {
            guard let found = retired(part.node, key: ""), files.insert(part.file).inserted else { continue }
            findings.add(ObjectProblem.retired, at: part.place(found))
        }
    }

    /// Where ingress-nginx is installed: as a chart, an image or the controller of an IngressClass.
    static func retired(_ node: YAMLNode, key: String) -> YAMLNode? {
        for entry in node.entries ?? [] {
            if let found = retired(entry.value, key: entry.key) { return found }
        }
        for element in node.list ?? [] {
            if let found = retired(element, key: key) { return found }
        }
        let keys = ["chart", "repo", "image", "repository", "controller", "controllerValue", "url"]
        return keys.contains(key) && node.scalar?.text.contains("ingress-nginx") == true ? node : nil
    }

    static func kubeVip(_ manifests: Manifests, _ findings: inout Findings) {
        for (object, container) in manifests.kubeVip where object.kind != "Deployment" {
            let known = ["k8s_config_file", "KUBERNETES_SERVICE_HOST"]
            let hasFile = container.hostPaths.contains { $0.hasSuffix("/k3s.yaml") || $0.hasSuffix("/admin.conf") }
            if hasFile || known.contains(where: { container.environment[$0] != nil }) { continue }
            findings.add(ObjectProblem.kubeVip, at: object.place)
        }
    }
}

/// A container that runs kube-vip.
struct KubeVipContainer {
    var environment: [String: YAMLNode]
    /// What its pod mounts of the node.
    var hostPaths: [String]
}

extension Manifests {
    var kubeVip: [(KubernetesObject, KubeVipContainer)] {
        objects.compactMap { object in
            guard let pod = object.kind == "Pod" ? object.spec : object.spec?["template"]?["spec"],
                let container = pod["containers"]?.list?.first(where: {
                    $0["image"]?.scalar?.text.contains("kube-vip/kube-vip") == true
                })
            else { return nil }
            var environment: [String: YAMLNode] = [:]
            for variable in container["env"]?.list ?? [] {
                if let name = variable["name"]?.scalar?.text { environment[name] = variable["value"] }
            }
            let paths = (pod["volumes"]?.list ?? []).compactMap { $0["hostPath"]?["path"]?.scalar?.text }
            return (object, KubeVipContainer(environment: environment, hostPaths: paths))
        }
    }
}

/// What `lint` finds in files and objects of any kind.
enum ObjectProblem: InventoryProblem {
    case unreadable(String)
    case namespace(String)
    case oldVersion(String)
    case removedKind
    case retired
    case kubeVip

    var code: DiagnosticCode {
        switch self {
        case .unreadable: .unreadableFile
        case .namespace: .namespaceOnClusterObject
        case .oldVersion: .oldCiliumAPI
        case .removedKind: .removedKind
        case .retired: .retiredProject
        case .kubeVip: .kubeVipNeedsServiceIP
        }
    }

    var words: Words {
        switch self {
        case .unreadable(let why):
            Words(
                message: "cannot be read: \(why)", why: "nothing of it was looked at", fix: "let it be read, or move it"
            )
        case .namespace(let kind):
            Words(
                message: "a \(kind) belongs to no namespace",
                why: "the API server drops the line without a word, and with it any mistake in it", fix: "leave it out")
        case .oldVersion(let kind):
            Words(
                message: "\(kind) is still of cilium.io/v2alpha1",
                why: "Cilium 1.19 serves it as deprecated, and a later one will refuse it", fix: "write cilium.io/v2")
        case .removedKind:
            Words(
                message: "Cilium 1.19 has no CiliumBGPPeeringPolicy", why: "the API server refuses the object",
                fix: "write a CiliumBGPClusterConfig, a CiliumBGPPeerConfig and a CiliumBGPAdvertisement")
        case .retired:
            Words(
                message: "ingress-nginx is retired", why: "nobody mends it any longer, security holes included",
                fix: "use Gateway API with Cilium, or another controller such as Traefik")
        case .kubeVip:
            Words(
                message: "kube-vip has no way to the API of its own",
                why: "it uses the service address then, which answers only where kube-proxy or Cilium runs already",
                fix: "mount /etc/rancher/k3s/k3s.yaml and set k8s_config_file, or set KUBERNETES_SERVICE_HOST to "
                    + "127.0.0.1 and KUBERNETES_SERVICE_PORT to 6443")
        }
    }
}
