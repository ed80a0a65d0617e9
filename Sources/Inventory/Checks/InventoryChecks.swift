import YAML

/// Everything that is checked once all parts of an inventory are known, in no particular order.
enum InventoryChecks {
    typealias Check = @Sendable (Draft, inout Findings) -> Void

    static let all: [Check] = [
        PrimaryCheck.run, UniquenessCheck.run, AddressCheck.run, OutOfBandCheck.run, ControlPlaneCheck.run,
        DPUCheck.run, InterfaceCheck.run, TaintCheck.run, RangeCheck.run, RangeSizeCheck.run, DatapathCheck.run,
        EndpointCheck.run, RouterCheck.run, BGPCheck.run, PoolCheck.run, DNSCheck.run, K3sVersionCheck.run,
        CiliumCheck.run, AddonCheck.run,
    ]

    static func run(_ draft: Draft, _ findings: inout Findings) {
        for check in all { check(draft, &findings) }
    }
}

/// Exactly one control plane node starts the cluster; an only one need not say so.
enum PrimaryCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        for worker in draft.distinctNodes where !worker.kind.isControlPlane {
            if let mark = worker.primary { findings.add(NodeProblem.primaryWorker(worker.name), at: draft.place(mark)) }
        }
        let entries = NodeKind.allCases.filter(\.isControlPlane).flatMap { draft.root[$0.group]?.entries ?? [] }
        let isReadable = NodeKind.allCases.allSatisfy {
            draft.root[$0.group].map { $0.isNull || $0.entries != nil } ?? true
        }
        guard isReadable else { return }
        if entries.isEmpty {
            let mark = draft.root["dpus"]?.mark ?? draft.root["servers"]?.mark ?? draft.root.mark
            return findings.add(NodeProblem.noControlPlane, at: draft.place(mark))
        }
        let primaries = draft.controlPlane.filter { $0.primary != nil }
        for (other, mark) in primaries.dropFirst().compactMap({ node in node.primary.map { (node, $0) } }) {
            let first = primaries[0]
            let place = draft.place(first.primary ?? first.mark)
            let problem = NodeProblem.severalPrimaries(other.name, first: first.name, place: place)
            findings.add(problem, at: draft.place(mark))
            if other.mark == first.mark { return }
        }
        let isUnreadable = entries.contains { $0.value["primary"].map { $0.boolean == nil } ?? false }
        if primaries.isEmpty, draft.controlPlaneCount > 1, !isUnreadable {
            let mark = entries[0].mark
            findings.add(NodeProblem.noPrimary(candidates: draft.controlPlane.map(\.name)), at: draft.place(mark))
        }
    }
}

/// No two nodes share a name, an address, or what SSH connects to.
enum UniquenessCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        var names: [String: Mark] = [:]
        var addresses: [IPAddress: String] = [:]
        var targets: [String: String] = [:]
        var reported: Set<Mark> = []
        for node in draft.nodes {
            if let first = names[node.name] {
                findings.add(
                    NodeProblem.duplicateNode(node.name, first: draft.place(first)), at: draft.place(node.mark))
                continue
            }
            names[node.name] = node.mark
            var isDuplicate = false
            for address in node.addresses {
                guard let other = addresses.updateValue(node.name, forKey: address.value) else { continue }
                isDuplicate = true
                if reported.insert(address.mark).inserted {
                    let problem = NodeProblem.duplicateAddress(address.value, node: node.name, other: other)
                    findings.add(problem, at: draft.place(address.mark))
                }
            }
            guard !isDuplicate, let host = node.settings.ssh.host ?? node.addresses.first?.value.description else {
                continue
            }
            let target = "\(host) port \((node.settings.ssh.port ?? .ssh).number)"
            guard let other = targets.updateValue(node.name, forKey: target) else { continue }
            let mark = node.mark(of: "ssh")
            if reported.insert(mark).inserted {
                let problem = NodeProblem.duplicateTarget(target, node: node.name, other: other)
                findings.add(problem, at: draft.place(mark))
            }
        }
    }
}

/// Node addresses can be reached by other nodes, and are of the families of the pods.
enum AddressCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        var reported: Set<Mark> = []
        for node in draft.nodes {
            for address in node.addresses {
                guard let what = unusable(address.value), reported.insert(address.mark).inserted else { continue }
                let problem = NodeProblem.unusableAddress(address.value, node: node.name, what: what)
                findings.add(problem, at: draft.place(address.mark))
            }
        }
        guard !draft.families.isEmpty, Set(draft.families).count == draft.families.count else { return }
        for node in draft.distinctNodes {
            guard let first = node.addresses.first else { continue }
            let families = node.addresses.map(\.value.family)
            if families != draft.families {
                let problem = NetworkProblem.nodeFamilies(node: node.name, found: families, wanted: draft.families)
                findings.add(problem, at: draft.place(first.mark))
            }
        }
    }

    /// What makes an address useless for others, or nil.
    static func unusable(_ address: IPAddress) -> String? {
        if address.isLoopback { return "a loopback address" }
        if address.isUnspecified { return "no address of a machine" }
        if address.isMulticast { return "a multicast address" }
        if address.isLinkLocal { return "a link-local address" }
        return address.isLimitedBroadcast ? "the broadcast address" : nil
    }
}
