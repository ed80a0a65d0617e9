import Engine
import Inventory
import Rendering

/// Whether a server's certificate has the names by which its API is reached, asked of the server itself.
///
/// K3s' kubectl checks the certificate against a name that is given to it, and knows the cluster's authority.
struct CertificateQuestion: Sendable {
    let names: [String]
    let probes: [Probe]

    /// The endpoint's name, the node's own addresses, the API's names in the cluster's domain, and those that are added.
    init(_ node: Node, _ inventory: Inventory) {
        let host = CiliumValues.loopback(inventory)
        let server = "https://\(host.contains(":") ? "[\(host)]" : host):\(inventory.network.apiPort)"
        let all =
            [inventory.endpoint.host] + node.addresses.map(\.description) + (inventory.dns?.apiNames ?? [])
            + inventory.k3s.tlsSANs
        // A pattern is no name that a client could ask for.
        let names = all.enumerated().filter { !all.prefix($0.offset).contains($0.element) && !$0.element.contains("*") }
            .map(\.element)
        self.names = names
        probes = names.map { name in
            .command(
                APIQuestion.client + [
                    "get", "--raw", "/version", "--request-timeout=10s", "--server=\(server)",
                    "--tls-server-name=\(name)",
                ])
        }
    }

    func finding(_ answer: (Probe) -> Answer?) -> Check.Finding {
        for (name, probe) in zip(names, probes) {
            guard let answer = answer(probe) else { return .notAsked("nobody has asked for \(name)") }
            guard answer.succeeded else { return .fails("for \(name): \(answer.reason)") }
        }
        return .holds("good for \(names.joined(separator: ", "))")
    }
}

/// Whether every Service of type LoadBalancer has an address.
enum ServicesQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "services", "-A", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[?(@.spec.type=="LoadBalancer")]}{.metadata.namespace}/{.metadata.name}{"\t"}"#
                + #"{.status.loadBalancer.ingress[*].ip}{.status.loadBalancer.ingress[*].hostname}{"\t"}"#
                + #"{.status.conditions[?(@.type=="cilium.io/IPAMRequestSatisfied")].message}{"\n"}{end}"#,
        ])

    static func finding(_ answer: Answer?) -> Check.Finding {
        guard let answer, answer.succeeded else { return Checks.unanswered(answer) }
        let rows = answer.lines.map { $0.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false) }
            .filter { $0.count == 3 }
        if let bare = rows.first(where: { $0[1].isEmpty }) {
            return .fails("\(bare[0]) has none\(bare[2].isEmpty ? "" : ": \(bare[2].prefix(200))")")
        }
        return .holds(rows.isEmpty ? "no Service wants one" : rows.map { "\($0[0]) \($0[1])" }.joined(separator: ", "))
    }
}

/// Whether the pods of kube-system run: what clusterctl and K3s bring. Other pods are their owners' matter.
enum StuckPodsQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "pods", "-n", "kube-system", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.phase}{"\t"}"#
                + #"{.status.conditions[?(@.type=="Ready")].status}{"\t"}"#
                + #"{.status.containerStatuses[*].state.waiting.message}"#
                + #"{.status.conditions[?(@.type=="PodScheduled")].message}{"\n"}{end}"#,
        ])

    static func finding(_ answer: Answer?) -> Check.Finding {
        guard let answer, answer.succeeded else { return Checks.unanswered(answer) }
        let rows = answer.lines.map { $0.split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false) }
            .filter { $0.count == 4 }
        // What has ended, well or not, is not stuck: a job or a set makes another one.
        let living = rows.filter { $0[1] != "Succeeded" && $0[1] != "Failed" }
        let stuck = living.filter { $0[1] != "Running" || $0[2] != "True" }
        if let first = stuck.first {
            let reason = first[3].isEmpty ? "" : ": \(first[3].prefix(200))"
            let more = stuck.count > 1 ? ", and \(stuck.count - 1) more" : ""
            return .fails("\(first[0]) is \(first[1] == "Running" ? "not ready" : String(first[1]))\(reason)\(more)")
        }
        return .holds("\(living.count) of kube-system ready, \(rows.count - living.count) ended")
    }
}

extension EndpointQuestion {
    /// Whether exactly one node has the address, and the lease, where there is one, is its.
    func holder(_ nodes: [NodeName], _ facts: Facts) -> Check.Finding {
        let having = holders(facts)
        let silent = nodes.filter { facts[$0, onLink] == nil }
        guard let holder = having.first else { return .fails("nobody has \(address)") }
        if having.count > 1 {
            return .fails("\(having.map(\.rawValue).joined(separator: " and ")) have \(address)")
        }
        if let node = silent.first { return .notAsked("\(holder) has \(address), but \(node) did not say") }
        guard hasLease else { return .holds("\(holder) has \(address)") }
        guard let lease = facts.first(of: nodes, EndpointQuestion.lease), lease.succeeded else {
            return .notAsked("\(holder) has \(address), but nobody says whose the lease is")
        }
        let owner = lease.lines.first.map(String.init) ?? ""
        guard owner == holder.rawValue else {
            return .fails("\(holder) has \(address), but the lease is \(owner.isEmpty ? "nobody's" : owner + "'s")")
        }
        return .holds("\(holder) has \(address), and the lease")
    }
}
