import YAML

/// Ranges of addresses against each other, those that nobody wrote too.
enum RangeRules {
    static let all: [ManifestRules.Rule] = [overlaps, nodes, defaultPool, podRanges]

    /// One finding a range, so that a folder full of nested ranges gives no more than it has.
    static func overlaps(_ manifests: Manifests, _ findings: inout Findings) {
        let ranges = manifests.ranges.sorted { ($0.block.first, $0.place) < ($1.block.first, $1.place) }
        for (index, range) in ranges.enumerated() {
            let other = ranges[(index + 1)...].prefix { range.block.overlaps($0.block) }.first(where: range.excludes)
            guard let other else { continue }
            let (first, second) = range.rank <= other.rank ? (range, other) : (other, range)
            findings.add(RangeLintProblem.overlap(first.text, second.text), at: second.place)
        }
    }

    static func nodes(_ manifests: Manifests, _ findings: inout Findings) {
        let nodes = SortedAddresses(manifests.nodeAddresses)
        let endpoints = SortedAddresses(manifests.virtualAddresses)
        for range in manifests.ranges where range.kind != .pool {
            if let node = nodes.first(in: range.block), !range.isOfInventory {
                findings.add(RangeLintProblem.node(node, range.text), at: range.place)
            }
            if let endpoint = endpoints.first(in: range.block), !range.isOfInventory {
                findings.add(RangeLintProblem.endpoint(endpoint, range.text), at: range.place)
            }
        }
    }

    /// Cilium's own range, 10.0.0.0/8 (its chart's values.yaml), where nobody chose another.
    static func defaultPool(_ manifests: Manifests, _ findings: inout Findings) {
        guard let whole = CIDR("10.0.0.0/8") else { return }
        let pool = WrittenBlock(whole, text: "10.0.0.0/8", mark: Mark(line: 1, column: 1))
        let others = manifests.ranges.filter { $0.kind != .pods && $0.block.overlaps(pool) }.map(\.text)
        let nodes = manifests.nodeAddresses.filter(pool.contains).sorted().map { "node \($0)" }
        guard let first = (nodes + others).first else { return }
        let mode = manifests.ciliumValues.compactMap { $0.node["ipam"]?["mode"]?.scalar?.text }.first
        let isUsed = mode ?? "cluster-pool" == "cluster-pool"
        let hasOther = manifests.ciliumValues.contains {
            $0.node["ipam"]?["operator"]?["clusterPoolIPv4PodCIDRList"] != nil
                || $0.node["ipv4"]?["enabled"]?.boolean == false
        }
        guard isUsed, !hasOther, let values = manifests.ciliumValues.first else { return }
        findings.add(RangeLintProblem.defaultPool(first), at: values.place(values.node["ipam"]))
    }

    /// K3s' allocation goes unused with Cilium's own, but routes, masquerading and policies go by one of the two.
    static func podRanges(_ manifests: Manifests, _ findings: inout Findings) {
        for family in IPAddress.Family.allCases {
            let k3s = manifests.k3s.flatMap { $0.texts("cluster-cidr") }.compactMap { CIDR($0.text) }
            guard let wanted = k3s.first(where: { $0.family == family }) else { continue }
            for part in manifests.ciliumValues {
                let pool = part.clusterPool(family)
                if let range = pool.first, !pool.contains(where: { $0.value == wanted }) {
                    let problem = RangeLintProblem.podRangesDiffer(range.value, wanted)
                    findings.add(problem, at: part.place(range.mark))
                }
            }
        }
    }
}

/// A range with what it is for and where it stands, or where it would.
private struct NamedRange {
    enum Kind: Int {
        case pods, services, pool
    }

    var kind: Kind
    /// What the files call it.
    var what: String
    var block: WrittenBlock
    var place: SourcePlace
    var isDefault = false
    /// The reader of inventories has compared these with each other.
    var isOfInventory = false

    var text: String { "\(what) \(block.text)" + (isDefault ? " (nobody set it: K3s' default)" : "") }

    /// Findings stand at the range that was most likely chosen last.
    var rank: (Int, SourcePlace) { (isDefault ? -1 : kind.rawValue, place) }

    /// Whether the two must have nothing in common: all but two names of one range.
    func excludes(_ other: NamedRange) -> Bool {
        if isOfInventory && other.isOfInventory { return false }
        return kind != other.kind || kind == .pool && (what, block.text) != (other.what, other.block.text)
    }
}

extension Manifests {
    /// Pods and services of K3s with its defaults, of Cilium and of the inventory, and pools for Services.
    fileprivate var ranges: [NamedRange] {
        var result = k3sRanges(.pods, "cluster-cidr", "10.42.0.0/16")
        result += k3sRanges(.services, "service-cidr", "10.43.0.0/16")
        for part in ciliumValues {
            for range in part.clusterPool(.ipv4) + part.clusterPool(.ipv6) {
                let block = WrittenBlock(range.value, text: range.value.description, mark: range.mark)
                if result.contains(where: { $0.kind == .pods && $0.block.text == block.text }) { continue }
                result.append(
                    NamedRange(kind: .pods, what: "Cilium's pod range", block: block, place: part.place(range.mark)))
            }
        }
        for pool in objects("CiliumLoadBalancerIPPool") {
            for block in pool.blocks {
                let place = pool.part.place(block.mark)
                result.append(NamedRange(kind: .pool, what: "pool '\(pool.name)'", block: block, place: place))
            }
        }
        guard let inventory, k3s.isEmpty else { return result }
        let lists = [
            (NamedRange.Kind.pods, "network.pods", inventory.pods), (.services, "network.services", inventory.services),
        ]
        for (kind, what, ranges) in lists {
            for range in ranges {
                let block = WrittenBlock(range.value, text: range.value.description, mark: range.mark)
                let place = inventory.place(range.mark)
                result.append(NamedRange(kind: kind, what: what, block: block, place: place, isOfInventory: true))
            }
        }
        return result
    }

    /// What servers say, each range once; the default where none says anything.
    private func k3sRanges(_ kind: NamedRange.Kind, _ key: String, _ standard: String) -> [NamedRange] {
        let servers = k3s.filter { $0.role == .server }
        var result: [NamedRange] = []
        for config in servers {
            for (text, mark) in config.texts(key) {
                guard let range = CIDR(text), !result.contains(where: { $0.block.text == text }) else { continue }
                let block = WrittenBlock(range, text: text, mark: mark)
                result.append(NamedRange(kind: kind, what: key, block: block, place: config.part.place(mark)))
            }
        }
        guard result.isEmpty, let config = servers.first, let range = CIDR(standard) else { return result }
        let first = config.texts("node-ip").first.flatMap { IPAddress($0.text)?.family }
        if first == .ipv6 { return [] }
        let mark = config.part.node.mark
        let block = WrittenBlock(range, text: standard, mark: mark)
        return [NamedRange(kind: kind, what: key, block: block, place: config.part.place(mark), isDefault: true)]
    }
}

/// What `lint` finds in ranges of several files.
enum RangeLintProblem: InventoryProblem {
    case overlap(String, String)
    case node(IPAddress, String)
    case endpoint(IPAddress, String)
    case defaultPool(String)
    case podRangesDiffer(CIDR, CIDR)

    var code: DiagnosticCode {
        switch self {
        case .overlap: .rangesOverlap
        case .node: .nodeInRange
        case .endpoint: .vipInRange
        case .defaultPool: .defaultPodPool
        case .podRangesDiffer: .podRangesDiffer
        }
    }

    var words: Words {
        switch self {
        case .overlap(let first, let second):
            Words(
                message: "\(second) overlaps \(first)", why: "an address in both could not be routed",
                fix: "choose ranges that have nothing in common")
        case .node(let node, let range):
            Words(
                message: "node \(node) lies in \(range)",
                why: "traffic to the node would be taken for traffic to a pod or service", fix: "choose another range")
        case .endpoint(let endpoint, let range):
            Words(
                message: "the endpoint \(endpoint) lies in \(range)",
                why: "traffic to it would be taken for traffic to a pod or service", fix: "choose another range")
        case .defaultPool(let other):
            Words(
                message: "no range for pods is set, and Cilium's default 10.0.0.0/8 contains \(other)",
                why: "sooner or later pods get addresses that belong to something else",
                fix: "set 'ipam.operator.clusterPoolIPv4PodCIDRList' to K3s' cluster-cidr")
        case .podRangesDiffer(let range, let wanted):
            Words(
                message: "Cilium hands out \(range), and K3s' cluster-cidr is \(wanted)",
                why: "nodes show ranges that no pod has, and whatever goes by cluster-cidr goes by the wrong one",
                fix: "write the same range in both")
        }
    }
}
