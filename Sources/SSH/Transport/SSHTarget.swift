/// One login: which machine, as whom, with which keys, and how its host key is to be proved.
public struct SSHTarget: Sendable, Hashable {
    /// A name or an address; IPv6 literals without brackets, link-local ones with `%scope`.
    public var host: String
    public var port: Int
    public var user: String
    /// Private key files, `~/` allowed. Empty means: the agent, then OpenSSH's default files that exist.
    public var identityFiles: [String]
    public var useAgent: Bool
    /// The agent's socket; nil means the environment's `SSH_AUTH_SOCK`.
    public var agentSocketPath: String?
    public var hostKeys: HostKeyPolicy
    /// Bounds each of: connecting to one address, the server's greeting, the key exchange.
    public var connectTimeout: Duration

    public init(
        host: String, port: Int = 22, user: String, identityFiles: [String] = [], useAgent: Bool = true,
        agentSocketPath: String? = nil, hostKeys: HostKeyPolicy = HostKeyPolicy(),
        connectTimeout: Duration = .seconds(10)
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.identityFiles = identityFiles
        self.useAgent = useAgent
        self.agentSocketPath = agentSocketPath
        self.hostKeys = hostKeys
        self.connectTimeout = connectTimeout
    }
}

/// What proves a server's host key: a pinned key alone, or the known_hosts files.
public struct HostKeyPolicy: Sendable, Hashable {
    /// Read in order; files that do not exist count as empty.
    public var knownHostsFiles: [String]
    /// `SHA256:...` as OpenSSH prints it, or `type base64` as in a .pub file. Where set, the files are not read.
    public var pinned: String?
    /// Whether the key of a host that no file knows is appended to the first file. Never replaces a known key.
    public var acceptNew: Bool

    public init(
        knownHostsFiles: [String] = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts"],
        pinned: String? = nil, acceptNew: Bool = false
    ) {
        self.knownHostsFiles = knownHostsFiles
        self.pinned = pinned
        self.acceptNew = acceptNew
    }
}

/// Where on the way to an answer something happened.
public enum SSHStage: String, Sendable, Hashable, CaseIterable {
    case resolve, connect, greeting, keyExchange, hostKey, login, channel, answer

    /// Whether nothing can have been run on the node yet, so that starting again is safe.
    public var precedesCommand: Bool { self != .answer }
}
