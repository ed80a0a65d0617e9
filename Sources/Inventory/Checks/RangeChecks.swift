import YAML

/// Pods, services, DNS and nodes have the same families and nothing in common.
enum RangeCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        var areFamiliesClear = true
        for (what, ranges) in [("network.pods", draft.pods), ("network.services", draft.services)] {
            let isClear = checkCount(
                what, ranges.map { Located(value: $0.value.family, mark: $0.mark) }, draft, &findings)
            areFamiliesClear = areFamiliesClear && isClear
        }
        let dns = draft.clusterDNS.map { Located(value: $0.value.family, mark: $0.mark) }
        areFamiliesClear = checkCount("network.clusterDNS", dns, draft, &findings) && areFamiliesClear
        if areFamiliesClear { checkFamilies(draft, &findings) }
        checkOverlaps(draft, &findings)
        checkDNS(draft, &findings)
    }

    private static func checkCount(
        _ what: String, _ families: [Located<IPAddress.Family>], _ draft: Draft, _ findings: inout Findings
    ) -> Bool {
        guard families.count > 1 else { return true }
        if families.count > 2 {
            let problem = NetworkProblem.tooManyRanges(what: what, count: families.count)
            findings.add(problem, at: draft.place(families[2].mark))
            return false
        }
        guard families[0].value == families[1].value else { return true }
        findings.add(
            NetworkProblem.sameFamilyTwice(what: what, families[0].value), at: draft.place(families[1].mark))
        return false
    }

    private static func checkFamilies(_ draft: Draft, _ findings: inout Findings) {
        let services = draft.services.map(\.value.family)
        if let first = draft.services.first, !draft.pods.isEmpty, services != draft.families {
            let problem = NetworkProblem.familiesDisagree(
                what: "network.services", found: services, wanted: draft.families)
            findings.add(problem, at: draft.place(first.mark))
        }
        let dns = draft.clusterDNS.map(\.value.family)
        if let first = draft.clusterDNS.first, !draft.pods.isEmpty, dns != draft.families {
            let problem = NetworkProblem.familiesDisagree(
                what: "network.clusterDNS", found: dns, wanted: draft.families)
            findings.add(problem, at: draft.place(first.mark))
        }
    }

    private static func checkOverlaps(_ draft: Draft, _ findings: inout Findings) {
        for pods in draft.pods {
            for services in draft.services where pods.value.overlaps(services.value) {
                let problem = NetworkProblem.overlap(
                    "network.pods", pods.value, "network.services", services.value)
                findings.add(problem, at: draft.place(services.mark))
            }
        }
        let ranges =
            draft.pods.map { ("network.pods", $0.value) } + draft.services.map { ("network.services", $0.value) }
        var reported: Set<Mark> = []
        for node in draft.nodes {
            for address in node.addresses {
                guard let (what, range) = ranges.first(where: { $0.1.contains(address.value) }),
                    reported.insert(address.mark).inserted
                else { continue }
                let problem = NetworkProblem.nodeInRange(node: node.name, address.value, what: what, range)
                findings.add(problem, at: draft.place(address.mark))
            }
        }
    }

    private static func checkDNS(_ draft: Draft, _ findings: inout Findings) {
        let services = draft.services.map(\.value)
        guard !services.isEmpty else { return }
        for address in draft.clusterDNS where !services.contains(where: { $0.contains(address.value) }) {
            guard services.contains(where: { $0.family == address.value.family }) else { continue }
            let problem = NetworkProblem.dnsOutsideServices(address.value, services)
            findings.add(problem, at: draft.place(address.mark))
        }
    }
}

/// Ranges have the sizes that Kubernetes takes and the nodes need.
enum RangeSizeCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        for range in draft.pods { checkPods(range, draft, &findings) }
        for range in draft.services {
            // At most 20 bits (Kubernetes cmd/kube-apiserver/app/options), and at least the tenth address.
            let (least, most) = range.value.family == .ipv4 ? (12, 28) : (108, 124)
            if !(least...most).contains(range.value.prefixLength) {
                let problem = NetworkProblem.serviceRangeSize(range.value, least: least, most: most)
                findings.add(problem, at: draft.place(range.mark))
            }
        }
    }

    /// The rules of the controller manager's node ranges (Kubernetes pkg/controller/nodeipam) and of Cilium's pool.
    private static func checkPods(_ range: Located<CIDR>, _ draft: Draft, _ findings: inout Findings) {
        let pods = range.value
        let place = draft.place(range.mark)
        let told = argument(pods.family, [draft.root["k3s"]?["config"]?[NodeMask.key]].compactMap(\.self))
        let mask = told ?? NodeMask.workedOut(pods)
        // Of a longer range of IPv4 a node's part would have hardly any addresses.
        let isTooLong = pods.family == .ipv4 && told == nil && pods.prefixLength > NodeMask.standard(.ipv4)
        if pods.prefixLength > mask || isTooLong {
            let problem = NetworkProblem.podRangeTooLong(pods, mask: isTooLong ? NodeMask.standard(.ipv4) : mask)
            return findings.add(problem, at: place)
        }
        if pods.family == .ipv6 {
            if mask - pods.prefixLength > NodeMask.mostBits {
                findings.add(NetworkProblem.podRangeTooWide(pods, mask: mask), at: place)
            }
            if pods.prefixLength == mask, draft.nodes.count > 1 {
                return findings.add(NetworkProblem.podRangeForOneNode(pods), at: place)
            }
        }
        let poolMask = CiliumCheck.poolMask(draft.ciliumValues, pods.family)?.number ?? mask
        guard let room = pods.subnetCount(ofLength: poolMask), poolMask >= pods.prefixLength, room < draft.nodes.count
        else { return }
        let problem = NetworkProblem.podRangeTooSmall(pods, nodes: draft.nodes.count, room: room, mask: poolMask)
        findings.add(problem, at: place)
    }

    /// The mask that arguments of the controller manager set.
    static func argument(_ family: IPAddress.Family, _ arguments: [YAMLNode]) -> Int? {
        NodeMask.argument(family, arguments.flatMap(\.oneOrMore).compactMap { $0.scalar?.text })
    }
}

/// The endpoint is an address that control plane nodes can hold and nobody has.
enum EndpointCheck {
    static func run(_ draft: Draft, _ findings: inout Findings) {
        guard let mark = draft.endpointMark else { return }
        let place = draft.place(mark)
        switch draft.endpoint {
        case .kubeVip(let vip, _):
            if checkAddress(vip, draft, at: place, &findings) { checkSubnet(vip, draft, at: place, &findings) }
        case .keepalived(let vip, let port, _):
            if checkAddress(vip, draft, at: place, &findings) { checkSubnet(vip, draft, at: place, &findings) }
            let written = draft.root["endpoint"]?["keepalived"]?["port"]
            checkPort(port, draft, at: written.map { draft.place($0.mark) } ?? place, &findings)
        case .ciliumBgp(let address):
            if checkAddress(address, draft, at: place, &findings) {
                AnnouncedEndpointCheck.run(address, draft, at: place, &findings)
            }
        case .dns, nil: return
        }
    }

    /// Whether nothing is wrong that would be wrong wherever the address is.
    private static func checkAddress(
        _ vip: IPAddress, _ draft: Draft, at place: SourcePlace, _ findings: inout Findings
    ) -> Bool {
        guard let problem = problem(vip, draft) else { return true }
        findings.add(problem, at: place)
        return false
    }

    private static func problem(_ vip: IPAddress, _ draft: Draft) -> NetworkProblem? {
        if let what = AddressCheck.unusable(vip) {
            return .vipUnusable(vip, what: what)
        }
        if let node = draft.nodes.first(where: { $0.addresses.contains { $0.value == vip } }) {
            return .vipIsNode(vip, node: node.name)
        }
        let ranges =
            draft.pods.map { ("network.pods", $0.value) } + draft.services.map { ("network.services", $0.value) }
        if let (what, range) = ranges.first(where: { $0.1.contains(vip) }) {
            return .vipInRange(vip, what: what, range)
        }
        let nodes = draft.controlPlane.filter { !$0.addresses.isEmpty }
        if let node = nodes.first(where: { !$0.addresses.contains { $0.value.family == vip.family } }) {
            return .vipFamily(vip, node: node.name)
        }
        return nil
    }

    /// Who listens on a control plane node besides the API (K3s docs, installation/requirements.md; Kubernetes docs,
    /// ports-and-protocols; Cilium documentation, operations/system_requirements).
    private static let taken: [(ClosedRange<Int>, String)] = [
        (22...22, "SSH"), (2379...2382, "etcd"), (6444...6444, "K3s' way to the API on the node itself"),
        (10248...10260, "the kubelet and the controllers"), (30000...32767, "the NodePorts of Services"),
        (4240...4245, "Cilium"), (9878...9893, "Cilium"), (9962...9965, "Cilium"),
    ]

    /// HAProxy stands beside K3s and Cilium in the node's own network; it needs this port and the one after it.
    private static func checkPort(_ port: Port, _ draft: Draft, at place: SourcePlace, _ findings: inout Findings) {
        let api = (draft.root["network"]?["apiPort"]?.number).flatMap(Port.init) ?? .api
        let taken =
            [(api.number...api.number, "the API of K3s, on every address of the node")] + EndpointCheck.taken
            + (draft.root["dns"] == nil ? [] : [53, DNSSettings.healthPort.number].map { ($0...$0, "CoreDNS") })
        for number in [port.number, port.number + 1] {
            guard let (_, who) = taken.first(where: { $0.0.contains(number) }) else { continue }
            return findings.add(NetworkProblem.endpointPort(number, who: who), at: place)
        }
    }

    private static func checkSubnet(
        _ vip: IPAddress, _ draft: Draft, at place: SourcePlace, _ findings: inout Findings
    ) {
        let nodes = draft.controlPlane.filter { !$0.addresses.isEmpty }
        let mask = vip.family == .ipv4 ? 24 : 64
        let subnet = CIDR(containing: vip, prefixLength: mask)
        if !nodes.isEmpty, !nodes.contains(where: { $0.addresses.contains { subnet.contains($0.value) } }) {
            findings.add(NetworkProblem.vipOutsideSubnet(vip, mask: mask), at: place)
        }
    }
}
