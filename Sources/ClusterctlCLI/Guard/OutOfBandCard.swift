import Engine
import Inventory
import SSH

/// What to type where when SSH does not come back: the same at the end of a run, in `guard status`, and in the docs.
enum OutOfBandCard {
    /// What is known of the node's guard.
    enum Standing: Equatable {
        /// Nobody knows whether this was taken back.
        case unconfirmed(PhaseID)
        /// Nobody could be asked.
        case unknown
        /// It was taken back, and SSH does not answer all the same, or not everything is as it was.
        case takenBack(PhaseID)

        /// Whether it may be the phase before which a guard is armed on every machine.
        var mayBeOfLinks: Bool { self == .unknown || self == .unconfirmed("interfaces") }
    }

    static func lines(_ node: Node, _ standing: Standing, in inventory: Inventory) -> [String] {
        var lines = ["out of band to \(node.name):", "  " + words(node, standing)]
        if let text = node.profile.outOfBand.text { lines.append("  the inventory says: \(text)") }
        let ways = rescue(node, standing, inventory) + [console(node, inventory)]
        for (number, way) in ways.enumerated() {
            lines.append("  \(number + 1). \(way.title)" + (way.commands.isEmpty ? "" : ":"))
            lines += indented(way.commands)
        }
        return lines + ["  then, on \(node.name) as root:"] + indented(commands(standing))
    }

    private static func indented(_ commands: [String]) -> [String] { commands.map { "       \($0)" } }

    private struct Way {
        let title: String
        let commands: [String]
    }

    private static func words(_ node: Node, _ standing: Standing) -> String {
        let what: String
        switch standing {
        case .unconfirmed(let phase): what = "whether \(phase) was taken back is not known"
        case .unknown: what = "whether something is unconfirmed there is not known"
        case .takenBack(let phase): return "\(phase) was taken back there"
        }
        let ofLinks = standing.mayBeOfLinks && node.interfaces != nil ? node.profile.linkGuardWindow : nil
        guard let window = (node.profile.guard?.window ?? ofLinks)?.components.seconds else {
            return what + "; it has no guard with a clock: nothing is taken back unless it is told"
        }
        return what + "; its guard fires \(window) s after it last heard of a run, and when the node starts"
    }

    // MARK: Ways in

    private static func rescue(_ node: Node, _ standing: Standing, _ inventory: Inventory) -> [Way] {
        guard let route = RescueRoute(node, in: inventory) else { return [] }
        let verb = if case .unconfirmed = standing { "rollback" } else { "status" }
        let again = ["clusterctl", "guard", verb, node.place.file, node.name, "--out-of-band"]
        let one = Way(
            title: "over the rescue path, by clusterctl", commands: [again.map(shellWord).joined(separator: " ")])
        let two = Way(title: "over the rescue path, by hand", commands: [command(node, route)])
        guard !route.hosts.isEmpty else { return [one, two] }
        let three = Way(
            title: "the same, from host to host", commands: route.hosts.map(\.command) + [route.end.command])
        return [one, two, three]
    }

    /// The whole way in one command; the node's key is looked up as at its own address, for it is the same.
    private static func command(_ node: Node, _ route: RescueRoute) -> String {
        let ssh = node.ssh
        var words = ["ssh"]
        switch ssh.configuration {
        case .file(let path): words += ["-F", path]
        case .off: words += ["-F", "none"]
        case .standard, nil: break
        }
        for path in ssh.identityFiles ?? [] { words += ["-i", path] }
        if let files = ssh.knownHostsFiles { words += ["-o", "UserKnownHostsFile=" + files.joined(separator: " ")] }
        words += ["-o", "HostKeyAlias=" + alias(node)]
        if !route.hosts.isEmpty { words += ["-J", route.hosts.map(\.text).joined(separator: ",")] }
        return words.map(shellWord).joined(separator: " ") + route.end.command.dropFirst("ssh".count)
    }

    private static func alias(_ node: Node) -> String {
        if let alias = node.profile.outOfBand.rescue?.hostKeyAlias ?? node.ssh.hostKeyAlias { return alias }
        let port = node.ssh.port ?? .ssh
        return port == .ssh ? node.sshHost : "[\(node.sshHost)]:\(port.number)"
    }

    private static func console(_ node: Node, _ inventory: Inventory) -> Way {
        guard node.profile.name == .bluefield else { return Way(title: "at its console or BMC", commands: []) }
        let hosts = RescueRoute(node, in: inventory)?.hosts.map(\.command) ?? []
        return Way(
            title: "at its console, as root on the host that it is in (rshim0 is the first DPU there)",
            commands: hosts + ["cat /dev/rshim0/misc", "screen /dev/rshim0/console 115200"])
    }

    // MARK: On the node

    private static func commands(_ standing: Standing) -> [String] {
        let guardProgram = "sh /var/lib/clusterctl/guard/guard.sh"
        let look = ["cat /var/lib/clusterctl/guard/log", "\(guardProgram) state"]
        return switch standing {
        case .unconfirmed(let phase): look + ["\(guardProgram) rollback \(shellWord(phase.rawValue))"]
        case .unknown: look + ["\(guardProgram) rollback PHASE   # the phase that 'state' names, if it is armed"]
        case .takenBack: look
        }
    }
}
