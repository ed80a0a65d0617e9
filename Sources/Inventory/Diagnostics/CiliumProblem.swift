/// What Cilium's chart, or the way clusterctl runs it, does not allow.
enum CiliumProblem: InventoryProblem {
    case unknownValue(path: String, nearest: String?)
    case ownedValue(path: String, why: String, instead: String)
    case devicesAuto
    case kubeProxyReplacementOff
    case versionUnknown(String)
    case dsrOverVXLAN(mode: String)
    case dsrDispatch(mode: String, isTunnel: Bool)
    case poolMaskTooFar(range: CIDR, mask: Int)

    var code: DiagnosticCode {
        switch self {
        case .unknownValue: .unknownCiliumValue
        case .ownedValue: .ownedCiliumValue
        case .devicesAuto: .ciliumDevicesAuto
        case .kubeProxyReplacementOff: .kubeProxyReplacementOff
        case .versionUnknown: .ciliumVersionUnknown
        case .dsrOverVXLAN: .dsrOverVXLAN
        case .dsrDispatch: .dsrDispatch
        case .poolMaskTooFar: .poolMaskTooFar
        }
    }

    var words: Words {
        switch self {
        case .unknownValue(let path, let nearest):
            Words(
                message: "Cilium's chart has no value '\(path)'",
                why: "the chart takes any value and ignores those that it does not know",
                fix: nearest.map { "write '\($0)' if that was meant" }
                    ?? "look it up in the chart's values, or pass raw agent settings in 'extraConfig'")
        case .ownedValue(let path, let why, let instead):
            Words(message: "'\(path)' is set by clusterctl", why: why, fix: instead)
        case .devicesAuto:
            Words(
                message: "'devices' is 'auto'",
                why: "Cilium takes 'auto' for the name of a link, finds none and attaches to nothing",
                fix: "leave 'devices' out: Cilium then finds them by itself")
        case .kubeProxyReplacementOff:
            Words(
                message: "'kubeProxyReplacement' is switched off",
                why: "K3s runs without kube-proxy, so that nobody would serve Services", fix: "leave it out")
        case .versionUnknown(let version):
            Words(
                message: "the values were not checked against Cilium \(version)",
                why: "clusterctl knows those of chart \(CiliumValuePaths.chartVersion); others may have come or gone",
                fix: "use \(CiliumValuePaths.chartVersion), or compare 'cilium.values' with the chart by hand")
        case .dsrOverVXLAN(let mode):
            Words(
                message: "'loadBalancer.mode' is '\(mode)' with a VXLAN tunnel",
                why: "direct server return does not work over VXLAN",
                fix: "use 'tunnelProtocol: geneve' with 'dsrDispatch: geneve', native routing, or 'mode: snat'")
        case .dsrDispatch(let mode, let isTunnel):
            Words(
                message: "'loadBalancer.mode: \(mode)' and 'dsrDispatch' do not go together with this tunnel",
                why: "Cilium's agent does not start: in a tunnel it takes 'geneve' alone, and 'geneve' wants "
                    + "'tunnelProtocol: geneve' with native routing too",
                fix: isTunnel ? "write 'dsrDispatch: geneve'" : "write 'tunnelProtocol: geneve', or 'dsrDispatch: opt'")
        case .poolMaskTooFar(let range, let mask):
            Words(
                message: "pods of \(range) cannot be handed out by /\(mask)",
                why: "Cilium's operator refuses more than 16 bits between the range and a node's part of it, "
                    + "and a part that is larger than the range",
                fix: "use a mask from \(range.prefixLength) to \(min(range.prefixLength + 16, range.family.width))")
        }
    }
}
