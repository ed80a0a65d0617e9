import YAML

/// Pools of addresses for Services, against nodes and the Services that draw on them.
enum LoadBalancerRules {
    static let all: [ManifestRules.Rule] = [poolsAndNodes, servicesAndPools]

    static func poolsAndNodes(_ manifests: Manifests, _ findings: inout Findings) {
        let nodes = SortedAddresses(manifests.nodeAddresses)
        let endpoints = SortedAddresses(manifests.virtualAddresses)
        let isAnnounced = !manifests.objects("CiliumL2AnnouncementPolicy").isEmpty
        for pool in manifests.objects("CiliumLoadBalancerIPPool") {
            for block in pool.blocks {
                let place = pool.part.place(block.mark)
                if let node = nodes.first(in: block) {
                    findings.add(LoadBalancerProblem.containsNode(pool.name, block.text, node), at: place)
                } else if let endpoint = endpoints.first(in: block) {
                    findings.add(LoadBalancerProblem.containsEndpoint(pool.name, block.text, endpoint), at: place)
                } else if !isAnnounced, let node = block.link.flatMap(nodes.first) {
                    findings.add(LoadBalancerProblem.onNodeSubnet(pool.name, block.text, node), at: place)
                }
            }
        }
    }

    static func servicesAndPools(_ manifests: Manifests, _ findings: inout Findings) {
        let pools = manifests.objects("CiliumLoadBalancerIPPool").map { pool in
            (selector: pool.spec?["serviceSelector"].map(LabelSelector.init), blocks: pool.blocks)
        }
        guard !pools.isEmpty else { return }
        for service in manifests.loadBalancerServices {
            let labels = service.selectable
            let serving = pools.filter { $0.selector?.matches(labels) ?? true }
            if serving.isEmpty {
                findings.add(LoadBalancerProblem.noPool(service.name), at: service.place)
                continue
            }
            for pin in service.pinnedAddresses
            where !serving.contains(where: { $0.blocks.contains { $0.contains(pin.value) } }) {
                findings.add(LoadBalancerProblem.pinOutside(service.name, pin.value), at: service.part.place(pin.mark))
            }
        }
    }
}

/// Addresses of which one in a range is found without going through all.
struct SortedAddresses {
    private let sorted: [IPAddress]

    init(_ addresses: some Sequence<IPAddress>) { sorted = addresses.sorted() }

    /// The lowest address in the block.
    func first(in block: WrittenBlock) -> IPAddress? {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < block.first { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && block.contains(sorted[low]) ? sorted[low] : nil
    }
}

/// A block of addresses as it stands in a file, with its place.
struct WrittenBlock {
    let block: AddressBlock
    /// As it stands in the file.
    let text: String
    let mark: Mark

    init(_ range: CIDR, text: String, mark: Mark) {
        (block, self.text, self.mark) = (.network(range), text, mark)
    }

    init(from first: IPAddress, to last: IPAddress, mark: Mark) {
        (block, self.mark) = (.range(first, last), mark)
        text = first == last ? "\(first)" : "\(first) to \(last)"
    }

    /// Nil for what is no block; the API server refuses that.
    init?(_ node: YAMLNode) {
        if let range = node["cidr"], let text = range.scalar?.text {
            switch CIDR.parse(text) {
            case .success(let cidr), .failure(.hostBits(let cidr)): self.init(cidr, text: text, mark: range.mark)
            case .failure: return nil
            }
        } else if let start = node["start"]?.address {
            self.init(from: start.value, to: node["stop"]?.address?.value ?? start.value, mark: start.mark)
        } else {
            return nil
        }
    }

    var first: IPAddress { block.first }
    var last: IPAddress { block.last }
    func contains(_ address: IPAddress) -> Bool { block.contains(address) }
    func overlaps(_ other: WrittenBlock) -> Bool { block.overlaps(other.block) }

    /// What is nearly always one link, a /24 or a /64, if the block is a part of one.
    var link: WrittenBlock? {
        let link = CIDR(containing: first, prefixLength: first.family == .ipv4 ? 24 : 64)
        return link.contains(last) ? WrittenBlock(link, text: link.description, mark: mark) : nil
    }
}

extension KubernetesObject {
    /// The addresses of a pool; `cidrs` is what the key was called before Cilium 1.15.
    var blocks: [WrittenBlock] {
        (spec?["blocks"]?.list ?? spec?["cidrs"]?.list ?? []).compactMap(WrittenBlock.init)
    }

    /// What selectors of Cilium see of a Service.
    var selectable: [String: String] {
        var result = labels
        result["io.kubernetes.service.name"] = name
        result["io.kubernetes.service.namespace"] = namespace
        return result
    }

    /// The addresses that a Service asks for.
    var pinnedAddresses: [Located<IPAddress>] {
        let keys = ["lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips"]
        return keys.compactMap(annotation).flatMap { node in
            (node.scalar?.text ?? "").split { $0 == "," || $0 == " " }.compactMap { IPAddress(String($0)) }
                .map { Located(value: $0, mark: node.mark) }
        }
    }
}

extension Manifests {
    /// Services that Cilium gives an address to and announces.
    var loadBalancerServices: [KubernetesObject] {
        objects("Service").filter { service in
            let loadBalancer = service.spec?["loadBalancerClass"]?.scalar?.text ?? "io.cilium/"
            return service.spec?["type"]?.scalar?.text == "LoadBalancer" && loadBalancer.hasPrefix("io.cilium/")
        }
    }
}

/// What `lint` finds in pools of addresses.
enum LoadBalancerProblem: InventoryProblem {
    case containsNode(String, String, IPAddress)
    case containsEndpoint(String, String, IPAddress)
    case onNodeSubnet(String, String, IPAddress)
    case noPool(String)
    case pinOutside(String, IPAddress)

    var code: DiagnosticCode {
        switch self {
        case .containsNode, .containsEndpoint: .poolHasMachine
        case .onNodeSubnet: .poolInNodeSubnet
        case .noPool, .pinOutside: .serviceWithoutPool
        }
    }

    var words: Words {
        switch self {
        case .containsNode(let pool, let block, let node):
            Words(
                message: "pool '\(pool)' has \(block), and \(node) of it is a node",
                why: "a Service that gets this address takes over the node's: Cilium drops what is no port of it",
                fix: "choose addresses that no machine has")
        case .containsEndpoint(let pool, let block, let endpoint):
            Words(
                message: "pool '\(pool)' has \(block), and \(endpoint) of it is the endpoint",
                why: "kube-vip holds the address, and Cilium may give it to a Service as well",
                fix: "choose addresses that no machine has")
        case .onNodeSubnet(let pool, let block, let node):
            Words(
                message: "pool '\(pool)' has \(block), which lies in the subnet of node \(node)",
                why: "hosts of that subnet ask for these addresses by ARP, and with BGP alone nobody answers",
                fix: "choose a range of its own for the pool, or announce it on the link as well")
        case .noPool(let service):
            Words(
                message: "no pool selects Service '\(service)'", why: "it stays without an address",
                fix: "give it a label that a pool's 'serviceSelector' asks for")
        case .pinOutside(let service, let address):
            Words(
                message: "Service '\(service)' asks for \(address), which is in no pool that selects it",
                why: "Cilium gives out addresses of its pools only",
                fix: "add the address to a pool, or ask for another")
        }
    }
}
