import YAML

/// Makes an inventory of an Ansible one: k3s-ansible's, techno-tim's, kubespray's, and those with groups `k3s_server` and
/// `k3s_agent`. Nothing is read but what it is given.
public enum AnsibleImport {
    public struct Options: Sendable, Hashable {
        /// Of the cluster; nil: what Ansible calls it.
        public var name: String?
        /// The groups, where they have other names.
        public var controlPlane: String?
        public var workers: String?
        public var k3sVersion: String?
        public var ciliumVersion: String?

        public init(
            name: String? = nil, controlPlane: String? = nil, workers: String? = nil, k3sVersion: String? = nil,
            ciliumVersion: String? = nil
        ) {
            self.name = name
            self.controlPlane = controlPlane
            self.workers = workers
            self.k3sVersion = k3sVersion
            self.ciliumVersion = ciliumVersion
        }
    }

    /// The inventory, or everything that keeps the files from being read.
    ///
    /// What comes out may lack values that Ansible does not have: they read `FILL-IN`, and `InventoryReader` refuses them.
    public static func run(_ files: [AnsibleFile], options: Options = Options()) -> Result<
        ImportedInventory, Diagnostics
    > {
        var inventory = AnsibleInventory()
        let hosts = files.first { $0.scope == .hosts }
        var findings = Findings(file: hosts?.path ?? "")
        var notes: [ImportNote] = []
        for file in files where file.scope == .hosts {
            if file.bytes.starts(with: AnsibleYAMLReader.vault.utf8) {
                findings.add(AnsibleProblem.sealedInventory, at: SourcePlace(file: file.path, line: 1, column: 1))
            } else if AnsibleINIReader.isMeant(by: file) {
                AnsibleINIReader.inventory(file, &inventory, &findings)
            } else {
                AnsibleYAMLReader.inventory(file, &inventory, &findings)
            }
        }
        for file in files where file.scope != .hosts {
            let (variables, isSealed) = AnsibleYAMLReader.variables(file, &findings)
            inventory.add(variables, of: file.scope)
            if isSealed {
                let place = SourcePlace(file: file.path, line: 1, column: 1)
                notes.append(ImportNote(place: place, what: "the whole file", why: "it is encrypted by ansible-vault"))
            }
        }
        // What a file with mistakes lacks would show as further mistakes.
        guard findings.diagnostics.isEmpty else { return .failure(Diagnostics(findings.diagnostics)) }
        let place = SourcePlace(file: hosts?.path ?? "", line: 1, column: 1)
        guard let layout = AnsibleLayout(inventory, options, at: place, &findings) else {
            return .failure(Diagnostics(findings.diagnostics))
        }
        var mapping = AnsibleMapping(inventory, layout, options, notes)
        return .success(mapping.imported())
    }

    /// What `validate` would say of an inventory that was imported.
    public static func remaining(_ imported: ImportedInventory, file: String) -> Diagnostics {
        switch InventoryReader.read(text: imported.text, file: file) {
        case .success(let read): read.warnings
        case .failure(let diagnostics): diagnostics
        }
    }
}

/// Which groups have which nodes.
struct AnsibleLayout {
    enum Kind: String {
        case k3sAnsible = "k3s-ansible"
        case technoTim = "techno-tim/k3s-ansible"
        case kubespray = "kubespray"
        case roles = "groups k3s_server and k3s_agent"
        case other = "groups that were named"
    }

    let kind: Kind
    let controlPlaneGroup: String
    let workerGroup: String?
    /// In order; the first is the primary.
    let controlPlane: [String]
    let workers: [String]
    /// Control plane nodes that are DPUs, by a group of that name.
    let dpus: Set<String>

    private static let known: [(controlPlane: String, workers: [String], kind: Kind)] = [
        ("kube_control_plane", ["kube_node", "kube-node"], .kubespray),
        ("kube-control-plane", ["kube_node", "kube-node"], .kubespray),
        ("kube-controlplane", ["kube-node", "kube_node"], .kubespray),
        ("kube-master", ["kube-node", "kube_node"], .kubespray),
        ("kube_master", ["kube_node", "kube-node"], .kubespray),
        ("k3s_server", ["k3s_agent", "k3s_node", "k3s_worker"], .roles),
        ("k3s_servers", ["k3s_agents", "k3s_workers"], .roles),
        ("k3s_master", ["k3s_node", "k3s_worker", "k3s_agent"], .roles),
        ("server", ["agent", "agents"], .k3sAnsible),
        ("servers", ["agents", "workers"], .k3sAnsible),
        ("master", ["node", "worker"], .technoTim),
        ("masters", ["nodes", "workers"], .technoTim),
    ]

    init?(
        _ inventory: AnsibleInventory, _ options: AnsibleImport.Options, at place: SourcePlace,
        _ findings: inout Findings
    ) {
        let names = inventory.groupNames.filter { $0 != "all" && $0 != "ungrouped" }
        for name in [options.controlPlane, options.workers].compactMap({ $0 }) where inventory.groups[name] == nil {
            findings.add(AnsibleProblem.noSuchGroup(name, groups: names), at: place)
        }
        let found = Self.known.first { !inventory.members(of: $0.controlPlane).isEmpty }
        guard let group = options.controlPlane ?? found?.controlPlane, !inventory.members(of: group).isEmpty,
            findings.diagnostics.isEmpty
        else {
            if findings.diagnostics.isEmpty { findings.add(AnsibleProblem.noServers(groups: names), at: place) }
            return nil
        }
        kind = options.controlPlane == nil ? found?.kind ?? .other : .other
        controlPlaneGroup = group
        workerGroup = options.workers ?? found?.workers.first { !inventory.members(of: $0).isEmpty }
        controlPlane = inventory.members(of: group)
        let servers = Set(controlPlane)
        workers = (workerGroup.map(inventory.members) ?? []).filter { !servers.contains($0) }
        let dpuGroups = names.filter { ["dpu", "dpus", "bluefield", "bluefields"].contains($0.lowercased()) }
        dpus = Set(dpuGroups.flatMap(inventory.members)).intersection(servers)
    }

    /// Whether the cluster that Ansible sets up is K3s.
    var isK3s: Bool { kind != .kubespray }
}
