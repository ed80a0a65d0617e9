import YAML

/// Takes up what a checked document says; the places of nodes and ranges are reported here, as only here names and
/// addresses are written out.
enum DraftReader {
    static func read(_ root: YAMLNode, _ findings: inout Findings) -> Draft {
        var draft = Draft(file: findings.file, root: root)
        draft.name = root["name"]?.text(.clusterName)
        if let node = root["k3s"]?["version"], let version = node.scalar.flatMap({ K3sVersion($0.text) }) {
            draft.k3sVersion = Located(value: version, mark: node.mark)
        }
        if let node = root["cilium"]?["version"], let version = node.text(.ciliumVersion) {
            draft.ciliumVersion = Located(value: version, mark: node.mark)
        }
        let network = root["network"]
        draft.pods = network?["pods"]?.oneOrMore.compactMap(\.network) ?? []
        draft.services = network?["services"]?.oneOrMore.compactMap(\.network) ?? []
        draft.clusterDNS = network?["clusterDNS"]?.oneOrMore.compactMap(\.address) ?? []
        readEndpoint(&draft, &findings)
        readNodes(&draft, &findings)
        let ssh = root["ssh"].map(SSHSettings.init) ?? SSHSettings()
        draft.routers = (root["routers"]?.entries ?? []).map { entry in
            DraftRouter(entry, ssh: ssh, guardWindow: root["guard"]?["window"]?.duration)
        }
        draft.pools = (root["loadBalancerPools"]?.entries ?? []).map(DraftPool.init)
        return draft
    }

    private static func readEndpoint(_ draft: inout Draft, _ findings: inout Findings) {
        guard let entries = draft.root["endpoint"]?.entries, let entry = entries.first else { return }
        switch entry.key {
        case "kubeVip":
            guard let address = (entry.value["address"] ?? entry.value).address else { return }
            draft.endpoint = .kubeVip(address: address.value, interface: entry.value["interface"]?.text(.link))
            draft.endpointMark = address.mark
        case "keepalived":
            guard let address = (entry.value["address"] ?? entry.value).address else { return }
            let port = entry.value["port"]?.number.flatMap(Port.init) ?? .haproxy
            let id = entry.value["virtualRouterID"]?.number ?? Endpoint.virtualRouterID(of: address.value)
            draft.endpoint = .keepalived(address: address.value, port: port, virtualRouterID: id)
            draft.endpointMark = address.mark
        case "dns":
            let name = entry.value["name"] ?? entry.value
            guard let text = name.text(.host) else { return }
            let apiPort = draft.root["network"]?["apiPort"]?.number.flatMap(Port.init) ?? .api
            let port = entry.value["port"]?.number.flatMap(Port.init) ?? apiPort
            draft.endpoint = .dns(name: text, port: port)
            draft.endpointMark = name.mark
        case "ciliumBgp":
            guard let address = entry.value.address else { return }
            draft.endpoint = .ciliumBgp(address: address.value)
            draft.endpointMark = address.mark
        default: break
        }
    }

    private static func readNodes(_ draft: inout Draft, _ findings: inout Findings) {
        var base = NodeSettings()
        base.ssh = draft.root["ssh"].map(SSHSettings.init) ?? SSHSettings()
        base.takeGuardSettings(draft.root["guard"])
        base.labels = draft.root["k3s"]?["labels"]?.labels ?? [:]
        base.taints = draft.root["k3s"]?["taints"]?.taints
        base.marks["taints"] = draft.root["k3s"]?["taints"]?.mark
        let defaults = draft.root["defaults"]
        if let all = defaults?["all"] { base = NodeSettings(all).over(base) }
        for kind in NodeKind.allCases {
            var group = base
            // What all nodes say wins over what all nodes of a role say, as it is the more deliberate place.
            let config = draft.root["k3s"]?[kind.isControlPlane ? "config" : "agentConfig"]?.freeForm ?? [:]
            group.k3s = config.merging(base.k3s) { $1 }
            if let own = defaults?[kind.group] { group = NodeSettings(own).over(group) }
            for entry in draft.root[kind.group]?.entries ?? [] {
                append(entry, kind, group, to: &draft, &findings)
                if draft.nodes.count > RangePattern.limit {
                    let problem = NodeProblem.tooManyNodes(RangePattern.limit)
                    return findings.add(problem, at: SourcePlace(file: findings.file, mark: entry.mark))
                }
            }
        }
    }

    /// Adds the nodes that one key stands for.
    private static func append(
        _ entry: YAMLEntry, _ kind: NodeKind, _ group: NodeSettings, to draft: inout Draft, _ findings: inout Findings
    ) {
        guard let pattern = try? RangePattern(entry.key), TextFormCheck.problem(entry.key, .nodeName) == nil else {
            return
        }
        let settings = NodeSettings(entry.value).over(group)
        let profile = settings.resolvedProfile(kind)
        let isPrimary = entry.value["primary"]?.boolean == true
        let addresses = AddressColumns(entry, count: pattern.count, &findings)
        let keys = entry.value.entries?.map(\.key) ?? []
        // A misspelt key was reported already.
        let isWritten = keys.contains { Nearest.match($0, in: ["address"]) != nil }
        if !isWritten, entry.value.isNull || entry.value.entries != nil {
            let problem = ShapeProblem.missingAddress(node: entry.key, kind: kind, isPrimary: isPrimary)
            findings.add(problem, at: SourcePlace(file: findings.file, mark: entry.mark))
        }
        for (index, name) in pattern.texts.enumerated() {
            draft.nodes.append(
                DraftNode(
                    name: name, kind: kind, mark: entry.mark, addresses: addresses.row(index),
                    primary: isPrimary ? entry.value["primary"]?.mark : nil, settings: settings, profile: profile,
                    index: index))
        }
    }
}

/// The addresses of the nodes that one key stands for: a column for each family.
struct AddressColumns {
    private var columns: [[Located<IPAddress>]] = []

    /// Reports columns that are not as long as there are names.
    init(_ entry: YAMLEntry, count: Int, _ findings: inout Findings) {
        guard let value = entry.value["address"] else { return }
        for node in value.oneOrMore {
            guard let text = node.text(.nodeAddress) else { continue }
            let pattern = try? RangePattern(text, radix: text.contains(":") ? 16 : 10)
            let addresses = pattern?.texts.compactMap { IPAddress($0) } ?? []
            if addresses.count != count {
                let problem = NodeProblem.countsDiffer(names: count, addresses: addresses.count)
                findings.add(problem, at: SourcePlace(file: findings.file, mark: node.mark))
            } else {
                columns.append(addresses.map { Located(value: $0, mark: node.mark) })
            }
        }
    }

    func row(_ index: Int) -> [Located<IPAddress>] { columns.map { $0[index] } }
}
