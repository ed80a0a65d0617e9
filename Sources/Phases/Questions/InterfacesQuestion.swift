import Engine
import Inventory
import Rendering

/// Who has a node's links, and what stands in the way of leading them to what the inventory has.
struct InterfacesQuestion {
    let node: Node
    let files: InterfaceFiles

    init(_ node: Node) {
        self.node = node
        files = InterfaceFiles(node.interfaces ?? [])
    }

    /// Asked before the program is on the node.
    var look: Probe {
        .command(
            Script.arguments(
                .interfaces,
                ["look"] + files.own.map { "own:\($0)" } + files.devices.map { "on:\($0)" } + files.made))
    }
    static let lacks = Probe.command(["sh", GuardFiles.interfaces.path, "lacks"])
    /// There from before the first change until it is confirmed, where a healthy member of etcd was on the node.
    static let wasMember = Probe.path("\(K3sPaths.state)/guard/armed/interfaces/member")

    func problems(_ answer: Answer?, _ host: HostFacts?) -> [Problem] {
        guard let answer, answer.succeeded else {
            return [
                Problem(
                    "it does not say who has its links: \(answer?.reason ?? "no answer")",
                    fix: "leave 'interfaces' of \(node.name) out")
            ]
        }
        if let problem = otherLinksBegun(answer) { return [problem] }
        let leaving = InterfacesQuestion.leaving(answer)
        return answer.lines.compactMap { problem($0, leaving) } + (host.map { lostAddresses($0, leaving) } ?? [])
    }

    /// Links that are taken away or left alone from now on.
    static func leaving(_ answer: Answer) -> Set<String> {
        Set(answer.lines.filter { $0.hasPrefix("leaves ") }.map { String($0.dropFirst(7)) })
    }

    /// The way back of what an earlier run has begun knows the links of that run alone; and all else that the node says
    /// of its links is of neither the one state nor the other.
    private func otherLinksBegun(_ answer: Answer) -> Problem? {
        let begun = answer.lines.filter { $0 == "begun" || $0.hasPrefix("begun ") }
        guard !begun.isEmpty else { return nil }
        let lines = begun.compactMap { $0 == "begun" ? nil : $0.dropFirst(6) }
        guard lines != files.links.split(whereSeparator: \.isNewline) else { return nil }
        return Problem(
            "an earlier run has begun to set other links than the inventory has now, and nobody has confirmed them",
            fix:
                "have them taken back first ('clusterctl guard rollback INVENTORY \(node.name)'), or wait until the node "
                + "does so by itself, \(node.profile.linkGuardWindow.wholeSeconds) s after it last heard of that run")
    }

    private func problem(_ line: Substring, _ leaving: Set<String>) -> Problem? {
        let words = line.split(separator: " ", maxSplits: 2).map(String.init)
        guard words.count > 1 else { return nil }
        let name = words[1]
        switch words[0] {
        case "charge" where name == "none":
            return Problem(
                "its links cannot be set: \(words.count > 2 ? words[2] : "nobody has them")",
                fix: "set them by hand, or by netplan or NetworkManager with nmstate, and leave 'interfaces' of "
                    + "\(node.name) out")
        case "missing":
            return Problem("it has no link \(name)", fix: "name a link that is there ('ip link' on the node)")
        case "defined":
            return Problem(
                "link \(name) is set elsewhere too: \(words.count > 2 ? words[2] : "netplan")",
                fix: "take it out there, or out of 'interfaces'; clusterctl never changes files of others")
        case "held":
            return Problem(
                "link \(name) belongs to a bond or bridge of another netplan file",
                fix: "take it out there, or out of 'interfaces'; clusterctl never changes files of others")
        case "unknown":
            return Problem(
                "netplan does not know link \(name), on which a VLAN is to stand",
                fix: "write \(name) under 'interfaces' too, with all its addresses, or into a netplan file of the node")
        case "foreign":
            return Problem(
                "there is a link \(name) that clusterctl has not made, with another mode or number",
                fix:
                    "delete it on the node ('ip link del'), with whatever makes it again, or give it the mode or number "
                    + "of 'interfaces'")
        case "default":
            return words.count > 2 ? lostDefault(words[1] == "6" ? .ipv6 : .ipv4, words[2], leaving) : nil
        default: return nil
        }
    }

    /// Whether what is on the link now is taken off unless the inventory has it.
    private func isTaken(_ link: String, _ leaving: Set<String>) -> Bool {
        let interfaces = node.interfaces ?? []
        let isMember = interfaces.contains { interface in
            if case .bond(let links, _) = interface.kind { return links.contains(link) }
            return false
        }
        return isMember || leaving.contains(link) || interfaces.contains { $0.name == link && !$0.dhcp }
    }

    /// A node in the controller's own subnet would be reached all the same, so that the guard would not notice.
    private func lostDefault(_ family: IPAddress.Family, _ link: String, _ leaving: Set<String>) -> Problem? {
        let routes = (node.interfaces ?? []).flatMap(\.routes)
        guard isTaken(link, leaving), !routes.contains(where: { $0.isDefault && $0.via.family == family }) else {
            return nil
        }
        return Problem(
            "its default route of \(family.rawValue) is on \(link) and would be gone",
            fix: "write it as 'gateway' of a link; if it is to go, delete it first ('ip route del default')")
    }

    /// What SSH or the cluster knows the node by, and is on a link that will not have it any more.
    private func lostAddresses(_ host: HostFacts, _ leaving: Set<String>) -> [Problem] {
        let interfaces = node.interfaces ?? []
        let known = node.addresses + [IPAddress(node.sshHost)].compactMap(\.self)
        var seen: Set<IPAddress> = []
        return known.filter { seen.insert($0).inserted }.compactMap { address in
            guard !interfaces.contains(where: { $0.addresses.contains { $0.address == address } }),
                let link = host.addresses.first(where: { IPAddress(String($0.host)) == address })?.interface,
                isTaken(link, leaving)
            else { return nil }
            return Problem(
                "\(address), by which it is reached or known in the cluster, is on \(link) and would be gone",
                fix:
                    "write it among the addresses of a link; to move the node to another address, let SSH go by one that "
                    + "stays ('ssh.host'), and write the new one as 'address'")
        }
    }

    /// What the gate asks: a node that serves etcd has to do so again before the next one is touched.
    var asks: [Ask] {
        let member = node.isControlPlane ? [InterfacesQuestion.wasMember, EtcdQuestion.probe, NodesQuestion.probe] : []
        return ([InterfacesQuestion.lacks] + member).map { Ask(node.id, $0) }
    }

    func verdict(_ facts: Facts) -> Verdict {
        let links = links(facts[node.id, InterfacesQuestion.lacks])
        return node.isControlPlane ? .all(links, member(facts)) : links
    }

    /// Where no member was healthy before, nothing is waited for: what keeps it from being so may be the links of others,
    /// or what a later phase puts right.
    private func member(_ facts: Facts) -> Verdict {
        guard let before = facts[node.id, InterfacesQuestion.wasMember], before.succeeded else {
            return .waiting("\(node.name) has not said yet whether it was a member of etcd")
        }
        guard !before.output.hasPrefix("absent") else { return .holds }
        return .all(
            EtcdQuestion.verdict(facts[node.id, EtcdQuestion.probe], on: node.id),
            NodesQuestion.voter(facts[node.id, NodesQuestion.probe], node.id))
    }

    private func links(_ answer: Answer?) -> Verdict {
        guard let answer else { return .waiting("\(node.name) has not said yet how its links are") }
        guard answer.succeeded else { return .waiting("\(node.name) does not say how its links are: \(answer.reason)") }
        return answer.lines.first.map { .waiting("\($0) on \(node.name)") } ?? .holds
    }
}
