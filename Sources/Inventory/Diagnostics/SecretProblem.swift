/// A secret that stands in the inventory itself; it is never shown.
enum SecretProblem: InventoryProblem {
    case inClear(at: String, SecretKind)
    /// A chart value that is called like one.
    case inValues(at: String)

    var code: DiagnosticCode {
        switch self {
        case .inClear(_, .token): .tokenInClear
        case .inClear, .inValues: .secretInClear
        }
    }

    var words: Words {
        switch self {
        case .inClear(let path, .token): K3sProblem.tokenInClear(at: path).words
        case .inValues(let path):
            Words(
                message: "'\(path)' looks like a secret",
                why: "chart values are in the plan, on the nodes and in Helm's releases, for everybody to read",
                fix: "make a Secret in the cluster and point at it with what the chart has for that, such as "
                    + "'existingSecret'")
        case .inClear(let path, let kind):
            Words(
                message: "'\(path)' is the \(kind.name) itself",
                why: "who reads the inventory could use it, and files like this end up in git",
                fix: "write \(kind.mayBeAsked ? "'\(kind.key): ask', or " : "")where it comes from, such as "
                    + "'\(kind.key): {command: [pass, show, \(kind.example)]}', and change the \(kind.name)")
        }
    }
}

extension SecretKind {
    fileprivate var name: String {
        switch self {
        case .token: "token"
        case .password, .becomePassword, .bgpPassword: "password"
        case .passphrase: "passphrase"
        }
    }

    fileprivate var example: String { self == .bgpPassword ? "bgp/edge" : "node" }

    fileprivate var key: String {
        switch self {
        case .token: "token"
        case .password, .bgpPassword: "password"
        case .becomePassword: "becomePassword"
        case .passphrase: "passphrase"
        }
    }
}
