/// What is wrong with routers, announcements and pools, and how they fit the nodes.
enum BGPProblem: InventoryProblem {
    case routerFamilies(router: String, [IPAddress.Family])
    case routerUnusable(router: String, IPAddress, what: String)
    case routerHasAddressOf(router: String, IPAddress, other: String)
    case routerWithoutFamily(router: String, wanted: String, found: [IPAddress.Family])
    case withoutPeer
    case unknownRouter(String, nearest: String?)
    case withoutNode
    case timers(keepAlive: Duration, holdTime: Duration)
    case sameASN(router: String, UInt32)
    case staleRoutes(router: String, holdTime: Duration, restart: Duration)
    case poolHasMachine(pool: String, AddressBlock, what: String, IPAddress)
    case poolInNodeSubnet(pool: String, AddressBlock, node: String, CIDR)
    case poolFamily(pool: String, AddressBlock)
    case poolNotAnnounced(pool: String)
    case endpointNotAnnounced(IPAddress)
    case endpointIsSpared(IPAddress, pool: String)
    case endpointInNodeSubnet(IPAddress, node: String, CIDR)
    case endpointNeedsItself
    case blocksOverlap(String, AddressBlock, String, AddressBlock)

    var code: DiagnosticCode {
        switch self {
        case .routerFamilies: .tooManyRanges
        case .routerUnusable: .unusableAddress
        case .routerHasAddressOf: .duplicateAddress
        case .routerWithoutFamily: .routerWithoutFamily
        case .withoutPeer: .bgpWithoutPeer
        case .unknownRouter: .unknownRouter
        case .withoutNode: .bgpWithoutNode
        case .timers: .bgpTimers
        case .sameASN: .sameASN
        case .staleRoutes: .staleRoutes
        case .poolHasMachine: .poolHasMachine
        case .poolInNodeSubnet: .poolInNodeSubnet
        case .poolFamily: .poolFamily
        case .poolNotAnnounced: .poolNotAnnounced
        case .endpointNotAnnounced, .endpointIsSpared: .endpointNotAnnounced
        case .endpointInNodeSubnet: .poolInNodeSubnet
        case .endpointNeedsItself: .endpointNeedsItself
        case .blocksOverlap: .rangesOverlap
        }
    }

    var words: Words {
        switch self {
        case .routerFamilies(let router, let families):
            Words(
                message: "router '\(router)' has \(families.text) addresses",
                why: "nodes open one session to it in each family", fix: "write one, or one of IPv4 and one of IPv6")
        case .routerUnusable(let router, let address, let what):
            Words(
                message: "address \(address) of router '\(router)' is \(what)", why: "nodes cannot reach it there",
                fix: "write the address that it has in the nodes' network")
        case .routerHasAddressOf(let router, let address, let other):
            Words(
                message: "router '\(router)' has the address \(address) of \(other)",
                why: "two machines with one address cannot both be reached", fix: "give one of them its own address")
        case .routerWithoutFamily(let router, let wanted, let found):
            Words(
                message: "router '\(router)' has no \(wanted) address, but \(found.text)",
                why: "no session could be opened to it", fix: "give it one, or name other 'families'")
        case .withoutPeer:
            Words(
                message: "'bgp' has no peer", why: "what is announced to nobody is announced in vain",
                fix: "name a router in 'routers', or leave 'bgp' out")
        case .unknownRouter(let name, let nearest):
            Words(
                message: "the peer '\(name)' is no router of this inventory", why: "its address and ASN stand there",
                fix: nearest.map { "write '\($0)'" } ?? "add it to 'routers'")
        case .withoutNode:
            Words(
                message: "no node has the labels of 'bgp.nodes'", why: "nobody would announce anything",
                fix: "give nodes these 'labels', or leave 'nodes' out for all of them")
        case .timers(let keepAlive, let holdTime):
            Words(
                message:
                    "a keepAlive of \(DurationText.text(keepAlive)) does not fit a holdTime of \(DurationText.text(holdTime))",
                why: "one lost message would end the session (RFC 4271 wants three in a hold time)",
                fix: "make 'keepAlive' a third of 'holdTime' or less")
        case .sameASN(let router, let asn):
            Words(
                message: "router '\(router)' and the cluster have the same ASN \(asn)",
                why: "that makes the sessions iBGP: the router does not pass the routes on to other iBGP neighbours",
                fix: "take another private ASN (64512 to 65534) on one side, unless iBGP is meant")
        case .staleRoutes(let router, let holdTime, let restart):
            Words(
                message: "router '\(router)' keeps a dead node's routes for \(DurationText.text(restart)), longer than "
                    + "the holdTime of \(DurationText.text(holdTime))",
                why: "with graceful restart a router goes on sending to a node that has died until that time is over",
                fix: "make 'gracefulRestart' no longer than 'holdTime', or leave it out")
        case .poolHasMachine(let pool, let block, let what, let address):
            Words(
                message: "block \(block) of pool '\(pool)' has \(address) in it, the address of \(what)",
                why: "once a Service gets it, Cilium takes the traffic to that machine, SSH too",
                fix: "choose addresses that no machine has")
        case .poolInNodeSubnet(let pool, let block, let node, let subnet):
            Words(
                message: "block \(block) of pool '\(pool)' seems to lie in the subnet of node '\(node)' (\(subnet))",
                why: "hosts of that subnet look for these addresses on their own link, where nobody answers; routes do "
                    + "not help them",
                fix: "choose a range that is routed, outside of all subnets, if it is the same one")
        case .poolFamily(let pool, let block):
            Words(
                message: "block \(block) of pool '\(pool)' is \(block.family.rawValue), which the cluster has not",
                why: "no Service could get an address of it",
                fix: "leave it out, or make 'network' dual stack")
        case .poolNotAnnounced(let pool):
            Words(
                message: "nothing announces the addresses of pool '\(pool)'",
                why: "a Service would get an address that nobody can reach",
                fix: "add 'bgp' with Services that have these labels, unless something else announces them")
        case .endpointNotAnnounced(let address):
            Words(
                message: "no router is told where the endpoint \(address) is",
                why: "'ciliumBgp' is reached by the routes that 'bgp' announces over \(address.family.rawValue)",
                fix: "add 'bgp' and a router with an \(address.family.rawValue) address, or use 'kubeVip'")
        case .endpointIsSpared(let address, let pool):
            Words(
                message: "the endpoint \(address) is an address that pool '\(pool)' spares",
                why: "with 'allowFirstLastIPs: false' Cilium gives the first and last address of a network to nobody",
                fix: "choose an address in between, or leave 'allowFirstLastIPs' out")
        case .endpointInNodeSubnet(let address, let node, let subnet):
            Words(
                message: "the endpoint \(address) seems to lie in the subnet of node '\(node)' (\(subnet))",
                why:
                    "hosts of that subnet look for it on their own link, where nobody answers; routes do not help them",
                fix: "choose an address outside of all subnets, if it is the same one, or use 'kubeVip'")
        case .endpointNeedsItself:
            Words(
                message: "Cilium would look for the API at the endpoint, which only Cilium serves",
                why: "a node whose agent starts anew could not reach the API before its agent has started",
                fix: "leave 'cilium.apiServer' out: 127.0.0.1:6444 serves every node")
        case .blocksOverlap(let first, let firstBlock, let second, let secondBlock):
            Words(
                message: "\(second) \(secondBlock) overlaps \(first) \(firstBlock)",
                why: "Cilium stops giving out addresses of pools that overlap, and ranges in use could not be routed",
                fix: "choose ranges that have nothing in common")
        }
    }
}
