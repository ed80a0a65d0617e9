import YAML

/// Envoy configurations that somebody wrote by hand, and the Services that they stand before.
enum EnvoyRules {
    static let all: [ManifestRules.Rule] = [localPolicy, durations, sourceAddress, switchedOff]

    static func localPolicy(_ manifests: Manifests, _ findings: inout Findings) {
        let backed = manifests.envoyConfigs.flatMap { config in
            (config.spec?["services"]?.list ?? []).map { service in
                let own = config.kind == "CiliumEnvoyConfig" ? config.namespace : "default"
                return "\(service["namespace"]?.scalar?.text ?? own)/\(service["name"]?.scalar?.text ?? "")"
            }
        }
        for service in manifests.objects("Service") where backed.contains("\(service.namespace)/\(service.name)") {
            guard let policy = service.spec?["externalTrafficPolicy"], policy.scalar?.text == "Local" else { continue }
            findings.add(EnvoyProblem.localPolicy(service.name), at: service.part.place(policy))
        }
    }

    static func durations(_ manifests: Manifests, _ findings: inout Findings) {
        for config in manifests.envoyConfigs {
            durations(in: config.spec?["resources"], key: "", config, &findings)
        }
    }

    /// The keys of Envoy's that hold a duration say so by their names.
    private static func durations(
        in node: YAMLNode?, key: String, _ config: KubernetesObject, _ findings: inout Findings
    ) {
        for entry in node?.entries ?? [] { durations(in: entry.value, key: entry.key, config, &findings) }
        for element in node?.list ?? [] { durations(in: element, key: key, config, &findings) }
        let words = ["timeout", "interval", "time", "jitter", "delay", "duration", "period"]
        guard let node, let text = node.scalar?.text, words.contains(where: key.lowercased().contains) else { return }
        let digits = text.prefix { "0123456789.".contains($0) }
        guard !digits.isEmpty, ["ms", "us", "ns", "m", "h"].contains(text[digits.endIndex...]) else { return }
        let seconds = text.hasSuffix("ms") ? Double(digits).map { "\($0 / 1000)s" } : nil
        findings.add(EnvoyProblem.duration(key: key, text, seconds: seconds), at: config.part.place(node))
    }

    static func sourceAddress(_ manifests: Manifests, _ findings: inout Findings) {
        let key = "cec.cilium.io/use-original-source-address"
        for config in manifests.envoyConfigs where config.metadata?["ownerReferences"] == nil {
            // The label was there first and is deprecated.
            let value = config.annotation(key) ?? config.metadata?["labels"]?["cilium.io/use-original-source-address"]
            if value?.scalar?.text != "false" {
                findings.add(EnvoyProblem.sourceAddress, at: value.map(config.part.place) ?? config.place)
            }
        }
    }

    static func switchedOff(_ manifests: Manifests, _ findings: inout Findings) {
        guard let config = manifests.envoyConfigs.first, let values = manifests.ciliumValues.first else { return }
        let features = ["envoyConfig", "ingressController", "gatewayAPI"]
        let isOn = manifests.ciliumValues.contains { part in
            features.contains { part.node[$0]?["enabled"]?.boolean == true }
        }
        guard !isOn else { return }
        let place = values.place(values.node["envoyConfig"])
        findings.add(EnvoyProblem.switchedOff(config.name), at: place)
    }
}

extension Manifests {
    fileprivate var envoyConfigs: [KubernetesObject] { objects("CiliumClusterwideEnvoyConfig", "CiliumEnvoyConfig") }
}

/// What `lint` finds in Envoy configurations of Cilium.
enum EnvoyProblem: InventoryProblem {
    case localPolicy(String)
    case duration(key: String, String, seconds: String?)
    case sourceAddress
    case switchedOff(String)

    var code: DiagnosticCode {
        switch self {
        case .localPolicy: .localPolicyBehindEnvoy
        case .duration: .envoyDuration
        case .sourceAddress: .originalSourceAddress
        case .switchedOff: .envoyConfigOff
        }
    }

    var words: Words {
        switch self {
        case .localPolicy(let service):
            Words(
                message: "Service '\(service)' is served by Envoy and has 'externalTrafficPolicy: Local'",
                why: "Cilium tells each node's Envoy of that node's own endpoints only: elsewhere it has none",
                fix: "write 'externalTrafficPolicy: Cluster'")
        case .duration(let key, let text, let seconds):
            Words(
                message: "'\(key)' is '\(text)'",
                why:
                    "durations are seconds in Cilium's Envoy resources: this resource alone is left out, the others hold",
                fix: "write \(seconds.map { "'\($0)'" } ?? "seconds, such as '0.1s'")")
        case .sourceAddress:
            Words(
                message: "the annotation cec.cilium.io/use-original-source-address is not \"false\"",
                why: "Envoy connects from the client's own address and port, and streams of one client collide",
                fix: "add the annotation with the text \"false\"")
        case .switchedOff(let name):
            Words(
                message: "'envoyConfig.enabled' is off, and '\(name)' needs it",
                why: "no agent takes up Envoy configurations", fix: "set 'envoyConfig.enabled: true'")
        }
    }
}
