import YAML

/// Configurations of K3s, alone, against each other, and against the address that clients use.
enum K3sRules {
    static let all: [ManifestRules.Rule] = [keys, nodeIP, families, podMasks, serversDiffer, tlsSANs]

    static func keys(_ manifests: Manifests, _ findings: inout Findings) {
        for config in manifests.k3s {
            for entry in config.part.node.entries ?? [] {
                let key = entry.key.hasSuffix("+") ? String(entry.key.dropLast()) : entry.key
                if let problem = problem(with: key, config.role) {
                    findings.add(problem, at: config.part.place(entry.mark))
                }
            }
        }
    }

    private static func problem(with key: String, _ role: K3sConfigFile.Role) -> K3sLintProblem? {
        let flag = K3sKeys.flags[key]
        if role == .agent {
            if flag?.isAgent == true { return nil }
            if flag != nil { return .serverKeyOnAgent(key) }
            return .unknownKey(key, role: "agent", nearest: Nearest.match(key, in: K3sKeys.agentNames))
        }
        if flag != nil { return nil }
        return .unknownKey(key, role: "server", nearest: Nearest.match(key, in: K3sKeys.serverNames))
    }

    /// What the kubelet takes: one address, one unspecified address, or a pair that says where it listens.
    static func nodeIP(_ manifests: Manifests, _ findings: inout Findings) {
        for config in manifests.k3s {
            let arguments = config.texts("kubelet-arg").filter { $0.text.hasPrefix("node-ip=") }
                .map { (String($0.text.dropFirst("node-ip=".count)), $0.mark) }
            let given = config.texts("node-ip") + arguments
            for (text, mark) in given {
                let place = config.part.place(mark)
                if ["ipv4", "ipv6"].contains(text.lowercased()) {
                    findings.add(K3sLintProblem.nodeIPKeyword(text), at: place)
                } else if given.count > 1, let address = IPAddress(text), address.isUnspecified || address.isLinkLocal {
                    findings.add(K3sLintProblem.nodeIPPair(text, isLinkLocal: address.isLinkLocal), at: place)
                }
            }
        }
    }

    static func families(_ manifests: Manifests, _ findings: inout Findings) {
        for config in manifests.k3s where config.role != .agent {
            let found = ["cluster-cidr", "service-cidr", "node-ip"].map { key in
                (key, config.texts(key).compactMap { IPAddress(String($0.text.prefix { $0 != "/" }))?.family })
            }.filter { !$0.1.isEmpty }
            guard let first = found.first else { continue }
            for (key, families) in found.dropFirst() where Set(families) != Set(first.1) {
                let problem = K3sLintProblem.families(key, families, first.0, first.1)
                findings.add(problem, at: config.part.place(config.texts(key)[0].mark))
            }
        }
    }

    /// What the controller manager hands out to nodes, whether Cilium uses it or not.
    static func podMasks(_ manifests: Manifests, _ findings: inout Findings) {
        for config in manifests.k3s where config.role != .agent {
            for (text, mark) in config.texts("cluster-cidr") {
                guard let range = CIDR(text) else { continue }
                let place = config.part.place(mark)
                let told = RangeSizeCheck.argument(range.family, config.entries(NodeMask.key).map(\.value))
                let node = told ?? NodeMask.standard(range.family)
                if range.prefixLength > node {
                    findings.add(NetworkProblem.podRangeTooLong(range, mask: node), at: place)
                } else if range.family == .ipv6, node - range.prefixLength > NodeMask.mostBits {
                    findings.add(NetworkProblem.podRangeTooWide(range, mask: node), at: place)
                } else if range.family == .ipv6, node == range.prefixLength {
                    findings.add(NetworkProblem.podRangeForOneNode(range), at: place)
                }
            }
        }
    }

    /// Compared when a server joins (K3s pkg/daemons/config), but for the last two, which nobody compares.
    private static let critical = [
        "cluster-cidr", "service-cidr", "cluster-dns", "cluster-domain", "flannel-backend", "flannel-ipv6-masq",
        "flannel-external-ip", "egress-selector-mode", "disable-network-policy", "disable-cloud-controller",
        "disable-helm-controller", "secrets-encryption", "secrets-encryption-provider", "embedded-registry",
        "supervisor-metrics", "disable-kube-proxy", "agent-token",
    ]

    static func serversDiffer(_ manifests: Manifests, _ findings: inout Findings) {
        let servers = manifests.k3s.filter { $0.role == .server }
        guard let first = servers.first else { return }
        for other in servers.dropFirst() {
            for key in critical where other.chosen(key) != first.chosen(key) {
                let mark = other.entries(key).first?.mark ?? other.part.node.mark
                let isCompared = !["disable-kube-proxy", "agent-token"].contains(key)
                let problem = K3sLintProblem.serversDiffer(key, first: first.part.file, isCompared: isCompared)
                findings.add(problem, at: other.part.place(mark))
            }
        }
    }

    /// The addresses and names under which a Service of port 6443, or kube-vip, offers the API.
    static func tlsSANs(_ manifests: Manifests, _ findings: inout Findings) {
        for config in manifests.k3s where config.role == .server {
            let names = config.texts("tls-san").map(\.text)
            let known = Set(names.map { IPAddress($0)?.description ?? $0 })
            for endpoint in manifests.endpoints where !known.contains(endpoint) {
                let mark = config.entries("tls-san").first?.mark ?? config.part.node.mark
                findings.add(K3sLintProblem.tlsSANMissing(endpoint), at: config.part.place(mark))
            }
        }
    }
}

extension K3sConfigFile {
    /// What is set; a switch that is off is as good as none.
    fileprivate func chosen(_ key: String) -> [String] { texts(key).map(\.text).filter { $0 != "false" } }
}

extension Manifests {
    fileprivate var endpoints: [String] {
        let services = loadBalancerServices.filter { service in
            (service.spec?["ports"]?.list ?? []).contains { $0["port"]?.number == 6443 }
        }
        let names = services.compactMap { $0.annotation("external-dns.alpha.kubernetes.io/hostname")?.scalar?.text }
        let addresses = services.flatMap { $0.pinnedAddresses.map(\.value.description) }
        let virtual = virtualAddresses.map(\.description)
        let listed = names.flatMap { $0.split(separator: ",").map { String($0.drop { $0 == " " }) } }
        return addresses + virtual + listed
    }
}

/// What `lint` finds in configurations of K3s.
enum K3sLintProblem: InventoryProblem {
    case serverKeyOnAgent(String)
    case unknownKey(String, role: String, nearest: String?)
    case nodeIPKeyword(String)
    case nodeIPPair(String, isLinkLocal: Bool)
    case families(String, [IPAddress.Family], String, [IPAddress.Family])
    case serversDiffer(String, first: String, isCompared: Bool)
    case tlsSANMissing(String)

    var code: DiagnosticCode {
        switch self {
        case .serverKeyOnAgent: .serverKeyOnAgent
        case .unknownKey: .unknownK3sKey
        case .nodeIPKeyword: .nodeIPKeyword
        case .nodeIPPair: .nodeIPPair
        case .families: .familiesDisagree
        case .serversDiffer: .serversDiffer
        case .tlsSANMissing: .tlsSANMissing
        }
    }

    var words: Words {
        switch self {
        case .serverKeyOnAgent(let key):
            Words(
                message: "'\(key)' is a key of servers only",
                why: "an agent does not start with a key that it does not know", fix: "leave it out on agents")
        case .unknownKey(let key, let role, let nearest):
            K3sProblem.unknownKey(key, role: role, nearest: nearest).words
        case .nodeIPKeyword(let text):
            Words(
                message: "'node-ip' is the keyword '\(text)'",
                why: "the keywords were planned for Kubernetes and never came: the kubelet takes addresses alone",
                fix: "write the node's address, or one of each family")
        case .nodeIPPair(let text, let isLinkLocal):
            Words(
                message: "\(text) in a pair of node addresses is \(isLinkLocal ? "link-local" : "unspecified")",
                why: "the kubelet takes such a pair for a mistake and does not start",
                fix: "write an address of the node that others reach")
        case .families(let key, let found, let first, let wanted):
            Words(
                message: "'\(key)' is \(found.text), but '\(first)' is \(wanted.text)",
                why: "K3s does not start unless pods, services and nodes have the same families",
                fix: "write \(wanted.text) here too")
        case .serversDiffer(let key, let first, let isCompared):
            Words(
                message: "'\(key)' is not what \(first) has",
                why: isCompared
                    ? "a server that joins with another value is refused: 'critical configuration value mismatch'"
                    : "K3s does not compare it, and the servers then contradict one another",
                fix: "write the same on every server")
        case .tlsSANMissing(let name):
            Words(
                message: "'tls-san' lacks \(name), under which the API is offered",
                why: "the certificate is not for it, and K3s keeps names out that it was not told",
                fix: "add it on every server and restart them one at a time")
        }
    }
}
