import OrderedCollections
import YAML

/// A value with the place where it stands.
struct Located<Value: Sendable>: Sendable {
    var value: Value
    var mark: Mark
}

/// What could be taken up from a document; every part may be missing, for a reason that was reported.
struct Draft: Sendable {
    var file: String
    var root: YAMLNode
    var name: String?
    var k3sVersion: Located<K3sVersion>?
    var pods: [Located<CIDR>] = []
    var services: [Located<CIDR>] = []
    var clusterDNS: [Located<IPAddress>] = []
    var ciliumVersion: Located<String>?
    var endpoint: Endpoint?
    /// Where the endpoint's address or name stands.
    var endpointMark: Mark?
    /// Control plane nodes stand first.
    var nodes: [DraftNode] = []
    var routers: [DraftRouter] = []
    var pools: [DraftPool] = []

    var controlPlane: ArraySlice<DraftNode> { nodes.prefix { $0.kind.isControlPlane } }
    var controlPlaneCount: Int { controlPlane.count }
    /// The first node of each key: what holds for it holds for the others of the same range.
    var distinctNodes: [DraftNode] {
        var last: Mark?
        return nodes.filter { node in
            defer { last = node.mark }
            return node.mark != last
        }
    }
    /// The families of the pods, which everything else has to have too.
    var families: [IPAddress.Family] { pods.map(\.value.family) }
    /// The nodes that speak BGP if the inventory has `bgp`.
    var bgpNodes: [DraftNode] {
        let labels = root["bgp"]?["nodes"]?.labels ?? [:]
        return nodes.filter { node in labels.allSatisfy { node.settings.labels[$0.key] == $0.value } }
    }
    var ciliumValues: YAMLNode? { root["cilium"]?["values"] }

    func place(_ mark: Mark) -> SourcePlace { SourcePlace(file: file, mark: mark) }
}

/// One node of a draft.
struct DraftNode: Sendable {
    var name: String
    var kind: NodeKind
    /// The key that names the node or its range.
    var mark: Mark
    /// None if missing or wrong; two for dual stack.
    var addresses: [Located<IPAddress>]
    /// Set if the node says that it is the primary.
    var primary: Mark?
    var settings: NodeSettings
    var profile: Profile
    /// Its place in its range; 0 for a node without one.
    var index = 0

    /// Where a setting stands: at the node, in the defaults of its group or of all, else the node's key.
    func mark(of key: String) -> Mark { settings.marks[key] ?? mark }

    var interfaces: [Interface] {
        (settings.interfaces ?? [:]).map { $0.value.interface($0.key, at: index) }
    }
}

/// One router of a draft.
struct DraftRouter: Sendable {
    var name: String
    var mark: Mark
    /// Nil if missing or wrong.
    var platform: Router.Platform?
    var addresses: [Located<IPAddress>]
    var asn: Located<UInt32>?
    var ssh: SSHSettings
    var management: Router.Management
    var guardWindow: Duration?
}

/// One pool of a draft.
struct DraftPool: Sendable {
    var name: String
    var mark: Mark
    var blocks: [Located<AddressBlock>]
}

/// Settings that a node, its group or all nodes may have; nil where nothing is said.
struct NodeSettings: Sendable {
    enum GuardChoice: Sendable, Hashable {
        case off, on
    }

    var ssh = SSHSettings()
    var management: Management?
    var os: OperatingSystemHint?
    var architecture: Architecture?
    var ephemeral: Bool?
    var labels: OrderedDictionary<String, String> = [:]
    var taints: [Taint]?
    var k3s: OrderedDictionary<String, YAMLValue> = [:]
    var profile: ProfileName?
    var guardChoice: GuardChoice?
    var guardWindow: Duration?
    var guardReboot: Bool?
    var excludedDevices: [String]?
    var hostFirewall: Bool?
    var deadlineFactor: Double?
    var outOfBand: OutOfBand?
    var interfaces: OrderedDictionary<String, DraftInterface>?
    /// Where each key that holds stands.
    var marks: [String: Mark] = [:]

    /// These settings where they say something, else those of `base`.
    func over(_ base: NodeSettings) -> NodeSettings {
        var result = base
        result.ssh = ssh.over(base.ssh)
        result.management = management ?? base.management
        result.os = os ?? base.os
        result.architecture = architecture ?? base.architecture
        result.ephemeral = ephemeral ?? base.ephemeral
        result.labels.merge(labels) { $1 }
        result.taints = taints ?? base.taints
        result.k3s.merge(k3s) { $1 }
        result.profile = profile ?? base.profile
        result.guardChoice = guardChoice ?? base.guardChoice
        result.guardWindow = guardWindow ?? base.guardWindow
        result.guardReboot = guardReboot ?? base.guardReboot
        result.excludedDevices = excludedDevices ?? base.excludedDevices
        result.hostFirewall = hostFirewall ?? base.hostFirewall
        result.deadlineFactor = deadlineFactor ?? base.deadlineFactor
        result.outOfBand = outOfBand ?? base.outOfBand
        if let interfaces {
            result.interfaces = (base.interfaces ?? [:]).merging(interfaces) { $1.over($0) }
        }
        result.marks.merge(marks) { $1 }
        return result
    }

    /// The profile of a node of this kind with these settings over its defaults.
    func resolvedProfile(_ kind: NodeKind) -> Profile {
        var result = Profile(profile ?? (kind == .dpu ? .bluefield : .plain))
        if guardChoice == .off {
            result.guard = nil
        } else if guardChoice == .on || result.guard != nil {
            let standard = GuardSettings()
            result.guard = GuardSettings(
                window: guardWindow ?? standard.window, rebootAllowed: guardReboot ?? standard.rebootAllowed)
        }
        if let guardWindow { result.linkGuardWindow = guardWindow }
        result.excludedDevices = excludedDevices ?? result.excludedDevices
        result.ciliumHostFirewall = hostFirewall ?? result.ciliumHostFirewall
        result.deadlineFactor = deadlineFactor ?? result.deadlineFactor
        result.outOfBand = outOfBand ?? result.outOfBand
        return result
    }
}
