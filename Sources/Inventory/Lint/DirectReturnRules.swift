import YAML

/// Direct server return makes packets longer after their sender has chosen their size.
enum DirectReturnRules {
    static let all: [ManifestRules.Rule] = [manifests]

    static func inventory(_ draft: Draft, _ findings: inout Findings) {
        let datapath = draft.datapath
        guard let node = draft.root["network"]?["loadBalancer"] else { return }
        let problem = DirectReturnProblem(
            datapath.loadBalancer, isNative: datapath.routing == .native, families: draft.families)
        if let problem { findings.add(problem, at: draft.place(node.mark)) }
    }

    static func manifests(_ manifests: Manifests, _ findings: inout Findings) {
        for part in manifests.ciliumValues {
            guard let node = part.node["loadBalancer"]?["mode"],
                let mode = node.choice(DatapathSettings.LoadBalancer.Mode.self)
            else { continue }
            let isByGeneve = part.node["loadBalancer"]?["dsrDispatch"]?.scalar?.text == "geneve"
            let families = IPAddress.Family.allCases.filter {
                // The chart has IPv4 on and IPv6 off.
                part.node[$0.key]?["enabled"]?.boolean ?? ($0 == .ipv4)
            }
            let problem = DirectReturnProblem(
                DatapathSettings.LoadBalancer(mode: mode, dispatch: isByGeneve ? .geneve : .option),
                isNative: part.node["routingMode"]?.scalar?.text == "native", families: families)
            if let problem { findings.add(problem, at: part.place(node)) }
        }
    }
}

/// What `lint` finds in direct server return.
enum DirectReturnProblem: InventoryProblem {
    /// An option or an extension header goes with the first packet of TCP, which is small, and with each of UDP.
    case option(added: String)
    case geneve(mode: String, added: String)

    /// Nil where packets stay small enough; in a tunnel all of them are wrapped anyway.
    init?(_ loadBalancer: DatapathSettings.LoadBalancer, isNative: Bool, families: [IPAddress.Family]) {
        guard isNative else { return nil }
        let added = families.map { "\(Self.bytes(loadBalancer.dispatch, $0)) bytes of \($0.rawValue)" }
            .joined(separator: ", ")
        switch (loadBalancer.mode, loadBalancer.dispatch) {
        case (.dsr, .option): self = .option(added: added)
        case (.dsr, .geneve), (.hybrid, .geneve): self = .geneve(mode: loadBalancer.mode.rawValue, added: added)
        case (.snat, _), (.hybrid, .option): return nil
        }
    }

    /// By the structures in Cilium's bpf/lib/nodeport.h and bpf/lib/tunnel.h.
    private static func bytes(_ dispatch: DatapathSettings.LoadBalancer.Dispatch, _ family: IPAddress.Family) -> Int {
        // The headers of IPv4, UDP and Geneve, and that of the frame inside.
        let wrapping = 20 + 8 + 8 + 14
        return switch (dispatch, family) {
        case (.option, .ipv4): 8
        case (.option, .ipv6): 24
        case (.geneve, .ipv4): wrapping + 12
        case (.geneve, .ipv6): wrapping + 24
        }
    }

    var code: DiagnosticCode { .dsrNeedsMTU }

    var words: Words {
        switch self {
        case .option(let added):
            Words(
                message: "with 'dsr' every packet of UDP grows on its way to the pod's node, by \(added)",
                why:
                    "one that is then larger than the MTU of the nodes' network is dropped; of TCP only the first packet "
                    + "grows, which is small",
                fix: "use 'hybrid', which does it for TCP alone, or let the nodes' network carry that much more")
        case .geneve(let mode, let added):
            Words(
                message: "with '\(mode)' by Geneve packets grow on their way to the pod's node, by up to \(added)",
                why:
                    "one that is then larger than the MTU of the nodes' network is dropped, and clients do not know of it",
                fix: "let the nodes' network carry that much more, or tell the address by an option instead")
        }
    }
}
