import OrderedCollections
import YAML

/// Where the cluster token comes from; the token itself never stands in an inventory.
public enum TokenReference: Sendable, Hashable {
    /// K3s makes one on the primary.
    case generated
    case environment(String)
    /// A path resolved against the folder of the inventory.
    case file(String)
    /// A program and its arguments, run without a shell; the token is its first line of output.
    case command([String])
}

/// Where the K3s binary and the air-gap images come from.
public enum Artifacts: Sendable, Hashable {
    /// The release on GitHub, fetched by the controller.
    case release
    /// Another base address that holds the same files under the release tag, fetched by the controller.
    case url(base: String)
    /// A folder on the controller, resolved against the folder of the inventory.
    case directory(path: String)
    /// A base address that the nodes fetch from by themselves.
    case mirror(base: String)
}

/// The processor architectures that K3s and Cilium are both published for.
public enum Architecture: String, Sendable, Hashable, CaseIterable {
    case amd64
    case arm64
}

/// What the K3s of the whole cluster is set to.
public struct K3sSettings: Sendable, Equatable {
    public var version: K3sVersion
    public var token: TokenReference
    public var artifacts: Artifacts
    public var airgapImages: Bool
    /// SHA-256 of the binary in lower-case hexadecimal; architectures left out are checked against the release's list.
    public var checksums: [Architecture: String]
    /// Further keys for every server; already part of each node's `k3sConfig`.
    public var config: OrderedDictionary<String, YAMLValue>
    /// Further keys for every agent; already part of each node's `k3sConfig`.
    public var agentConfig: OrderedDictionary<String, YAMLValue>
    /// Labels of every node; already part of each node's `labels`.
    public var labels: OrderedDictionary<String, String>
    /// Taints of every node; already part of each node's `taints`.
    public var taints: [Taint]
    /// Packaged components that K3s does not deploy.
    public var disable: [String]
    /// Further names and addresses for the API's certificate.
    public var tlsSANs: [String]

    public init(
        version: K3sVersion, token: TokenReference = .generated, artifacts: Artifacts = .release,
        airgapImages: Bool = true, checksums: [Architecture: String] = [:],
        config: OrderedDictionary<String, YAMLValue> = [:], agentConfig: OrderedDictionary<String, YAMLValue> = [:],
        labels: OrderedDictionary<String, String> = [:], taints: [Taint] = [],
        disable: [String] = K3sSettings.disabledByDefault, tlsSANs: [String] = []
    ) {
        self.version = version
        self.token = token
        self.artifacts = artifacts
        self.airgapImages = airgapImages
        self.checksums = checksums
        self.config = config
        self.agentConfig = agentConfig
        self.labels = labels
        self.taints = taints
        self.disable = disable
        self.tlsSANs = tlsSANs
    }

    /// An ingress controller and a load balancer of K3s' own would compete with Cilium's.
    public static let disabledByDefault = ["traefik", "servicelb"]
}
