import YAML

/// A file of an Ansible inventory: its path, whose variables it has, and its bytes.
public struct AnsibleFile: Sendable, Hashable {
    public enum Scope: Sendable, Hashable {
        /// The hosts and groups themselves.
        case hosts
        /// Variables of all hosts that everything else wins over, such as a role's defaults.
        case defaults
        /// `group_vars/NAME.yml`, or a file below `group_vars/NAME`.
        case group(String)
        /// `host_vars/NAME.yml`, or a file below `host_vars/NAME`.
        case host(String)
    }

    public var path: String
    public var scope: Scope
    public var bytes: [UInt8]

    public init(path: String, scope: Scope, bytes: [UInt8]) {
        self.path = path
        self.scope = scope
        self.bytes = bytes
    }
}

/// A variable as it was written, with its place.
struct AnsibleVariable: Sendable, Hashable {
    var name: String
    var node: YAMLNode
    var place: SourcePlace
    /// Whether all of it or a part is encrypted by ansible-vault.
    var isSealed = false
    /// Whether its templates are text (`!unsafe`).
    var isRaw = false

    /// `hosts.yml:12 k3s_version`, for a comment.
    var origin: String { "\(place.file):\(place.line) \(name)".onOneLine }
}

/// Hosts, groups and variables as Ansible sees them.
struct AnsibleInventory: Sendable {
    struct Group: Sendable {
        var hosts: [String] = []
        var children: [String] = []
        var variables: [AnsibleVariable] = []
        /// Of `group_vars`.
        var fileVariables: [AnsibleVariable] = []
    }

    struct Host: Sendable {
        var place: SourcePlace
        var variables: [AnsibleVariable] = []
        /// Of `host_vars`.
        var fileVariables: [AnsibleVariable] = []
    }

    typealias Variables = [String: AnsibleVariable]

    /// How many hosts an inventory may have: Kubernetes goes no further.
    static let limit = 5000

    /// The names of the groups in the order of the file, with `all` first.
    private(set) var groupNames = ["all"]
    private(set) var groups = ["all": Group()]
    private(set) var hostNames: [String] = []
    private(set) var hosts: [String: Host] = [:]
    var defaults: [AnsibleVariable] = []

    // MARK: Filling

    mutating func addGroup(_ name: String) {
        guard groups[name] == nil else { return }
        groupNames.append(name)
        groups[name] = Group()
    }

    /// False beyond the limit, where it is not added.
    mutating func addHost(_ name: String, to group: String, at place: SourcePlace) -> Bool {
        if hosts[name] == nil {
            guard hostNames.count < Self.limit else { return false }
            hostNames.append(name)
            hosts[name] = Host(place: place)
        }
        addGroup(group)
        groups[group]?.hosts.append(name)
        return true
    }

    mutating func addChild(_ child: String, to group: String) {
        addGroup(group)
        addGroup(child)
        groups[group]?.children.append(child)
    }

    mutating func add(_ variables: [AnsibleVariable], toGroup group: String) {
        addGroup(group)
        groups[group]?.variables += variables
    }

    mutating func add(_ variables: [AnsibleVariable], toHost host: String) { hosts[host]?.variables += variables }

    /// Variables of a file; those of groups and hosts that are not there count for nobody.
    mutating func add(_ variables: [AnsibleVariable], of scope: AnsibleFile.Scope) {
        switch scope {
        case .hosts: break
        case .defaults: defaults += variables
        case .group(let name): groups[name]?.fileVariables += variables
        case .host(let name): hosts[name]?.fileVariables += variables
        }
    }

    // MARK: Asking

    /// The hosts of a group, its own before those of its children, each once.
    func members(of group: String) -> [String] {
        if group == "all" { return hostNames }
        var seen: Set<String> = []
        var members: [String] = []
        var visited: Set<String> = []
        func visit(_ name: String) {
            guard visited.insert(name).inserted, let group = groups[name] else { return }
            for host in group.hosts where seen.insert(host).inserted { members.append(host) }
            group.children.forEach(visit)
        }
        visit(group)
        return members
    }

    /// The variables of every host, in the order in which Ansible lets one win over another: defaults of roles, groups of
    /// the inventory, `group_vars`, the host itself, `host_vars`; of groups, parents before children, then by name.
    func variables() -> [String: Variables] {
        let depths = depths()
        var groupsOfHost: [String: [String]] = [:]
        for group in groupNames where group != "all" {
            for host in members(of: group) { groupsOfHost[host, default: []].append(group) }
        }
        var known: [[String]: Variables] = [:]
        return hosts.reduce(into: [:]) { result, entry in
            let groups = (groupsOfHost[entry.key] ?? []).sorted { (depths[$0] ?? 1, $0) < (depths[$1] ?? 1, $1) }
            var variables = known[groups] ?? shared(by: groups)
            known[groups] = variables
            for variable in entry.value.variables + entry.value.fileVariables { variables[variable.name] = variable }
            result[entry.key] = variables
        }
    }

    private func shared(by names: [String]) -> Variables {
        let groups = (["all"] + names).compactMap { self.groups[$0] }
        var variables: Variables = [:]
        let layers = defaults + groups.flatMap(\.variables) + groups.flatMap(\.fileVariables)
        for variable in layers { variables[variable.name] = variable }
        return variables
    }

    /// How far below `all` each group is; groups that contain each other come to some end.
    private func depths() -> [String: Int] {
        var depths = Dictionary(uniqueKeysWithValues: groupNames.map { ($0, 1) })
        depths["all"] = 0
        for _ in 0..<min(groupNames.count, 64) {
            var hasChanged = false
            for name in groupNames {
                for child in groups[name]?.children ?? [] where (depths[child] ?? 0) <= (depths[name] ?? 0) {
                    depths[child] = (depths[name] ?? 0) + 1
                    hasChanged = true
                }
            }
            if !hasChanged { break }
        }
        return depths
    }

    /// Every variable that somebody wrote, in the order of the files.
    var allVariables: [AnsibleVariable] {
        let groups = groupNames.compactMap { self.groups[$0] }
        let hosts = hostNames.compactMap { self.hosts[$0] }
        return defaults + groups.flatMap { $0.variables + $0.fileVariables }
            + hosts.flatMap { $0.variables + $0.fileVariables }
    }
}
