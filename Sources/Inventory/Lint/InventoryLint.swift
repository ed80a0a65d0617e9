import YAML

/// What is questionable in an inventory and keeps nobody from using it.
enum InventoryLint {
    static let all: [InventoryChecks.Check] = [mappedAddresses, vlanBypass, tmfifo, retired]

    static func run(_ draft: Draft, _ findings: inout Findings) {
        for rule in all { rule(draft, &findings) }
    }

    static func mappedAddresses(_ draft: Draft, _ findings: inout Findings) {
        AddressRules.mapped(ManifestPart(file: draft.file, node: draft.root), draft.root, &findings)
    }

    static func vlanBypass(_ draft: Draft, _ findings: inout Findings) {
        guard let values = draft.ciliumValues else { return }
        CiliumRules.vlanBypass(ManifestPart(file: draft.file, node: values), &findings)
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

    var code: DiagnosticCode { .tmfifoOverlap }

    var words: Words {
        switch self {
        case .tmfifo(let what, let range):
            Words(
                message: "'\(what)' \(range) overlaps 192.168.100.0/30, rshim's link to a BlueField",
                why: "the way in when SSH is lost leads over that link, and would lead to pods or Services instead",
                fix: "choose another range, unless the link has other addresses here")
        }
    }
}
