import OrderedCollections
import YAML

/// The group that a node stands in.
public enum NodeKind: String, Sendable, Hashable, CaseIterable {
    case dpu
    case server
    case worker

    /// Whether such a node runs `k3s server` with embedded etcd.
    public var isControlPlane: Bool { self != .worker }

    /// The key of the group in the inventory.
    public var group: String { rawValue + "s" }
}

/// What clusterctl may do to a node.
public enum Management: String, Sendable, Hashable, CaseIterable {
    /// It installs, configures and checks.
    case full
    /// It renders and checks, and never writes to the node.
    case verify
}

/// What the inventory says about a node's operating system; preflight asks the node itself.
public enum OperatingSystemHint: Sendable, Hashable {
    case ubuntu, debian, nixos
    case other(String)

    public init(_ text: String) {
        switch text {
        case "ubuntu": self = .ubuntu
        case "debian": self = .debian
        case "nixos": self = .nixos
        default: self = .other(text)
        }
    }
}

/// A node taint as `key=value:effect`.
public struct Taint: Sendable, Hashable, CustomStringConvertible {
    public enum Effect: String, Sendable, Hashable, CaseIterable {
        case noSchedule = "NoSchedule"
        case preferNoSchedule = "PreferNoSchedule"
        case noExecute = "NoExecute"
    }

    public var key: String
    public var value: String?
    public var effect: Effect

    public init(key: String, value: String? = nil, effect: Effect) {
        self.key = key
        self.value = value
        self.effect = effect
    }

    /// The form that K3s takes in `node-taint`.
    public var description: String { "\(key)\(value.map { "=" + $0 } ?? ""):\(effect.rawValue)" }
}

/// A machine of the cluster with every setting resolved: defaults, then its group's, then its own.
public struct Node: Host, Equatable {
    public var name: String
    public var kind: NodeKind
    public var isPrimary: Bool
    /// The node IP, and the address for SSH unless `ssh.host` says otherwise.
    public var address: IPAddress
    /// The node IP of the other family in a dual-stack cluster.
    public var secondAddress: IPAddress?
    public var ssh: SSHSettings
    public var management: Management
    public var os: OperatingSystemHint?
    /// What the node's binaries are made for; preflight compares it with the machine.
    public var architecture: Architecture
    /// Whether the node comes back without its disk: it is let in again with a new node password.
    public var ephemeral: Bool
    /// All labels of the node, those of `k3s.labels` included.
    public var labels: OrderedDictionary<String, String>
    /// All taints of the node, those of `k3s.taints` included.
    public var taints: [Taint]
    public var profile: Profile
    /// Further keys of the node's K3s configuration, those of `k3s.config` or `k3s.agentConfig` included.
    public var k3sConfig: OrderedDictionary<String, YAMLValue>
    /// The node's links as they should be; nil where nothing is done about them, none where what clusterctl has set goes.
    public var interfaces: [Interface]?
    /// The key that names the node; for a range, the key of the range.
    public var place: SourcePlace

    public init(
        name: String, kind: NodeKind, isPrimary: Bool = false, address: IPAddress, secondAddress: IPAddress? = nil,
        ssh: SSHSettings = SSHSettings(), management: Management = .full, os: OperatingSystemHint? = nil,
        architecture: Architecture? = nil, ephemeral: Bool = false, labels: OrderedDictionary<String, String> = [:],
        taints: [Taint] = [],
        profile: Profile? = nil, k3sConfig: OrderedDictionary<String, YAMLValue> = [:],
        interfaces: [Interface]? = nil, place: SourcePlace = SourcePlace(file: "-", line: 1, column: 1)
    ) {
        self.name = name
        self.kind = kind
        self.isPrimary = isPrimary
        self.address = address
        self.secondAddress = secondAddress
        self.ssh = ssh
        self.management = management
        self.os = os
        self.ephemeral = ephemeral
        self.labels = labels
        self.taints = taints
        let profile = profile ?? Profile(kind == .dpu ? .bluefield : .plain)
        self.profile = profile
        self.architecture = architecture ?? profile.name.architecture
        self.k3sConfig = k3sConfig
        self.interfaces = interfaces
        self.place = place
    }

    /// The node IPs in the order of the inventory: one, or one of each family.
    public var addresses: [IPAddress] { [address] + (secondAddress.map { [$0] } ?? []) }
    public var isControlPlane: Bool { kind.isControlPlane }
    /// Whether some phase arms a guard on it: always before its links are changed.
    public var hasArmedGuards: Bool { profile.guard != nil || interfaces != nil }
}
