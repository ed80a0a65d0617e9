import YAML

/// The links of each node fit one another, and leave the node the address by which it is known.
enum InterfaceCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        for node in draft.distinctNodes {
            guard let interfaces = node.settings.interfaces, !interfaces.isEmpty else { continue }
            if node.settings.management == .verify {
                let place = draft.place(node.mark(of: "interfaces"))
                findings.addOnce(InterfaceProblem.notApplied(node: node.name), at: place)
            }
            let links = node.interfaces
            func place(_ link: Interface) -> SourcePlace { draft.place(interfaces[link.name]?.mark ?? node.mark) }
            for link in links {
                for problem in loop(link, links) + bondMembers(link, links) + vlan(link, links) {
                    findings.addOnce(problem, at: place(link))
                }
            }
        }
        addresses(draft, &findings)
    }

    private static func loop(_ link: Interface, _ links: [Interface]) -> [InterfaceProblem] {
        var seen: Set<String> = []
        var open = link.lower
        while let name = open.popLast() {
            if name == link.name { return [.loop(link.name)] }
            guard seen.insert(name).inserted else { continue }
            open += links.first { $0.name == name }?.lower ?? []
        }
        return []
    }

    private static func bondMembers(_ link: Interface, _ links: [Interface]) -> [InterfaceProblem] {
        guard case .bond(let members, _) = link.kind else { return [] }
        var seen: Set<String> = []
        return members.compactMap { member in
            guard seen.insert(member).inserted else { return .memberTwice(member, bond: link.name, other: link.name) }
            let own = links.first { $0.name == member }
            if let own, !own.addresses.isEmpty || own.dhcp || !own.routes.isEmpty {
                return .memberWithAddress(member, bond: link.name)
            }
            if case .vlan? = own?.kind { return .memberIsMade(member, bond: link.name) }
            if case .bond? = own?.kind { return .memberIsMade(member, bond: link.name) }
            if let vlan = links.first(where: { $0.isMade && $0.lower == [member] && $0.name != link.name }) {
                return .memberTwice(member, bond: link.name, other: vlan.name)
            }
            let other = links.prefix { $0.name != link.name }.first { $0.lower.contains(member) }
            return other.map { .memberTwice(member, bond: link.name, other: $0.name) }
        }
    }

    private static func vlan(_ link: Interface, _ links: [Interface]) -> [InterfaceProblem] {
        guard case .vlan(let lower, let id) = link.kind else { return [] }
        var problems: [InterfaceProblem] = []
        let other = links.prefix { $0.name != link.name }.first { $0.kind == link.kind }
        if let other { problems.append(.vlanTwice(link.name, other: other.name, link: lower, id: id)) }
        let carrier = links.first { $0.name == lower }
        if let mtu = link.mtu, let most = carrier?.mtu, mtu > most {
            problems.append(.vlanMTU(link.name, mtu: mtu, link: lower, most: most))
        }
        return problems
    }
}

// Addresses, of each node of a range.
extension InterfaceCheck {
    private static func addresses(_ draft: Draft, _ findings: inout Findings) {
        var owners: [IPAddress: (node: String, link: String?)] = [:]
        for node in draft.nodes {
            for address in node.addresses { owners[address.value] = (node.name, nil) }
        }
        for node in draft.nodes {
            guard let interfaces = node.settings.interfaces else { continue }
            var gateways: [IPAddress.Family: String] = [:]
            for (name, interface) in interfaces {
                rows(interface, of: node, draft, &findings)
                let located = interface.located(at: node.index)
                for address in located {
                    unusable(address, node, draft, &findings)
                    let earlier = owners.updateValue((node.name, name), forKey: address.value.address)
                    guard let earlier, earlier.node != node.name || earlier.link != nil else { continue }
                    let problem = InterfaceProblem.addressTwice(
                        address.value.address, node: node.name, link: name, other: earlier.node, earlier.link)
                    findings.addOnce(problem, at: draft.place(address.mark))
                }
                nextHops(name, interface, node, &gateways, draft, &findings)
            }
            lostAddress(node, draft, &findings)
        }
    }

    private static func rows(
        _ interface: DraftInterface, of node: DraftNode, _ draft: Draft, _ findings: inout Findings
    ) {
        guard node.index == 0 else { return }
        let count = draft.nodes.count { $0.mark == node.mark }
        for row in interface.addresses where row.texts.count != count {
            let problem = NodeProblem.countsDiffer(names: count, addresses: row.texts.count)
            findings.addOnce(problem, at: draft.place(row.mark))
        }
    }

    private static func unusable(
        _ address: Located<InterfaceAddress>, _ node: DraftNode, _ draft: Draft, _ findings: inout Findings
    ) {
        let value = address.value
        var what = AddressCheck.unusable(value.address)
        if value.address.family == .ipv4, value.prefixLength < 31 {
            if value.address == value.network.base { what = "the network's own address" }
            if value.address == value.network.last { what = "the broadcast address of its network" }
        }
        guard let what else { return }
        let problem = NodeProblem.unusableAddress(value.address, node: node.name, what: what)
        findings.addOnce(problem, at: draft.place(address.mark))
    }

    private static func nextHops(
        _ name: String, _ interface: DraftInterface, _ node: DraftNode, _ gateways: inout [IPAddress.Family: String],
        _ draft: Draft, _ findings: inout Findings
    ) {
        let networks = interface.located(at: node.index).map(\.value.network)
        let defaults = interface.gateways ?? []
        for gateway in defaults {
            guard let other = gateways.updateValue(name, forKey: gateway.value.family) else { continue }
            let problem = InterfaceProblem.secondGateway(gateway.value, link: name, other: other, node: node.name)
            findings.addOnce(problem, at: draft.place(gateway.mark))
        }
        guard interface.dhcp != true else { return }
        for hop in defaults + (interface.routes ?? []).map({ Located(value: $0.value.via, mark: $0.mark) })
        where !hop.value.isLinkLocal && !networks.contains(where: { $0.contains(hop.value) }) {
            let problem = InterfaceProblem.nextHopElsewhere(hop.value, link: name, node: node.name)
            findings.addOnce(problem, at: draft.place(hop.mark))
        }
    }

    /// The link that has the node's subnet must have its address, too.
    private static func lostAddress(_ node: DraftNode, _ draft: Draft, _ findings: inout Findings) {
        let links = node.interfaces
        for address in node.addresses.map(\.value) {
            let all = links.flatMap(\.addresses)
            guard !all.contains(where: { $0.address == address }),
                let link = links.first(where: { $0.addresses.contains { $0.network.contains(address) } })
            else { continue }
            let mark = node.settings.interfaces?[link.name]?.mark ?? node.mark
            let problem = InterfaceProblem.nodeAddressMissing(address, node: node.name, link: link.name)
            findings.addOnce(problem, at: draft.place(mark))
        }
    }
}
