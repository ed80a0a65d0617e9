/// What is wrong with how packets of pods travel.
enum DatapathProblem: InventoryProblem {
    case directRoutesOverTunnel
    /// `silent` is a node that does not announce its pods although the cluster does.
    case podsNotRouted(IPAddress.Family, silent: String?)
    case directRoutesAcrossSubnets(String, IPAddress, String, IPAddress)
    case podsWithoutWayBack(IPAddress.Family, silent: String?)
    case masqueradeBesideHostFirewall
    case dsrOverVXLAN(mode: String)
    case optionInTunnel(mode: String)
    case dispatchNeedsGeneve(mode: String)
    case ndpWithoutIPv6

    var code: DiagnosticCode {
        switch self {
        case .directRoutesOverTunnel: .directRoutesOverTunnel
        case .podsNotRouted: .podsNotRouted
        case .directRoutesAcrossSubnets: .directRoutesAcrossSubnets
        case .podsWithoutWayBack: .podsWithoutWayBack
        case .masqueradeBesideHostFirewall: .masqueradeBesideHostFirewall
        case .dsrOverVXLAN: .dsrOverVXLAN
        case .optionInTunnel, .dispatchNeedsGeneve: .dsrDispatch
        case .ndpWithoutIPv6: .ndpWithoutIPv6
        }
    }

    var words: Words {
        switch self {
        case .directRoutesOverTunnel:
            Words(
                message: "'network.directRoutes' is on beside a tunnel",
                why: "Cilium's agent does not start: packets of pods must go through the tunnel",
                fix: "write 'routing: native', or leave 'directRoutes' out")
        case .podsNotRouted(let family, let silent):
            Words(
                message: "nobody routes packets of pods from node to node (\(family.rawValue))"
                    + (silent.map { ": '\($0)' does not announce its own" } ?? ""),
                why: "with native routing the network between the nodes has to know which node has which pods",
                fix: silent == nil
                    ? "leave 'directRoutes' out, or write 'bgp: {announce: {pods: true}}'; 'externalRoutes: true' where "
                        + "others route them"
                    : "let all nodes speak BGP ('bgp.nodes'), or leave 'directRoutes' out")
        case .directRoutesAcrossSubnets(let first, let firstAddress, let other, let otherAddress):
            Words(
                message: "node '\(other)' (\(otherAddress)) is likely not on the link of '\(first)' (\(firstAddress))",
                why: "direct routes lead to neighbours alone, and nobody else routes pods; every node says before the "
                    + "run in which subnet it is",
                fix: "write 'bgp: {announce: {pods: true}}', or 'routing: tunnel'")
        case .podsWithoutWayBack(let family, let silent):
            Words(
                message:
                    "packets of pods leave the cluster with their own \(family.rawValue) address, and nobody knows "
                    + "the way back" + (silent.map { " to those of '\($0)'" } ?? ""),
                why: "without masquerading, whoever is asked answers to an address that it has no route to",
                fix: silent == nil
                    ? "write 'masquerade: true', or 'bgp: {announce: {pods: true}}'; 'externalRoutes: true' where others "
                        + "route them"
                    : "let all nodes speak BGP ('bgp.nodes'), or write 'masquerade: true'")
        case .masqueradeBesideHostFirewall:
            Words(
                message: "Cilium's host firewall is on where IPv6 is masqueraded",
                why: "its documentation says that the two do not go together",
                fix: "leave the host firewall out, or write 'network: {masquerade: {ipv6: false}}'")
        case .dsrOverVXLAN, .optionInTunnel, .dispatchNeedsGeneve: loadBalancerWords
        case .ndpWithoutIPv6:
            Words(
                message: "'network.ndp' is on in a cluster without IPv6", why: "Cilium's agent does not start with it",
                fix: "leave it out, or give 'pods' and 'services' a range of IPv6")
        }
    }

    private var loadBalancerWords: Words {
        let mode =
            switch self {
            case .dsrOverVXLAN(let mode), .optionInTunnel(let mode), .dispatchNeedsGeneve(let mode): mode
            default: ""
            }
        let geneve = "'loadBalancer: {mode: \(mode), dispatch: geneve}'"
        return switch self {
        case .optionInTunnel:
            Words(
                message: "'\(mode)' by an option or an extension header in a tunnel",
                why: "Cilium's agent does not start: in a tunnel it tells the address by Geneve alone",
                fix: "write \(geneve), 'routing: native', or 'loadBalancer: snat'")
        case .dispatchNeedsGeneve:
            Words(
                message: "'\(mode)' by Geneve beside 'tunnelProtocol: vxlan'",
                why: "Cilium's agent does not start: it speaks one of the two",
                fix: "leave 'tunnelProtocol' out, or write 'dispatch: option'")
        default:
            Words(
                message: "'loadBalancer' is '\(mode)' with a VXLAN tunnel",
                why: "direct server return does not work over VXLAN",
                fix: "write \(geneve), 'routing: native', or 'loadBalancer: snat'")
        }
    }
}
