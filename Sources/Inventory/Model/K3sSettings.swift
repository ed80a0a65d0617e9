import OrderedCollections
import YAML

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
    /// Nil: K3s makes one on the primary.
    public var token: SecretReference?
    public var artifacts: Artifacts
    /// Whether nodes hand artifacts on to each other, so that the controller sends each one once.
    public var relaysArtifacts: Bool
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
        version: K3sVersion, token: SecretReference? = nil, artifacts: Artifacts = .release,
        relaysArtifacts: Bool = false, airgapImages: Bool = true, checksums: [Architecture: String] = [:],
        config: OrderedDictionary<String, YAMLValue> = [:], agentConfig: OrderedDictionary<String, YAMLValue> = [:],
        labels: OrderedDictionary<String, String> = [:], taints: [Taint] = [],
        disable: [String] = K3sSettings.disabledByDefault, tlsSANs: [String] = []
    ) {
        self.version = version
        self.token = token
        self.artifacts = artifacts
        self.relaysArtifacts = relaysArtifacts
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
