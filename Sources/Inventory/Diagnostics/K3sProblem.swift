/// What K3s, or the way clusterctl runs it, does not allow.
enum K3sProblem: InventoryProblem {
    case tokenInClear(at: String)
    case versionTooOld(K3sVersion)
    case ownedKey(String, K3sKeys.Owner)
    case unknownKey(String, role: String, nearest: String?)
    case serverKeyOnAgent(String)
    case valueType(key: String, wanted: String, found: String)

    var code: DiagnosticCode {
        switch self {
        case .tokenInClear: .tokenInClear
        case .versionTooOld: .versionTooOld
        case .ownedKey: .ownedK3sKey
        case .unknownKey: .unknownK3sKey
        case .serverKeyOnAgent: .serverKeyOnAgent
        case .valueType: .k3sValueType
        }
    }

    var words: Words {
        switch self {
        case .tokenInClear(let path):
            Words(
                message: "'\(path)' is the token itself",
                why: "who reads the inventory could join machines to the cluster, and files like this end up in git",
                fix: "write where it comes from, such as 'token: {env: K3S_TOKEN}', and make a new token")
        case .versionTooOld(let version):
            Words(
                message: "K3s \(version) is older than \(K3sVersion.oldest.minorText)",
                why: "the files, flags and gates that clusterctl uses are not all there",
                fix: "use a release of "
                    + "\(K3sVersion.oldest.minorText) or newer")
        case .ownedKey(let key, let owner):
            Words(message: "'\(key)' is set by clusterctl", why: owner.why, fix: owner.instead)
        case .unknownKey(let key, let role, let nearest):
            Words(
                message: "K3s \(role)s have no key '\(key)'",
                why: role == "agent"
                    ? "an agent does not start with a key that it does not know"
                    : "a server skips a key that it does not know with no more than a line in its log",
                fix: nearest.map { "write '\($0)' if that was meant" }
                    ?? "use the long name of a flag of 'k3s \(role)', without '--'")
        case .serverKeyOnAgent(let key):
            Words(
                message: "'\(key)' is a key of servers only",
                why: "an agent does not start with a key that it does not know",
                fix: "set it in 'k3s.config', or in 'k3s' of dpus or servers")
        case .valueType(let key, let wanted, let found):
            Words(message: "'\(key)' is \(found)", why: "K3s takes \(wanted) there", fix: "write \(wanted)")
        }
    }
}
