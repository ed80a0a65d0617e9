/// How a node is reached over SSH.
public struct SSHSettings: Sendable, Hashable {
    /// Nil: the user who runs clusterctl.
    public var user: String?
    /// A name or an address, where SSH does not go to the node's address.
    public var host: String?
    public var port: Port
    /// Paths of private keys, resolved against the folder of the inventory; a leading `~` is left in.
    public var identityFiles: [String]
    public var useAgent: Bool
    /// Empty: `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`.
    public var knownHostsFiles: [String]
    /// A pinned key as `ssh-ed25519 AAAA...`; no file is asked then.
    public var hostKey: String?
    /// Whether commands run through `sudo -n`; nil: exactly if the user is not root.
    public var sudo: Bool?
    public var connectTimeout: Duration

    public init(
        user: String? = nil, host: String? = nil, port: Port = .ssh, identityFiles: [String] = [],
        useAgent: Bool = true, knownHostsFiles: [String] = [], hostKey: String? = nil, sudo: Bool? = nil,
        connectTimeout: Duration = .seconds(10)
    ) {
        self.user = user
        self.host = host
        self.port = port
        self.identityFiles = identityFiles
        self.useAgent = useAgent
        self.knownHostsFiles = knownHostsFiles
        self.hostKey = hostKey
        self.sudo = sudo
        self.connectTimeout = connectTimeout
    }

    /// Whether commands run through sudo for the user that logs in.
    ///
    /// - Parameter localUser: who runs clusterctl, used where the inventory names no user.
    public func usesSudo(localUser: String) -> Bool { sudo ?? ((user ?? localUser) != "root") }
}
