import YAML

/// FRR configurations of routers.
enum RouterRules {
    static let all: [ManifestRules.Rule] = [inboundFilters]

    /// Without a policy FRR takes nothing from external peers, unless it is told to take everything.
    static func inboundFilters(_ manifests: Manifests, _ findings: inout Findings) {
        for router in manifests.routers {
            let open = router.peers.filter { !$0.hasInboundFilter }
            guard let first = open.first else { continue }
            var seen: Set<String> = []
            let all = open.map { $0.peerGroup ?? $0.name }.filter { seen.insert($0).inserted }
            let names = all.prefix(6) + (all.count > 6 ? ["and \(all.count - 6) more"] : [])
            let isExternal = first.remoteASN.map { $0.text != router.asn && $0.text != "internal" } ?? true
            let place = router.place(first.remoteASN?.mark ?? first.mark)
            if router.needsNoPolicy || !isExternal {
                findings.add(RouterProblem.noFilter(Array(names)), at: place)
            } else {
                findings.add(RouterProblem.takesNoRoutes(Array(names)), at: place)
            }
        }
    }
}

/// What `lint` finds in configurations of FRR.
enum RouterProblem: InventoryProblem {
    case noFilter([String])
    case takesNoRoutes([String])

    var code: DiagnosticCode {
        switch self {
        case .noFilter: .routerWithoutFilter
        case .takesNoRoutes: .routerTakesNoRoutes
        }
    }

    var words: Words {
        switch self {
        case .noFilter(let names):
            Words(
                message: "the router takes every route from \(names.joined(separator: ", "))",
                why: "a node, or a mistake in the cluster, can draw any traffic to itself, the default route too",
                fix: "add 'neighbor ... prefix-list NAME in' with the ranges of pools and pods alone")
        case .takesNoRoutes(let names):
            Words(
                message: "the router has no inbound policy for \(names.joined(separator: ", "))",
                why: "FRR then takes no route from external peers: the session is up and says '(Policy)'",
                fix: "add 'neighbor ... prefix-list NAME in' and 'neighbor ... prefix-list NAME out'")
        }
    }
}
