import Engine

/// One login: which machine, by which way, as whom, with what, and how its host key is to be proved.
public struct SSHTarget: Sendable, Hashable {
    /// A name or an address; IPv6 literals without brackets, link-local ones with `%scope`.
    public var host: String
    public var port: Int
    public var user: String
    public var route: SSHRoute = .direct
    public var addressFamily: AddressFamily = .any
    /// The address that the connection comes from; nil lets the system choose.
    public var bindAddress: String?
    public var login: SSHLogin
    public var hostKeys: HostKeyPolicy
    /// Bounds each of: connecting to one address, the server's greeting, the key exchange.
    public var connectTimeout: Duration
    public var keepAlive = KeepAlive()

    public init(
        host: String, port: Int = 22, user: String, route: SSHRoute = .direct, login: SSHLogin = SSHLogin(),
        hostKeys: HostKeyPolicy = HostKeyPolicy(), connectTimeout: Duration = .seconds(10)
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.route = route
        self.login = login
        self.hostKeys = hostKeys
        self.connectTimeout = connectTimeout
    }

    public enum AddressFamily: Sendable, Hashable { case any, ipv4, ipv6 }

    /// Signs of life on a connection that is silent; a server that misses `tolerated` of them is gone.
    public struct KeepAlive: Sendable, Hashable {
        /// Zero: none.
        public var interval: Duration = .seconds(15)
        public var tolerated = 3

        public static let none = KeepAlive(interval: .zero)

        public init(interval: Duration = .seconds(15), tolerated: Int = 3) {
            self.interval = interval
            self.tolerated = tolerated
        }
    }
}

/// How the bytes of a connection travel.
public indirect enum SSHRoute: Sendable, Hashable {
    case direct
    /// Over direct-tcpip of a session to that target, which all who go by it share. It may have a route of its own.
    case jump(SSHTarget)
    /// Over the standard input and output of a local command, as `sh` reads it; tokens are already put in.
    case command(String)
}

/// What a login may offer, in OpenSSH's order.
public struct SSHLogin: Sendable, Hashable {
    /// Private key files, `~/` allowed. Empty means: the agent, then OpenSSH's default files that exist.
    public var identityFiles: [String]
    /// Certificates for the keys above, beside those named like a key with `-cert.pub`.
    public var certificateFiles: [String]
    /// Whether the agent signs only with the keys of `identityFiles`.
    public var identitiesOnly: Bool
    public var useAgent: Bool
    /// The agent's socket; nil means the environment's `SSH_AUTH_SOCK`.
    public var agentSocketPath: String?
    /// Whether a password is offered, by `password` or `keyboard-interactive`, after the keys.
    public var usesPassword: Bool

    public init(
        identityFiles: [String] = [], certificateFiles: [String] = [], identitiesOnly: Bool = false,
        useAgent: Bool = true, agentSocketPath: String? = nil, usesPassword: Bool = false
    ) {
        self.identityFiles = identityFiles
        self.certificateFiles = certificateFiles
        self.identitiesOnly = identitiesOnly
        self.useAgent = useAgent
        self.agentSocketPath = agentSocketPath
        self.usesPassword = usesPassword
    }
}

/// Where a login gets what no file holds in the clear. Asked at most once a thing and run: the one who answers caches.
public protocol LoginSecrets: Sendable {
    /// The passphrase of an encrypted private key file; nil when there is none to be had.
    func passphrase(forKey path: String) async -> Secret?
    /// The password of `user` on `host`, also the answer to a keyboard-interactive prompt; nil when there is none.
    func password(of user: String, on host: String) async -> Secret?
}

/// Nothing but keys in the clear and the agent.
public struct NoLoginSecrets: LoginSecrets {
    public init() {}
    public func passphrase(forKey path: String) async -> Secret? { nil }
    public func password(of user: String, on host: String) async -> Secret? { nil }
}

/// What proves a server's host key: pinned keys alone, or the known_hosts files.
public struct HostKeyPolicy: Sendable, Hashable {
    /// Read in order; files that do not exist count as empty.
    public var knownHostsFiles: [String]
    /// `SHA256:...` as OpenSSH prints it, or `type base64` as in a .pub file; any of them will do. Where there are
    /// some, the files are not read.
    public var pinned: [String]
    /// Whether the key of a host that no file knows is appended to the first file. Never replaces a known key.
    public var acceptNew: Bool
    /// Whether the name of a new host is hashed, as it also is where the file has hashed names already.
    public var hashesNames = false
    /// The name that the files know the host by; nil means the target's host and port.
    public var alias: String?
    /// The port that the alias is known with. An alias of OpenSSH's has none, which is what 22 stands for in the files.
    public var aliasPort = 22

    /// OpenSSH's own, the user's before the system's.
    public static let standardUserFiles = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
    public static let standardGlobalFiles = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]

    public init(
        knownHostsFiles: [String] = standardUserFiles + standardGlobalFiles, pinned: [String] = [],
        acceptNew: Bool = false,
        alias: String? = nil
    ) {
        self.knownHostsFiles = knownHostsFiles
        self.pinned = pinned
        self.acceptNew = acceptNew
        self.alias = alias
    }
}

/// Where on the way to an answer something happened.
public enum SSHStage: String, Sendable, Hashable, CaseIterable {
    case resolve, connect, greeting, keyExchange, hostKey, login, channel, answer

    /// The session can be used: the server has taken the login.
    var isAfterLogin: Bool { self == .channel || self == .answer }

    /// Whether nothing can have been run on the node yet, so that starting again is safe.
    public var precedesCommand: Bool { self != .answer }
}
