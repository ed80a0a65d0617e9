/// What is wrong with ranges, the endpoint, and how they fit the nodes.
enum NetworkProblem: InventoryProblem {
    case tooManyRanges(what: String, count: Int)
    case sameFamilyTwice(what: String, IPAddress.Family)
    case familiesDisagree(what: String, found: [IPAddress.Family], wanted: [IPAddress.Family])
    case nodeFamilies(node: String, found: [IPAddress.Family], wanted: [IPAddress.Family])
    case overlap(String, CIDR, String, CIDR)
    case nodeInRange(node: String, IPAddress, what: String, CIDR)
    case podRangeTooLong(CIDR, mask: Int)
    case podRangeForOneNode(CIDR)
    case podRangeTooWide(CIDR, mask: Int)
    case podRangeTooSmall(CIDR, nodes: Int, room: Int, mask: Int)
    case serviceRangeSize(CIDR, least: Int, most: Int)
    case dnsOutsideServices(IPAddress, [CIDR])
    case vipIsNode(IPAddress, node: String)
    case vipFamily(IPAddress, node: String)
    case vipInRange(IPAddress, what: String, CIDR)
    case vipOutsideSubnet(IPAddress, mask: Int)
    case vipUnusable(IPAddress, what: String)
    case endpointPort(Int, who: String)

    var code: DiagnosticCode {
        switch self {
        case .tooManyRanges, .sameFamilyTwice: .tooManyRanges
        case .familiesDisagree, .nodeFamilies: .familiesDisagree
        case .overlap: .rangesOverlap
        case .nodeInRange: .nodeInRange
        case .podRangeTooLong: .podRangeTooLong
        case .podRangeForOneNode: .podRangeForOneNode
        case .podRangeTooWide: .podRangeTooWide
        case .podRangeTooSmall: .podRangeTooSmall
        case .serviceRangeSize: .serviceRangeSize
        case .dnsOutsideServices: .dnsOutsideServices
        case .vipIsNode: .vipIsNode
        case .vipFamily: .vipFamily
        case .vipInRange: .vipInRange
        case .vipOutsideSubnet: .vipOutsideSubnet
        case .vipUnusable: .unusableAddress
        case .endpointPort: .endpointPort
        }
    }
}
