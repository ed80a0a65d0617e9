/// The cluster's own names, for which every control plane node answers by CoreDNS.
public struct DNSSettings: Sendable, Hashable {
    /// At least two labels, such as `cluster.example.org`; everything below it is the cluster's.
    public var domain: String
    /// What every name below `apps.` stands for; none: there are no such names.
    public var apps: [IPAddress]
    /// Who is asked for all other names; empty: whom each node asks itself.
    public var upstreams: [IPAddress]
    /// A container image with CoreDNS.
    public var image: String

    /// What K3s 1.35.0 brings for the cluster's inner DNS, so that some air-gap images have it.
    public static let defaultImage = "docker.io/rancher/mirrored-coredns-coredns:1.13.1"

    /// Where CoreDNS tells the kubelet on the node itself how it is.
    public static let healthPort = Port.coreDNSHealth

    public init(
        domain: String, apps: [IPAddress] = [], upstreams: [IPAddress] = [], image: String = defaultImage
    ) {
        self.domain = domain
        self.apps = apps
        self.upstreams = upstreams
        self.image = image
    }

    /// The names of the API, for clients and for the nodes themselves; both mean the endpoint.
    public static let apiLabels = ["api", "api-int"]
    public static let appsLabel = "apps"

    public var apiNames: [String] { DNSSettings.apiLabels.map { "\($0).\(domain)" } }
    public var appsDomain: String { "\(DNSSettings.appsLabel).\(domain)" }

    func contains(_ name: String) -> Bool { DNSSettings.isName(name, in: domain) }

    static func isName(_ name: String, in domain: String) -> Bool { name == domain || name.hasSuffix("." + domain) }
}
