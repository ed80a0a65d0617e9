/// What is wrong with the links of a node.
enum InterfaceProblem: InventoryProblem {
    case loop(String)
    case memberTwice(String, bond: String, other: String)
    case memberWithAddress(String, bond: String)
    case memberIsMade(String, bond: String)
    case vlanTwice(String, other: String, link: String, id: Int)
    case vlanMTU(String, mtu: Int, link: String, most: Int)
    case nextHopElsewhere(IPAddress, link: String, node: String)
    case secondGateway(IPAddress, link: String, other: String, node: String)
    case nodeAddressMissing(IPAddress, node: String, link: String)
    case addressTwice(IPAddress, node: String, link: String, other: String, String?)
    case notApplied(node: String)

    var code: DiagnosticCode {
        switch self {
        case .loop: .interfaceLoop
        case .memberTwice, .memberWithAddress, .memberIsMade: .bondMember
        case .vlanTwice: .vlanTwice
        case .vlanMTU: .vlanMTU
        case .nextHopElsewhere, .secondGateway: .interfaceGateway
        case .nodeAddressMissing: .nodeAddressMissing
        case .addressTwice: .duplicateAddress
        case .notApplied: .interfacesNotApplied
        }
    }

    var words: Words {
        switch self {
        case .loop(let link):
            Words(
                message: "link '\(link)' stands on itself", why: "none of the links in the circle could be made first",
                fix: "name the device that is there at the end of it")
        case .memberTwice(let member, let bond, let other):
            Words(
                message: other != bond
                    ? "member '\(member)' of '\(bond)' is taken by '\(other)' already"
                    : "member '\(member)' stands twice in '\(bond)'",
                why: "a link belongs to one bond, which takes all that it carries",
                fix: other == bond ? "leave one of them out" : "leave it out of one of the two, or set it on '\(bond)'")
        case .memberWithAddress(let member, let bond):
            Words(
                message: "member '\(member)' of '\(bond)' has addresses, DHCP or routes of its own",
                why: "what arrives at a member is handed to the bond, so that its own addresses do not answer",
                fix: "write them at '\(bond)'")
        case .memberIsMade(let member, let bond):
            Words(
                message: "member '\(member)' of '\(bond)' is itself a bond or a VLAN",
                why: "a bond watches the carriers of devices, and neither backend makes it of anything else",
                fix: "name devices that are there")
        case .vlanTwice(let link, let other, let lower, let id):
            Words(
                message: "'\(link)' and '\(other)' are both VLAN \(id) of '\(lower)'",
                why: "the kernel makes one link for a number", fix: "write both addresses at one of them")
        case .vlanMTU(let link, let mtu, let lower, let most):
            Words(
                message: "VLAN '\(link)' has an MTU of \(mtu), and '\(lower)', which carries it, \(most)",
                why: "the kernel refuses it, or cuts it down to that of the link below",
                fix: "write \(most) or less, or raise the MTU of '\(lower)'")
        case .nextHopElsewhere(let hop, let link, let node):
            Words(
                message: "next hop \(hop) is in no network of link '\(link)' of node '\(node)'",
                why: "the kernel refuses a route whose next hop it cannot reach directly",
                fix: "write it at the link that has its network")
        case .secondGateway(let gateway, let link, let other, let node):
            Words(
                message: "node '\(node)' would have two default routes of \(gateway.family.rawValue): "
                    + "over '\(other)' and over '\(link)'",
                why: "which one is used would be chance", fix: "keep one 'gateway', and write 'routes' for the rest")
        case .nodeAddressMissing(let address, let node, let link):
            Words(
                message: "link '\(link)' has the subnet of node '\(node)', but not its address \(address)",
                why: "the node is reached, and known in the cluster, by that address: it would be gone",
                fix: "add \(address) to 'addresses' of '\(link)'")
        case .addressTwice(let address, let node, let link, let other, let otherLink):
            Words(
                message: "\(address) of link '\(link)' of node '\(node)' belongs to "
                    + (otherLink.map { "link '\($0)' of " } ?? "") + "node '\(other)' already",
                why: "two machines that answer for one address lose each other's packets", fix: "correct one of the two"
            )
        case .notApplied(let node):
            Words(
                message: "'interfaces' of node '\(node)' is not applied, because of 'manage: verify'",
                why: "clusterctl never writes to such a node",
                fix: "set its links in the machine's own configuration, and leave 'interfaces' out here")
        }
    }
}
