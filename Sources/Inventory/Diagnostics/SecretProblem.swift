/// A secret that stands in the inventory itself; it is never shown.
enum SecretProblem: InventoryProblem {
    case inClear(at: String, SecretKind)

    var code: DiagnosticCode {
        switch self {
        case .inClear(_, .token): .tokenInClear
        case .inClear: .secretInClear
        }
    }

    var words: Words {
        switch self {
        case .inClear(let path, .token): K3sProblem.tokenInClear(at: path).words
        case .inClear(let path, let kind):
            Words(
                message: "'\(path)' is the \(kind.name) itself",
                why: "who reads the inventory could use it, and files like this end up in git",
                fix: "write '\(kind.key): ask', or where it comes from, such as "
                    + "'\(kind.key): {command: [pass, show, node]}', and change the \(kind.name)")
        }
    }
}

extension SecretKind {
    fileprivate var name: String {
        switch self {
        case .token: "token"
        case .password, .becomePassword: "password"
        case .passphrase: "passphrase"
        }
    }

    fileprivate var key: String {
        switch self {
        case .token: "token"
        case .password: "password"
        case .becomePassword: "becomePassword"
        case .passphrase: "passphrase"
        }
    }
}
