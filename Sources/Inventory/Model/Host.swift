/// A machine that clusterctl logs in to: a node or a router.
public protocol Host: Sendable {
    var name: String { get }
    var address: IPAddress { get }
    var ssh: SSHSettings { get }
}

extension Host {
    /// What SSH connects to: `ssh.host`, or else the address.
    public var sshHost: String { ssh.host ?? address.description }
}

extension Inventory {
    /// The nodes, then the routers that are logged in to; in the order of the inventory.
    public var hosts: [any Host] { nodes + routers.filter { $0.management != .none } }

    public func host(named name: String) -> (any Host)? { hosts.first { $0.name == name } }
}
