/// How a node is reached over SSH, as far as the inventory says; nil leaves it to the user's SSH configuration, and what
/// that does not say to clusterctl's defaults.
public struct SSHSettings: Sendable, Hashable {
    /// Nil: as `.standard`.
    public var configuration: SSHConfigurationSource?
    public var user: String?
    /// A name or an address, where SSH does not go to the node's address; what one would write after `ssh`.
    public var host: String?
    public var port: Port?
    public var proxy: SSHProxy?
    /// Paths of private keys, resolved against the folder of the inventory; a leading `~` is left in.
    public var identityFiles: [String]?
    /// Paths of certificates, resolved like those of keys.
    public var certificateFiles: [String]?
    /// Whether the agent is asked for the keys of `identityFiles` only.
    public var identitiesOnly: Bool?
    public var agent: SSHAgentChoice?
    public var addressFamily: SSHAddressFamily?
    /// The local address that connections come from.
    public var bindAddress: IPAddress?
    public var keepAlive: SSHKeepAlive?
    public var knownHostsFiles: [String]?
    /// Pinned keys as `ssh-ed25519 AAAA...` or `SHA256:...`, any of which will do; no file is asked then.
    public var hostKeys: [String]?
    /// The name that known_hosts files know the host by.
    public var hostKeyAlias: String?
    public var connectTimeout: Duration?
    /// Nil: no password is offered.
    public var password: SecretOrigin?
    /// The passphrase of the encrypted keys of `identityFiles`; nil: asked on the terminal.
    public var passphrase: SecretOrigin?
    public var become: BecomeMethod?
    /// Nil: `become` needs no password, or it is asked for with `--ask-become-pass`.
    public var becomePassword: SecretOrigin?

    public init() {}

    /// Through what commands run as root.
    ///
    /// - Parameter user: who logs in.
    public func become(as user: String) -> BecomeMethod { become ?? (user == "root" ? .nothing : .sudo) }
}

/// Which ssh_config counts beside the inventory.
public enum SSHConfigurationSource: Sendable, Hashable {
    /// The user's and the system's.
    case standard
    case off
    /// This file alone.
    case file(String)
}

/// By what detour a node is reached.
public enum SSHProxy: Sendable, Hashable {
    /// By none, whatever the SSH configuration says.
    case direct
    /// Through these hosts, in the order in which they are passed; never empty.
    case jump([SSHJumpHost])
    /// Over the standard input and output of a local command; `%h`, `%p`, `%r` and the like stand in it.
    case command(String)
}

/// One host on the way, as `[user@]host[:port]`.
public struct SSHJumpHost: Sendable, Hashable {
    public var user: String?
    public var host: String
    public var port: Port?

    public init(user: String? = nil, host: String, port: Port? = nil) {
        self.user = user
        self.host = host
        self.port = port
    }

    /// The host written in `text`, or nil; IPv6 addresses stand in brackets.
    public init?(_ text: String) {
        var rest = text[...]
        if let at = rest.lastIndex(of: "@") {
            user = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = String(rest[..<end])
            rest = rest[end...]
        }
        if !rest.isEmpty {
            guard rest.first == ":", let number = Int(rest.dropFirst()), let port = Port(number) else { return nil }
            self.port = port
        }
        guard TextFormCheck.problem(host, .sshHost) == nil,
            user.map({ TextFormCheck.problem($0, .user) == nil }) ?? true
        else { return nil }
    }
}

/// Whether an agent's keys are tried, and which agent's.
public enum SSHAgentChoice: Sendable, Hashable {
    case off
    /// That of `SSH_AUTH_SOCK`.
    case environment
    /// That which listens on this socket.
    case socket(String)
}

public enum SSHAddressFamily: String, Sendable, Hashable, CaseIterable {
    case any, ipv4, ipv6
}

/// When a silent connection is asked for a sign of life, and when it is given up.
public struct SSHKeepAlive: Sendable, Hashable {
    /// Zero: never.
    public var interval: Duration
    /// How many questions in a row may stay without an answer.
    public var tolerated: Int?

    public init(interval: Duration, tolerated: Int? = nil) {
        self.interval = interval
        self.tolerated = tolerated
    }
}

/// Through what a user becomes root.
public enum BecomeMethod: String, Sendable, Hashable, CaseIterable {
    case nothing = "none"
    case sudo
    case doas
}
