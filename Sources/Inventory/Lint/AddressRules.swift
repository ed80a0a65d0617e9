import YAML

/// IPv4 addresses that are written as IPv6.
enum AddressRules {
    static let all: [ManifestRules.Rule] = [mapped]

    static func mapped(_ manifests: Manifests, _ findings: inout Findings) {
        let objects = manifests.objects(
            "CiliumLoadBalancerIPPool", "EndpointSlice", "CiliumBGPClusterConfig", "Service")
        for part in manifests.k3s.map(\.part) + manifests.ciliumValues + objects.map(\.part) {
            mapped(part, part.node, &findings)
        }
        for router in manifests.routers {
            for neighbor in router.neighbors where isMapped(neighbor.name) {
                findings.add(AddressLintProblem.mapped(neighbor.name), at: router.place(neighbor.mark))
            }
        }
    }

    static func mapped(_ part: ManifestPart, _ node: YAMLNode, _ findings: inout Findings) {
        for entry in node.entries ?? [] { mapped(part, entry.value, &findings) }
        for element in node.list ?? [] { mapped(part, element, &findings) }
        for text in (node.scalar?.text ?? "").split(whereSeparator: { $0 == "," || $0 == " " }) where isMapped(text) {
            findings.addOnce(AddressLintProblem.mapped(String(text)), at: part.place(node))
        }
    }

    private static func isMapped(_ text: some StringProtocol) -> Bool {
        let address = text.prefix { $0 != "/" }
        return address.contains(":") && IPAddress(String(address))?.family == .ipv4
    }
}

/// What `lint` finds in single addresses.
enum AddressLintProblem: InventoryProblem {
    case mapped(String)

    var code: DiagnosticCode { .mappedAddress }

    var words: Words {
        switch self {
        case .mapped(let text):
            Words(
                message: "'\(text)' is an IPv4 address in IPv6 spelling",
                why: "programs that look for a colon take it for IPv6, and a socket for IPv6 alone cannot bind it",
                fix: "write \(IPAddress(String(text.prefix { $0 != "/" }))?.description ?? "the IPv4 address")")
        }
    }
}
