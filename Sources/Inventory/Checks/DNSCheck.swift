import YAML

/// The cluster's domain can be its own, its names are nobody else's, and CoreDNS does not ask itself.
enum DNSCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        guard let settings = draft.dns, let domain = draft.root["dns"]?["domain"] else { return }
        let place = draft.place(domain.mark)
        if let problem = problem(settings.domain, draft) { findings.add(problem, at: place) }
        checkEndpoint(settings, draft, &findings)
        checkNodes(settings, draft, &findings)
        for apps in draft.dnsAddresses("apps") { check(apps: apps, draft, &findings) }
        for upstream in draft.dnsAddresses("upstreams") { check(upstream: upstream, draft, &findings) }
    }

    /// Domains of the first level that are nobody's to give out (RFC 6761, 6762, 7686; IANA special-use domain names).
    private static let reserved = ["local", "localhost", "invalid", "arpa", "onion"]
    /// What registries of countries sell names below.
    private static let registries = ["ac", "co", "com", "edu", "gov", "net", "org"]

    private static func problem(_ domain: String, _ draft: Draft) -> DNSProblem? {
        let labels = domain.split(separator: ".").map(String.init)
        guard labels.count > 1, let last = labels.last else { return .singleLabel(domain) }
        if reserved.contains(last) { return .reserved(domain, last) }
        if labels.count == 2, last.utf8.count == 2, registries.contains(labels[0]) { return .publicSuffix(domain) }
        let inner = draft.root["k3s"]?["config"]?["cluster-domain"]?.scalar?.text ?? "cluster.local"
        let overlaps = DNSSettings.isName(domain, in: inner) || DNSSettings.isName(inner, in: domain)
        return overlaps ? .clusterDomain(domain, inner: inner) : nil
    }

    private static func checkEndpoint(_ settings: DNSSettings, _ draft: Draft, _ findings: inout Findings) {
        guard case .dns(let name, _) = draft.endpoint, let mark = draft.endpointMark, settings.contains(name),
            !settings.apiNames.contains(name)
        else { return }
        findings.add(DNSProblem.endpointName(name, wanted: settings.apiNames[0]), at: draft.place(mark))
    }

    private static func checkNodes(_ settings: DNSSettings, _ draft: Draft, _ findings: inout Findings) {
        for node in draft.nodes where (DNSSettings.apiLabels + [DNSSettings.appsLabel]).contains(node.name) {
            findings.add(DNSProblem.nameTaken(node.name, settings.domain), at: draft.place(node.mark))
        }
    }

    private static func check(apps: Located<IPAddress>, _ draft: Draft, _ findings: inout Findings) {
        let place = draft.place(apps.mark)
        if let what = AddressCheck.unusable(apps.value) {
            return findings.add(DNSProblem.unusable(apps.value, key: "apps", what: what), at: place)
        }
        let ranges =
            draft.pods.map { ("network.pods", $0.value) } + draft.services.map { ("network.services", $0.value) }
        if let (what, range) = ranges.first(where: { $0.1.contains(apps.value) }) {
            return findings.add(DNSProblem.appsInRange(apps.value, what: what, range), at: place)
        }
        let isPool = draft.pools.contains { $0.blocks.contains { $0.value.contains(apps.value) } }
        let isNode = draft.nodes.contains { $0.addresses.contains { $0.value == apps.value } }
        if !isPool, !isNode, draft.endpoint?.host != apps.value.description {
            findings.add(DNSProblem.appsNowhere(apps.value), at: place)
        }
    }

    private static func check(upstream: Located<IPAddress>, _ draft: Draft, _ findings: inout Findings) {
        let place = draft.place(upstream.mark)
        let address = upstream.value
        if !address.isLoopback, let what = AddressCheck.unusable(address) {
            return findings.add(DNSProblem.unusable(address, key: "upstreams", what: what), at: place)
        }
        let server = draft.controlPlane.first { $0.addresses.contains { $0.value == address } }
        let who =
            server.map { "control plane node '\($0.name)'" }
            ?? (draft.endpoint?.host == address.description ? "the endpoint" : nil)
            ?? (draft.services.contains { $0.value.contains(address) } ? "a Service of the cluster" : nil)
            ?? (address.isLoopback ? "the node itself" : nil)
        if let who { findings.add(DNSProblem.upstreamLoop(address, who: who), at: place) }
    }
}
