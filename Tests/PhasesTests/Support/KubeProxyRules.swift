import Foundation

/// What kube-proxy in its mode iptables makes of so many Services, beside a site's own rules, Cilium's, the kubelet's and
/// those of K3s' network policies: text for iptables-restore, or for ip6tables-restore.
struct KubeProxyRules {
    /// Services with one endpoint each.
    let services: Int
    let isIPv6: Bool

    /// How lines of iptables-save begin that are kube-proxy's; by what was put in, not by how the program decides.
    private static let beginnings: [String] = {
        let names = [
            "SERVICES ", "NODEPORTS ", "POSTROUTING ", "MARK-MASQ ", "PROXY-CANARY ", "FORWARD ", "EXTERNAL-SERVICES ",
            "PROXY-FIREWALL ", "SVC-A", "SEP-A",
        ]
        return names.flatMap { [":KUBE-\($0)", "-A KUBE-\($0)"] }
    }()

    func isIts(_ line: String) -> Bool {
        Self.beginnings.contains { line.hasPrefix($0) }
            || !line.hasPrefix("-A KUBE-") && line.contains("--comment \"kubernetes ")
    }

    var text: String { (mangle + nat + filter).joined(separator: "\n") + "\n" }

    private func name(_ kind: String, _ number: Int) -> String {
        let digits = String(number)
        return "KUBE-\(kind)-" + String(repeating: "A", count: 16 - digits.count) + digits
    }

    private func address(_ network: Int, _ number: Int) -> String {
        isIPv6
            ? "fd00:\(network)::\(String(number + 1, radix: 16))"
            : "10.\(network).\((number + 1) / 256).\((number + 1) % 256)"
    }

    private var mangle: [String] {
        [
            "*mangle", ":KUBE-PROXY-CANARY - [0:0]", ":KUBE-KUBELET-CANARY - [0:0]", ":KUBE-IPTABLES-HINT - [0:0]",
            "COMMIT",
        ]
    }

    private var nat: [String] {
        var chains = [
            "SERVICES", "NODEPORTS", "POSTROUTING", "MARK-MASQ", "PROXY-CANARY", "KUBELET-CANARY", "SVC-site",
        ]
        .map { ":KUBE-\($0) - [0:0]" }
        chains += [":CILIUM_PRE_nat - [0:0]", ":site - [0:0]"]
        var rules = [
            #"-A PREROUTING -m comment --comment "cilium-feeder: CILIUM_PRE_nat" -j CILIUM_PRE_nat"#,
            #"-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES"#,
            #"-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES"#,
            #"-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING"#,
            #"-A PREROUTING -p tcp -m tcp --dport 8080 -m comment --comment "a \"site\" that is not -j KUBE-SERVICES" -j site"#,
            "-A site -p tcp -j REDIRECT --to-ports 80",
            "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
            "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
            "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
            #"-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE"#,
        ]
        let mask = isIPv6 ? 128 : 32
        for number in 0..<services {
            let (service, endpoint) = (name("SVC", number), name("SEP", number))
            let (virtual, real) = (address(43, number), address(42, number))
            let said = "-m comment --comment \"default/s\(number):http cluster IP\""
            chains += [":\(service) - [0:0]", ":\(endpoint) - [0:0]"]
            rules += [
                "-A KUBE-SERVICES -d \(virtual)/\(mask) -p tcp \(said) -m tcp --dport 80 -j \(service)",
                "-A \(service) ! -s \(real)/\(mask) -d \(virtual)/\(mask) -p tcp \(said) -m tcp --dport 80 -j KUBE-MARK-MASQ",
                "-A \(service) -m comment --comment \"default/s\(number):http -> \(real):8080\" -j \(endpoint)",
                "-A \(endpoint) -s \(real)/\(mask) \(said) -j KUBE-MARK-MASQ",
                "-A \(endpoint) -p tcp \(said) -m tcp -j DNAT --to-destination \(isIPv6 ? "[\(real)]" : real):8080",
            ]
        }
        rules.append(
            #"-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"#
        )
        return ["*nat"] + chains + rules + ["COMMIT"]
    }

    private var filter: [String] {
        let chains = [
            "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL",
            "KUBE-PROXY-CANARY", "KUBE-FIREWALL", "KUBE-KUBELET-CANARY", "KUBE-ROUTER-INPUT", "CILIUM_INPUT",
        ].map { ":\($0) - [0:0]" }
        let new = "-m conntrack --ctstate NEW"
        var rules = [
            "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
            #"-A INPUT -m comment --comment "cilium-feeder: CILIUM_INPUT" -j CILIUM_INPUT"#,
            #"-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS"#,
            "-A INPUT -j KUBE-FIREWALL", "-A INPUT -j KUBE-ROUTER-INPUT", "-A OUTPUT -j KUBE-FIREWALL",
            #"-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD"#,
            "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
            #"-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT"#,
        ]
        for (chain, target) in [
            ("INPUT", "PROXY-FIREWALL"), ("FORWARD", "PROXY-FIREWALL"), ("OUTPUT", "PROXY-FIREWALL"),
            ("INPUT", "EXTERNAL-SERVICES"), ("FORWARD", "EXTERNAL-SERVICES"), ("FORWARD", "SERVICES"),
            ("OUTPUT", "SERVICES"),
        ] {
            rules.append("-A \(chain) \(new) -m comment --comment \"kubernetes service portals\" -j KUBE-\(target)")
        }
        return ["*filter", ":INPUT DROP [0:0]"] + chains + rules + ["COMMIT"]
    }
}
