import YAML

/// The address ranges of the cluster, and how its packets travel.
public struct NetworkSettings: Sendable, Hashable {
    /// One range, or one of each family.
    public var pods: [CIDR]
    /// One range, or one of each family, in the order of `pods`.
    public var services: [CIDR]
    /// One address in each service range.
    public var clusterDNS: [IPAddress]
    public var apiPort: Port
    public var datapath: DatapathSettings

    /// - Parameter clusterDNS: nil for the tenth address of each service range, which is also K3s' choice.
    public init(
        pods: [CIDR], services: [CIDR], clusterDNS: [IPAddress]? = nil, apiPort: Port = .api,
        datapath: DatapathSettings = DatapathSettings()
    ) {
        self.pods = pods
        self.services = services
        self.clusterDNS = clusterDNS ?? services.compactMap { $0.address(at: 10) }
        self.apiPort = apiPort
        self.datapath = datapath
    }
}

/// What Cilium of the whole cluster is set to.
public struct CiliumSettings: Sendable, Hashable {
    public enum Chart: Sendable, Hashable {
        case repository(url: String)
        /// A chart archive on the controller, resolved against the folder of the inventory.
        case archive(path: String)
    }

    /// Where Cilium finds the API.
    public enum APIServer: String, Sendable, Hashable, CaseIterable {
        /// 127.0.0.1:6444, which K3s serves on every node.
        case local
        case primary
        case endpoint
    }

    /// Without a leading `v`, such as `1.19.4`.
    public var version: String
    /// The version that this cluster's Cilium was first installed as, whose behaviour the chart keeps where a later one would
    /// begin otherwise (Cilium install/kubernetes/cilium/values.yaml); nil: it is `version`.
    public var upgradeCompatibility: String?
    public var chart: Chart
    public var apiServer: APIServer
    /// Chart values that are merged over those which clusterctl works out.
    public var values: YAMLMap

    public static let defaultRepository = "https://helm.cilium.io/"

    public init(
        version: String, chart: Chart = .repository(url: defaultRepository), apiServer: APIServer = .local,
        values: YAMLMap = [:]
    ) {
        self.version = version
        self.chart = chart
        self.apiServer = apiServer
        self.values = values
    }
}

/// The address at which clients find the API.
public enum Endpoint: Sendable, Hashable {
    /// An address that kube-vip moves between the control plane nodes; nil leaves the choice of the link to kube-vip.
    case kubeVip(address: IPAddress, interface: String?)
    /// An address that keepalived moves between the control plane nodes, and where HAProxy passes connections to `port` on
    /// to healthy API servers.
    case keepalived(address: IPAddress, port: Port, virtualRouterID: Int)
    /// An address that every node announces by BGP, and where Cilium's Envoy passes connections on to healthy API servers.
    case ciliumBgp(address: IPAddress)
    /// A name that others point at the control plane nodes.
    case dns(name: String, port: Port)

    /// What clients put into the host part of a URL, without brackets.
    public var host: String {
        switch self {
        case .kubeVip(let address, _), .keepalived(let address, _, _), .ciliumBgp(let address): address.description
        case .dns(let name, _): name
        }
    }

    /// The address where one control plane node at a time has it on a link.
    public var movedAddress: IPAddress? {
        switch self {
        case .kubeVip(let address, _), .keepalived(let address, _, _): address
        case .ciliumBgp, .dns: nil
        }
    }

    /// The port behind it, where the API of every control plane node is at `apiPort`.
    public func port(_ apiPort: Port) -> Port {
        switch self {
        case .kubeVip, .ciliumBgp: apiPort
        case .keepalived(_, let port, _), .dns(_, let port): port
        }
    }

    /// VRRP's number of a group of nodes where the inventory gives none: two addresses of one subnet hardly ever share it.
    static func virtualRouterID(of address: IPAddress) -> Int {
        let last = Int(address.bits & 0xff)
        return last == 0 ? 255 : last
    }
}
