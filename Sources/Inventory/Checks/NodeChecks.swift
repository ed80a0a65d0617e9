import YAML

/// Control plane nodes are managed, keep their disks, and are odd in number.
enum ControlPlaneCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        for node in draft.distinctNodes where node.kind.isControlPlane {
            if node.settings.management == .verify {
                let problem = NodeProblem.unmanagedControlPlane(node.name, isPrimary: node.primary != nil)
                findings.addOnce(problem, at: draft.place(node.mark(of: "manage")))
            }
            if node.settings.ephemeral == true {
                findings.addOnce(
                    NodeProblem.ephemeralControlPlane(node.name), at: draft.place(node.mark(of: "ephemeral")))
            }
        }
        let count = draft.controlPlaneCount
        guard count > 0, count % 2 == 0, let last = draft.controlPlane.last else { return }
        let problem = count == 2 ? NodeProblem.twoControlPlaneNodes : .evenControlPlane(count)
        findings.add(problem, at: draft.place(last.mark))
    }
}

/// What could cut the way to a BlueField is off.
enum DPUCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        let dpus = draft.distinctNodes.filter { $0.profile.name == .bluefield }
        for node in dpus {
            if node.profile.guard == nil {
                findings.addOnce(NodeProblem.dpuWithoutGuard(node.name), at: draft.place(node.mark(of: "guard")))
            }
            if node.profile.ciliumHostFirewall {
                let place = draft.place(node.mark(of: "hostFirewall"))
                findings.addOnce(NodeProblem.hostFirewallOnDPU(node.name), at: place)
            }
            let missing = Profile(.bluefield).excludedDevices.filter { !node.profile.excludedDevices.contains($0) }
            if !missing.isEmpty {
                let problem = NodeProblem.dpuLinksExposed(node.name, missing: missing)
                findings.addOnce(problem, at: draft.place(node.mark(of: "excludedDevices")))
            }
        }
        let enabled = draft.ciliumValues?["hostFirewall"]?["enabled"]
        if !dpus.isEmpty, let enabled, enabled.scalar?.text.lowercased() == "true" {
            findings.add(NodeProblem.hostFirewallOnDPU(nil), at: draft.place(enabled.mark))
        }
    }
}

/// Cilium's operator finds a node to run on.
enum TaintCheck {
    /// What the operator tolerates by default (Cilium install/kubernetes/cilium/values.yaml).
    private static let tolerated: Set = [
        "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master", "node.kubernetes.io/not-ready",
        "node.cloudprovider.kubernetes.io/uninitialized", "node.cilium.io/agent-not-ready",
    ]

    static func run(_ draft: Draft, _ findings: inout Findings) {
        guard draft.ciliumValues?["operator"]?["tolerations"] == nil, !draft.nodes.isEmpty else { return }
        var first: (taint: Taint, mark: Mark)?
        for node in draft.distinctNodes {
            let blocking = (node.settings.taints ?? []).first {
                $0.effect != .preferNoSchedule && !tolerated.contains($0.key)
            }
            guard let blocking else { return }
            if first == nil { first = (blocking, node.mark(of: "taints")) }
        }
        if let first {
            findings.add(NodeProblem.taintsBlockCilium(first.taint.description), at: draft.place(first.mark))
        }
    }
}

/// The release has everything that clusterctl relies on.
enum K3sVersionCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        guard let version = draft.k3sVersion, version.value < K3sVersion.oldest else { return }
        findings.add(K3sProblem.versionTooOld(version.value), at: draft.place(version.mark))
    }
}

/// Cilium's values fit its version, and one another.
enum CiliumCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        if let version = draft.ciliumVersion, minor(version.value) != minor(CiliumValuePaths.chartVersion) {
            findings.add(CiliumProblem.versionUnknown(version.value), at: draft.place(version.mark))
        }
        guard let values = draft.ciliumValues else { return }
        for range in draft.pods.map(\.value) {
            guard let node = poolMask(values, range.family), let mask = node.number else { continue }
            let difference = mask - range.prefixLength
            if difference < 0 || range.family == .ipv6 && difference > 16 {
                findings.add(CiliumProblem.poolMaskTooFar(range: range, mask: mask), at: draft.place(node.mark))
            }
        }
    }

    /// The mask of a node's part of the pods, if the values set it.
    static func poolMask(_ values: YAMLNode?, _ family: IPAddress.Family) -> YAMLNode? {
        values?["ipam"]?["operator"]?[family == .ipv4 ? "clusterPoolIPv4MaskSize" : "clusterPoolIPv6MaskSize"]
    }

    private static func minor(_ version: String) -> [Substring] { Array(version.split(separator: ".").prefix(2)) }
}
