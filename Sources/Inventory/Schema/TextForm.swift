/// The forms that texts of an inventory have; `TextFormCheck` holds them.
enum TextForm: Sendable, Hashable, CaseIterable {
    case clusterName
    case nodeName
    /// Of a router or a pool; it becomes part of label values.
    case partName
    case nodeAddress
    case address
    case cidr
    /// An address with the length of its prefix; of a range of nodes with brackets.
    case interfaceAddress
    case addressBlock
    case community
    case k3sVersion
    case ciliumVersion
    /// A chart's name, or its address in a registry.
    case chart
    case chartVersion
    case url
    case path
    case user
    case host
    /// A name of lower-case labels.
    case domain
    /// As `host`, also with underscores as names in an ssh_config have, and link-local with `%zone`.
    case sshHost
    case jumpHost
    case hostKey
    case variable
    case argument
    case device
    case link
    case operatingSystem
    case component
    case labelKey
    case labelValue
    case taint
    case architecture
    case checksum
    case image
    case sentence

    /// What the text is, with its article.
    var wanted: String {
        switch self {
        case .clusterName: "a name"
        case .nodeName: "a node name"
        case .partName: "a name"
        case .nodeAddress, .address: "an IP address"
        case .cidr: "a network such as 10.142.0.0/16"
        case .interfaceAddress: "an address with its prefix length such as 10.42.67.11/24"
        case .addressBlock: "a network, or two addresses with '-' between them"
        case .community: "a community such as 64512:100"
        case .k3sVersion: "a K3s version such as v1.35.7+k3s1"
        case .ciliumVersion: "a Cilium version such as 1.19.4"
        case .chart: "a chart's name, or an address such as oci://quay.io/jetstack/charts/cert-manager"
        case .chartVersion: "a chart's version such as 39.0.7"
        case .url: "an http or https address"
        case .path: "a path"
        case .user: "a user name"
        case .domain: "a domain such as cluster.example.org"
        case .host, .sshHost: "a host name or an IP address"
        case .jumpHost: "[user@]host[:port], or none"
        case .hostKey: "a public host key such as 'ssh-ed25519 AAAA...', or its fingerprint 'SHA256:...'"
        case .variable: "the name of an environment variable"
        case .argument: "a text"
        case .device: "a link name, or its beginning and '+'"
        case .link: "a link name such as eth0"
        case .operatingSystem: "a text such as ubuntu, debian or nixos"
        case .component: "a component that K3s packages"
        case .labelKey: "a label key"
        case .labelValue: "a label value"
        case .taint: "a taint such as dedicated=storage:NoSchedule"
        case .architecture: "amd64 or arm64"
        case .checksum: "a SHA-256 of 64 hexadecimal digits"
        case .image: "a container image such as docker.io/coredns/coredns:1.13.1"
        case .sentence: "a text"
        }
    }

    /// A regular expression (ECMA 262) that every accepted text matches; nil where any text may stand.
    var pattern: String? {
        switch self {
        case .clusterName: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
        case .partName: "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
        case .nodeName: "^[a-z0-9\\[]([a-z0-9\\[\\], -]*[a-z0-9\\]])?$"
        case .nodeAddress: "^[0-9A-Fa-f.:\\[\\], -]+$"
        case .address: "^[0-9A-Fa-f.:]+$"
        case .cidr: "^[0-9A-Fa-f.:]+/[0-9]{1,3}$"
        case .interfaceAddress: "^[0-9A-Fa-f.:\\[\\], -]+/[0-9]{1,3}$"
        case .addressBlock: "^[0-9A-Fa-f.:]+(/[0-9]{1,3}|-[0-9A-Fa-f.:]+)$"
        case .community: "^[0-9]{1,5}:[0-9]{1,5}$"
        case .k3sVersion: "^v[0-9]+\\.[0-9]+\\.[0-9]+(-rc[0-9]+)?\\+k3s[0-9]+$"
        case .ciliumVersion: "^[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.]+)?$"
        case .chart: "^(oci://[A-Za-z0-9][A-Za-z0-9.:-]*(/[A-Za-z0-9_.-]+)+|[A-Za-z0-9][A-Za-z0-9_.-]*)$"
        case .chartVersion: "^v?[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?$"
        case .url: "^https?://"
        case .user: "^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
        case .host: "^[A-Za-z0-9:][A-Za-z0-9.:-]*$"
        case .domain: "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
        case .sshHost: "^[A-Za-z0-9_:][A-Za-z0-9_.:-]*(%[A-Za-z0-9_.-]+)?$"
        case .jumpHost: "^([A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_\\[][A-Za-z0-9_.:%\\]-]*$"
        case .hostKey: "^((ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?|SHA256:[A-Za-z0-9+/]{43}=?)$"
        case .variable: "^[A-Za-z_][A-Za-z0-9_]*$"
        case .device: "^[A-Za-z0-9_.@-]{1,15}\\+?$"
        case .link: "^[A-Za-z0-9_.@-]{1,15}$"
        case .checksum: "^[0-9a-f]{64}$"
        case .image: "^[A-Za-z0-9][A-Za-z0-9_./:@-]*$"
        case .path, .argument, .operatingSystem, .component, .labelKey, .labelValue, .taint, .architecture, .sentence:
            nil
        }
    }
}
