import Inventory
import SSH

/// The rescue path of a node as one would type it, from what the inventory says alone.
struct RescueRoute: Equatable {
    /// Nodes of the inventory stand as what SSH goes to there.
    let hosts: [SSHJumpHost]
    /// The node itself, as the last host knows it.
    let end: SSHJumpHost

    /// - Returns: nil where the node has no rescue path.
    init?(_ node: Node, in inventory: Inventory) {
        guard let rescue = node.profile.outOfBand.rescue else { return nil }
        hosts = rescue.jumpHosts.flatMap { host in
            guard let node = inventory.node(named: host.host) else { return [host] }
            let before = if case .jump(let hosts) = node.ssh.proxy { hosts } else { [SSHJumpHost]() }
            return before + [
                SSHJumpHost(
                    user: host.user ?? node.ssh.user, host: node.sshHost, port: host.port ?? node.ssh.port)
            ]
        }
        end = SSHJumpHost(
            user: rescue.user ?? node.ssh.user, host: rescue.address, port: rescue.port ?? node.ssh.port)
    }

    /// Such as "ssh ops@c4140-host, then 192.168.100.2".
    var words: String { "ssh " + (hosts.map(\.text) + [end.host]).joined(separator: ", then ") }
}

extension SSHJumpHost {
    /// What `ssh -J` takes: `[user@]host[:port]`, IPv6 addresses in brackets.
    var text: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return (user.map { "\($0)@" } ?? "") + name + (port.map { $0 == .ssh ? "" : ":\($0.number)" } ?? "")
    }

    /// What a login shell takes to go there: `ssh [-p port] [user@]host`.
    var command: String {
        let port = port.map { $0 == .ssh ? "" : "-p \($0.number) " } ?? ""
        return "ssh \(port)" + shellWord((user.map { "\($0)@" } ?? "") + host)
    }
}
