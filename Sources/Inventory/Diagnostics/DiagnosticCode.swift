/// The stable name of every kind of diagnostic.
public enum DiagnosticCode: String, Sendable, Hashable, CaseIterable {
    // The text is not the YAML that an inventory may be.
    case notText = "yaml.not-text"
    case syntax = "yaml.syntax"
    case limit = "yaml.limit"
    case alias = "yaml.alias"
    case duplicateKey = "yaml.duplicate-key"
    case keyIsNoText = "yaml.key-not-text"
    case mergeKey = "yaml.merge-key"
    case unknownTag = "yaml.unknown-tag"
    case severalDocuments = "yaml.several-documents"
    // Keys and types.
    case unknownKey = "inventory.unknown-key"
    case missingKey = "inventory.missing-key"
    case missingAddress = "inventory.missing-address"
    case wrongType = "inventory.wrong-type"
    case notABoolean = "inventory.not-a-boolean"
    case octalNumber = "inventory.octal-number"
    case ambiguousText = "inventory.ambiguous-text"
    case chooseOne = "inventory.choose-one"
    case outOfRange = "inventory.out-of-range"
    case badChoice = "inventory.bad-choice"
    case unsupportedVersion = "inventory.unsupported-version"
    // Single values.
    case badAddress = "inventory.bad-address"
    case badCIDR = "inventory.bad-cidr"
    case hostBits = "inventory.cidr-host-bits"
    case badName = "inventory.bad-name"
    case badRange = "inventory.bad-range"
    case badVersion = "inventory.bad-version"
    case badCiliumVersion = "inventory.bad-cilium-version"
    case badDuration = "inventory.bad-duration"
    case badURL = "inventory.bad-url"
    case badLabel = "inventory.bad-label"
    case badTaint = "inventory.bad-taint"
    case badHostKey = "inventory.bad-host-key"
    case badChecksum = "inventory.bad-checksum"
    case badVariable = "inventory.bad-variable"
    case unsafeText = "inventory.unsafe-text"
    // Nodes.
    case noControlPlane = "inventory.no-control-plane"
    case noPrimary = "inventory.no-primary"
    case severalPrimaries = "inventory.several-primaries"
    case primaryWorker = "inventory.primary-worker"
    case duplicateNode = "inventory.duplicate-node"
    case duplicateAddress = "inventory.duplicate-address"
    case duplicateTarget = "inventory.duplicate-ssh-target"
    case unusableAddress = "inventory.unusable-address"
    case countsDiffer = "inventory.range-counts-differ"
    case tooManyNodes = "inventory.too-many-nodes"
    case unmanagedControlPlane = "inventory.unmanaged-control-plane"
    case ephemeralControlPlane = "inventory.ephemeral-control-plane"
    case dpuWithoutGuard = "inventory.dpu-without-guard"
    case hostFirewallOnDPU = "inventory.host-firewall-on-dpu"
    case dpuLinksExposed = "inventory.dpu-links-exposed"
    case evenControlPlane = "inventory.even-control-plane"
    case twoControlPlaneNodes = "inventory.two-control-plane-nodes"
    case reservedLabel = "inventory.reserved-label"
    case taintsBlockCilium = "inventory.taints-block-cilium"
    // Network and endpoint.
    case tooManyRanges = "inventory.too-many-ranges"
    case familiesDisagree = "inventory.families-disagree"
    case rangesOverlap = "inventory.ranges-overlap"
    case nodeInRange = "inventory.node-in-range"
    case podRangeTooLong = "inventory.pod-range-too-long"
    case podRangeForOneNode = "inventory.pod-range-for-one-node"
    case podRangeTooWide = "inventory.pod-range-too-wide"
    case podRangeTooSmall = "inventory.pod-range-too-small"
    case serviceRangeSize = "inventory.service-range-size"
    case dnsOutsideServices = "inventory.dns-outside-services"
    case vipIsNode = "inventory.vip-is-node"
    case vipFamily = "inventory.vip-family"
    case vipInRange = "inventory.vip-in-range"
    case vipOutsideSubnet = "inventory.vip-outside-subnet"
    case comesLater = "inventory.comes-later"
    // K3s.
    case tokenInClear = "inventory.token-in-clear"
    case versionTooOld = "inventory.version-too-old"
    case unknownComponent = "inventory.unknown-component"
    case ownedK3sKey = "inventory.owned-k3s-key"
    case unknownK3sKey = "inventory.unknown-k3s-key"
    case serverKeyOnAgent = "inventory.server-key-on-agent"
    case k3sValueType = "inventory.k3s-value-type"
    // Cilium.
    case unknownCiliumValue = "inventory.unknown-cilium-value"
    case ownedCiliumValue = "inventory.owned-cilium-value"
    case ciliumDevicesAuto = "inventory.cilium-devices-auto"
    case kubeProxyReplacementOff = "inventory.kube-proxy-replacement-off"
    case ciliumVersionUnknown = "inventory.cilium-version-unknown"
    case dsrOverVXLAN = "inventory.dsr-over-vxlan"
    case poolMaskTooFar = "inventory.pool-mask-too-far"

    /// Errors keep an inventory from being used; warnings do not.
    public var severity: Diagnostic.Severity {
        switch self {
        case .dpuWithoutGuard, .evenControlPlane, .twoControlPlaneNodes, .taintsBlockCilium, .podRangeForOneNode,
            .vipOutsideSubnet, .ciliumVersionUnknown:
            .warning
        default: .error
        }
    }
}
