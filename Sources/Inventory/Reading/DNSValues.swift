import YAML

extension Draft {
    /// Nil where there is no `dns`, or its domain is missing or wrong.
    var dns: DNSSettings? {
        guard let node = root["dns"], let domain = node["domain"]?.text(.domain) else { return nil }
        return DNSSettings(
            domain: domain, apps: dnsAddresses("apps").map(\.value), upstreams: dnsAddresses("upstreams").map(\.value),
            image: node["image"]?.text(.image) ?? DNSSettings.defaultImage)
    }

    func dnsAddresses(_ key: String) -> [Located<IPAddress>] {
        root["dns"]?[key]?.oneOrMore.compactMap(\.address) ?? []
    }
}
