/// What is wrong with the cluster's own names.
enum DNSProblem: InventoryProblem {
    case singleLabel(String)
    case reserved(String, String)
    case publicSuffix(String)
    case clusterDomain(String, inner: String)
    case endpointName(String, wanted: String)
    case nameTaken(String, String)
    case unusable(IPAddress, key: String, what: String)
    case appsInRange(IPAddress, what: String, CIDR)
    case appsNowhere(IPAddress)
    case upstreamLoop(IPAddress, who: String)

    var code: DiagnosticCode {
        switch self {
        case .singleLabel, .reserved, .publicSuffix, .clusterDomain: .dnsDomain
        case .endpointName: .dnsEndpointName
        case .nameTaken: .dnsNameTaken
        case .unusable: .unusableAddress
        case .appsInRange: .dnsAppsInRange
        case .appsNowhere: .dnsAppsNowhere
        case .upstreamLoop: .dnsUpstreamLoop
        }
    }

    var words: Words {
        switch self {
        case .singleLabel, .reserved, .publicSuffix, .clusterDomain: domainWords
        case .endpointName(let name, let wanted):
            Words(
                message: "the endpoint '\(name)' is in 'dns.domain', and no name that the cluster answers for",
                why: "all names of the domain are the cluster's alone, so that nobody else can answer for this one",
                fix: "write '\(wanted)', or a name outside of the domain")
        case .nameTaken(let name, let domain):
            Words(
                message: "'\(name).\(domain)' would be both a node and a name of the cluster's own",
                why:
                    "every node has a name in 'dns.domain'; 'api', 'api-int' and 'apps' mean the endpoint and the apps",
                fix: "give the node another name")
        case .unusable(let address, let key, let what):
            Words(
                message: "\(address) in 'dns.\(key)' is \(what)", why: "nobody can be reached there",
                fix: "choose an address of a machine or of a Service")
        case .appsInRange(let address, let what, let range):
            Words(
                message: "the apps' address \(address) lies in '\(what)' \(range)",
                why: "nobody outside of the cluster can reach it there",
                fix: "choose the address of the ingress' Service, out of a pool, or of a node")
        case .appsNowhere(let address):
            Words(
                message: "the apps' address \(address) is in no pool, and neither a node's nor the endpoint",
                why: "nothing in this inventory answers there",
                fix: "add a pool with it to 'loadBalancerPools', unless a load balancer of yours has it")
        case .upstreamLoop(let address, let who):
            Words(
                message: "\(address) in 'dns.upstreams' is \(who)",
                why: "CoreDNS would ask itself, over and over, or one that asks it",
                fix: "write the DNS servers of your network, or leave it out")
        }
    }

    private var domainWords: Words {
        switch self {
        case .singleLabel(let domain):
            Words(
                message: "'\(domain)' has one label only",
                why:
                    "all names below it would be the cluster's, and resolvers treat names without a dot in their own way",
                fix: "write a domain that is yours, such as 'cluster.example.org'")
        case .reserved(let domain, let last):
            Words(
                message: "'\(domain)' is below '.\(last)'",
                why: "resolvers answer for that by themselves, or not at all, and never ask the cluster",
                fix: "write a domain that is yours, such as 'cluster.example.org'")
        case .publicSuffix(let domain):
            Words(
                message: "'\(domain)' belongs to a registry",
                why: "all names below it would be the cluster's, and nodes would find none of the others any more",
                fix: "write a domain that is yours, such as 'cluster.example.\(domain)'")
        case .clusterDomain(let domain, let inner):
            Words(
                message: "'\(domain)' and the domain of the cluster's Services, '\(inner)', are not apart",
                why: "the DNS inside of the cluster answers for that, and pods would not find these names",
                fix: "write another domain, such as 'cluster.example.org'")
        default: words
        }
    }
}
