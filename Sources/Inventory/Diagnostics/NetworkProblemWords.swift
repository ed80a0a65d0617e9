extension NetworkProblem {
    var words: Words {
        switch self {
        case .tooManyRanges(let what, let count):
            Words(
                message: "'\(what)' has \(count) entries", why: "there are two families, with one range each",
                fix: "write one, or one of IPv4 and one of IPv6")
        case .sameFamilyTwice(let what, let family):
            Words(
                message: "'\(what)' has two entries of \(family.rawValue)", why: "Kubernetes takes one of each family",
                fix: "write one, or one of IPv4 and one of IPv6")
        case .familiesDisagree(let what, let found, let wanted):
            Words(
                message: "'\(what)' is \(found.text), but 'network.pods' is \(wanted.text)",
                why: "K3s does not start unless pods, services and nodes have the same families",
                fix: "write \(wanted.text) here, in that order")
        case .nodeFamilies(let node, let found, let wanted):
            Words(
                message: "node '\(node)' has \(found.text), but 'network.pods' is \(wanted.text)",
                why: "K3s does not start unless pods, services and nodes have the same families",
                fix: wanted.count == 2
                    ? "write 'address: [<IPv4>, <IPv6>]', or one range in 'network'"
                    : "give the node one \(wanted.text) address")
        case .overlap(let first, let firstRange, let second, let secondRange):
            Words(
                message: "'\(second)' \(secondRange) overlaps '\(first)' \(firstRange)",
                why: "an address in both could not be routed", fix: "choose ranges that have nothing in common")
        case .nodeInRange(let node, let address, let what, let range):
            Words(
                message: "address \(address) of node '\(node)' lies in '\(what)' \(range)",
                why: "traffic to the node would be taken for traffic to a pod or service",
                fix: "choose another range for '\(what)'")
        case .podRangeTooLong, .podRangeForOneNode, .podRangeTooWide, .podRangeTooSmall, .serviceRangeSize: sizeWords
        case .dnsOutsideServices(let address, let ranges):
            Words(
                message: "the DNS address \(address) lies in no service range (\(ranges.text))",
                why: "the DNS is a Service, and K3s gives it this address",
                fix: "choose an address in the range, or leave it out")
        case .vipIsNode, .vipFamily, .vipInRange, .vipOutsideSubnet, .vipUnusable, .endpointPort: vipWords
        }
    }

    private var sizeWords: Words {
        switch self {
        case .podRangeTooLong(let range, let mask):
            Words(
                message: "the pod range \(range) is smaller than what one node gets",
                why: "the controller manager of K3s exits: it hands every node a /\(mask)",
                fix: range.family == .ipv6 ? "use a /56" : "use a /16")
        case .podRangeForOneNode(let range):
            Words(
                message: "the pod range \(range) has room for one node",
                why: "K3s gives every node a /\(range.prefixLength), and the others report CIDRNotAvailable",
                fix: "use a /56")
        case .podRangeTooWide(let range, let mask):
            Words(
                message: "the pod range \(range) is too large",
                why: "the controller manager of K3s refuses more than 16 bits between the range and a node's /\(mask)",
                fix: "use a /56, or set kube-controller-manager-arg node-cidr-mask-size-ipv6")
        case .podRangeTooSmall(let range, let nodes, let room, let mask):
            Words(
                message: "the pod range \(range) has room for \(room) nodes, not for \(nodes)",
                why: "every node gets a /\(mask) of it, and without one it never becomes ready",
                fix: "use a larger range")
        default:
            if case .serviceRangeSize(let range, let least, let most) = self {
                Words(
                    message: "the service range \(range) is too \(range.prefixLength < least ? "large" : "small")",
                    why: range.prefixLength < least
                        ? "the API server refuses more than 20 bits of services"
                        : "the tenth address of it is the cluster's DNS",
                    fix: "use a length from /\(least) to /\(most), such as /\(least == 12 ? 16 : 112)")
            } else {
                vipWords
            }
        }
    }

    private var vipWords: Words {
        switch self {
        case .vipIsNode(let vip, let node):
            Words(
                message: "the endpoint \(vip) is the address of node '\(node)'",
                why: "it has to stay when that node goes", fix: "choose an address that no machine has")
        case .vipFamily(let vip, let node):
            Words(
                message: "the endpoint \(vip) is \(vip.family.rawValue), which control plane node '\(node)' has not",
                why: "the node could never serve it", fix: "choose an address of the same family")
        case .vipInRange(let vip, let what, let range):
            Words(
                message: "the endpoint \(vip) lies in '\(what)' \(range)",
                why: "traffic to it would be taken for traffic to a pod or service",
                fix: "choose an address of the nodes' subnet")
        case .vipOutsideSubnet(let vip, let mask):
            Words(
                message: "the endpoint \(vip) is in no /\(mask) with a control plane node",
                why: "who holds it announces it on the nodes' own link, where nobody may look for it",
                fix: "choose an address of the subnet that the control plane nodes share, if it is a different one")
        case .vipUnusable(let vip, let what):
            Words(
                message: "the endpoint \(vip) is \(what)", why: "clients cannot reach it there",
                fix: "choose a free address of the subnet that the control plane nodes share")
        case .endpointPort(let port, let who):
            Words(
                message: "port \(port), which HAProxy needs on every control plane node, belongs to \(who)",
                why: "one of the two would not start",
                fix: "choose another 'port' for 'keepalived', with the next one free too, or leave it out")
        default: words
        }
    }
}

extension [IPAddress.Family] {
    var text: String { map(\.rawValue).joined(separator: " and ") }
}

extension [CIDR] {
    fileprivate var text: String { map(\.description).joined(separator: ", ") }
}
