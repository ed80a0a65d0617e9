/// The readers of bytes that come from elsewhere, and what must hold for each whatever the bytes are: it comes to an
/// end, it does not trap, and what it makes of them is consistent.
enum FuzzTarget: String, CaseIterable, Sendable {
    case yaml
    case inventory
    case manifests
    case ansible
    case frames
    case knownHosts = "known-hosts"
    case sshConfig = "ssh-config"
    case identity
    case terminal

    func take(_ bytes: [UInt8]) throws(Broken) {
        switch self {
        case .yaml: try YAMLFuzz.take(bytes)
        case .inventory: try InventoryFuzz.take(bytes)
        case .manifests: try ManifestsFuzz.take(bytes)
        case .ansible: try AnsibleFuzz.take(bytes)
        case .frames: try FramesFuzz.take(bytes)
        case .knownHosts: try KnownHostsFuzz.take(bytes)
        case .sshConfig: try SSHConfigFuzz.take(bytes)
        case .identity: try IdentityFuzz.take(bytes)
        case .terminal: try TerminalFuzz.take(bytes)
        }
    }
}

/// What did not hold.
struct Broken: Error, CustomStringConvertible {
    let description: String
}

func must(_ condition: Bool, _ words: @autoclosure () -> String) throws(Broken) {
    guard condition else { throw Broken(description: words()) }
}
