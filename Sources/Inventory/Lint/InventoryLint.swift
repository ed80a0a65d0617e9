import YAML

/// What is questionable in an inventory and keeps nobody from using it.
enum InventoryLint {
    static let all: [InventoryChecks.Check] = [
        mappedAddresses, vlans, DirectReturnRules.inventory, openImports, tmfifo, retired,
    ]

    static func run(_ draft: Draft, _ findings: inout Findings) {
        for rule in all { rule(draft, &findings) }
    }

    static func mappedAddresses(_ draft: Draft, _ findings: inout Findings) {
        AddressRules.mapped(ManifestPart(file: draft.file, node: draft.root), draft.root, &findings)
    }

    static func vlans(_ draft: Draft, _ findings: inout Findings) {
        guard let list = draft.root["network"]?["vlans"], let vlans = draft.datapath.vlans, vlans.count > 5 else {
            return
        }
        findings.add(InventoryLintProblem.vlans(vlans.count), at: draft.place(list.mark))
    }

    static func openImports(_ draft: Draft, _ findings: inout Findings) {
        for peer in draft.root["bgp"]?["peers"]?.entries ?? [] {
            guard let node = peer.value["import"], node.choice(BGPSettings.Peer.Import.self) == .all else { continue }
            findings.add(InventoryLintProblem.openImport(router: peer.key), at: draft.place(node.mark))
        }
    }

    static func retired(_ draft: Draft, _ findings: inout Findings) {
        for addon in draft.root["addons"]?.entries ?? [] {
            guard let found = ObjectRules.retired(addon.value, key: "") else { continue }
            findings.add(ObjectProblem.retired, at: draft.place(found.mark))
        }
    }

    /// rshim's link between a BlueField and its host is 192.168.100.0/30 unless somebody changed it.
    static func tmfifo(_ draft: Draft, _ findings: inout Findings) {
        guard draft.nodes.contains(where: { $0.profile.name == .bluefield }), let link = CIDR("192.168.100.0/30") else {
            return
        }
        let ranges = [("network.pods", draft.pods), ("network.services", draft.services)]
        for (what, list) in ranges {
            for range in list where range.value.overlaps(link) {
                findings.add(InventoryLintProblem.tmfifo(what, range.value), at: draft.place(range.mark))
            }
        }
    }
}

/// What `lint` finds in inventories alone.
enum InventoryLintProblem: InventoryProblem {
    case tmfifo(String, CIDR)
    case vlans(Int)
    case openImport(router: String)

    var code: DiagnosticCode {
        switch self {
        case .tmfifo: .tmfifoOverlap
        case .vlans: .vlanBypassTooLong
        case .openImport: .routerWithoutFilter
        }
    }

    var words: Words {
        switch self {
        case .tmfifo(let what, let range):
            Words(
                message: "'\(what)' \(range) overlaps 192.168.100.0/30, rshim's link to a BlueField",
                why: "the way in when SSH is lost leads over that link, and would lead to pods or Services instead",
                fix: "choose another range, unless the link has other addresses here")
        case .vlans(let count):
            Words(
                message: "'network.vlans' lists \(count) VLANs",
                why: "where a node has devices for more than five of them, the agent does not load its datapath",
                fix: "leave it out, which lets every VLAN pass, or list five at most")
        case .openImport(let router):
            Words(
                message: "router '\(router)' takes every route from the nodes",
                why: "a node, or a mistake in the cluster, can draw any traffic to itself, the default route too",
                fix: "leave 'import' out: ranges of pods and addresses of pools are then taken alone")
        }
    }
}
