/// The way to a machine when SSH does not come back at its own address.
public struct OutOfBand: Sendable, Hashable {
    /// For people; shown with everything else that leads there.
    public var text: String?
    /// Nil: clusterctl itself has no other way in.
    public var rescue: RescuePath?

    public init(text: String? = nil, rescue: RescuePath? = nil) {
        self.text = text
        self.rescue = rescue
    }
}

/// How SSH gets to a node without its own address, such as over rshim's tmfifo. The machine, the account and the host
/// key are the same; nil leaves them as they are at the node's own address.
public struct RescuePath: Sendable, Hashable {
    /// A name or an address, as the last host on the way knows the node.
    public var address: String
    public var port: Port?
    public var user: String?
    /// Nil leaves the way to the user's SSH configuration. The name of a node in the inventory stands for that node.
    public var proxy: SSHProxy?
    public var hostKeys: [String]?
    public var hostKeyAlias: String?

    public init(
        address: String, port: Port? = nil, user: String? = nil, proxy: SSHProxy? = nil, hostKeys: [String]? = nil,
        hostKeyAlias: String? = nil
    ) {
        self.address = address
        self.port = port
        self.user = user
        self.proxy = proxy
        self.hostKeys = hostKeys
        self.hostKeyAlias = hostKeyAlias
    }

    /// The hosts on the way, the first to be reached first.
    public var jumpHosts: [SSHJumpHost] { if case .jump(let hosts) = proxy { hosts } else { [] } }
}
