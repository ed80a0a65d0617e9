/// What keeps an Ansible inventory from being read.
enum AnsibleProblem: InventoryProblem {
    case unreadable(String)
    /// A line of an INI file that is none of Ansible's.
    case line(String)
    case range(String)
    case tooManyHosts(limit: Int)
    /// `found` stands where `wanted` should.
    case shape(what: String, wanted: String)
    case unexpectedKey(group: String, key: String)
    case sealedInventory
    /// With the groups that are there.
    case noServers(groups: [String])
    case noSuchGroup(String, groups: [String])

    var code: DiagnosticCode {
        switch self {
        case .unreadable: .ansibleUnreadable
        case .line, .shape, .unexpectedKey, .sealedInventory: .ansibleShape
        case .range, .tooManyHosts: .ansibleRange
        case .noServers, .noSuchGroup: .ansibleNoServers
        }
    }

    var words: Words {
        switch self {
        case .unreadable(let reason):
            Words(
                message: "cannot be read: \(reason)", why: "what stands there would be missing from the inventory",
                fix: "name a file that you may read")
        case .line(let what):
            Words(
                message: what, why: "Ansible would refuse it, or take it for something else",
                fix: "write '[group]', '[group:vars]', '[group:children]', a host with 'name=value', or 'name = value'")
        case .range(let text):
            Words(
                message: "'\(text)' is no range of hosts", why: "it is not clear which hosts it stands for",
                fix: "write '[01:20]', '[1:9:2]' or '[a:f]'")
        case .tooManyHosts(let limit):
            Words(
                message: "more than \(limit) hosts", why: "no cluster of K3s has that many",
                fix: "leave out what is no part of the cluster")
        case .shape(let what, let wanted):
            Words(
                message: "\(what) is not \(wanted)", why: "Ansible would refuse it, or leave it out",
                fix: "write groups with 'hosts', 'vars' and 'children', each a map by name")
        case .unexpectedKey(let group, let key):
            Words(
                message: "group '\(group)' has the key '\(key)'", why: "Ansible leaves out what it does not know",
                fix: "write 'hosts', 'vars' or 'children', and hosts below 'hosts'")
        case .sealedInventory:
            Words(
                message: "the file is encrypted by ansible-vault", why: "the hosts stand in it",
                fix: "give it in clear: 'ansible-vault view FILE > hosts.yml', and remove that file afterwards")
        case .noServers(let groups):
            Words(
                message: "no group of control plane nodes: \(Self.list(groups))",
                why: "an inventory needs the nodes that run the API",
                fix: "name the group with --control-plane, and that of the workers with --workers")
        case .noSuchGroup(let name, let groups):
            Words(
                message: "there is no group '\(name)': \(Self.list(groups))", why: "its hosts would be missing",
                fix: "name one of these")
        }
    }

    private static func list(_ groups: [String]) -> String {
        groups.isEmpty ? "there is no group" : "there are \(groups.prefix(20).joined(separator: ", "))"
    }
}
