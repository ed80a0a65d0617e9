import Engine
import Inventory

/// Who holds the endpoint's address, and whether the API answers through it.
struct EndpointQuestion: Sendable {
    /// Kube-vip has a lease in the cluster, keepalived asks nobody but its own like.
    let hasLease: Bool
    let address: IPAddress
    let port: Port
    let reference: NodeName
    let controlPlane: [NodeName]
    /// The node that asks through the address: not the only one that can hold it, where there is another.
    let witness: NodeName

    static let lease = Probe.command(
        APIQuestion.client + [
            "get", "lease", "plndr-cp-lock", "-n", "kube-system", "--ignore-not-found", "--request-timeout=10s", "-o",
            "jsonpath={.spec.holderIdentity}",
        ])
    static let pods = PodsQuestion.probe("app.kubernetes.io/name=kube-vip")

    /// Nil where the endpoint is not an address that moves between the control plane nodes.
    init?(_ cluster: Cluster) {
        let endpoint = cluster.inventory.endpoint
        guard let address = endpoint.movedAddress else { return nil }
        hasLease = if case .kubeVip = endpoint { true } else { false }
        self.address = address
        port = endpoint.port(cluster.inventory.network.apiPort)
        reference = cluster.reference
        controlPlane = cluster.controlPlane
        witness = cluster.otherServers.first ?? cluster.workers.first ?? cluster.reference
    }

    /// Who can ask through the address where any of them may be away, the best one first.
    var askers: [NodeName] { [witness] + controlPlane.filter { $0 != witness } }
    var isAskedFromAside: Bool { witness != reference }
    var onLink: Probe { .command(["ip", "-j", "addr", "show", "to", address.description]) }
    var ping: Probe { .http("https://\(address.inURL):\(port)/ping") }

    var asks: [Ask] {
        let ofLease = [EndpointQuestion.lease, EndpointQuestion.pods, NodesQuestion.probe].map { Ask(reference, $0) }
        return (hasLease ? ofLease : []) + asksForAnswer
    }

    /// Who has the address on a link, and whether the API answers there.
    var asksForAnswer: [Ask] { controlPlane.map { Ask($0, onLink) } + [Ask(witness, ping)] }

    func verdict(_ facts: Facts) -> Verdict {
        .all(hasLease ? leaseVerdict(facts) : holderVerdict(facts), answerVerdict(facts))
    }

    /// One node has the address, and the API answers there.
    func answered(_ facts: Facts) -> Verdict { .all(holderVerdict(facts), answerVerdict(facts)) }

    /// Who has the address on a link now; who could not be asked counts as one that has not.
    func holders(_ facts: Facts) -> [NodeName] {
        controlPlane.filter { facts[$0, onLink].map(hasAddress) ?? false }
    }

    /// Whether a node that is none of these control plane nodes any more has given the address up.
    func hasLeft(_ node: NodeName, _ facts: Facts) -> Verdict {
        guard let answer = facts[node, onLink] else {
            return .waiting("\(node) has not said yet whether it has \(address)")
        }
        return hasAddress(answer) ? .waiting("\(node) still has \(address) on a link") : .holds
    }

    private func holderVerdict(_ facts: Facts) -> Verdict {
        let having = holders(facts)
        guard let holder = having.first else { return .waiting("no control plane node has \(address) on a link") }
        return having.count == 1 ? .holds : .waiting("both \(holder) and \(having[1]) have \(address)")
    }

    private func leaseVerdict(_ facts: Facts) -> Verdict {
        guard let lease = facts[reference, EndpointQuestion.lease], lease.succeeded else {
            return .waiting("the cluster cannot be asked who holds the address yet")
        }
        let holder = NodeName(lease.lines.first.map(String.init) ?? "")
        guard !holder.rawValue.isEmpty else { return .waiting("nobody holds \(address): \(cause(facts))") }
        guard controlPlane.contains(holder) else {
            return .waiting("\(address) is held by \(holder), which is no control plane node of the inventory")
        }
        let having = holders(facts)
        guard having.contains(holder) else {
            return .waiting("\(holder) holds the lease, but has not put \(address) on a link")
        }
        if let other = having.first(where: { $0 != holder }) {
            return .waiting("both \(holder) and \(other) have \(address)")
        }
        return .holds
    }

    private func answerVerdict(_ facts: Facts) -> Verdict {
        guard let answer = facts[witness, ping] else {
            return .waiting("\(witness) has not asked through \(address) yet")
        }
        guard let (code, _) = answer.http, code == 200 else {
            let said = answer.http.map { "status \($0.code)" } ?? answer.reason
            return .waiting("the API does not answer \(witness) at \(address): \(said)")
        }
        return .holds
    }

    private func hasAddress(_ answer: Answer) -> Bool {
        answer.succeeded && answer.output.replacing(" ", with: "").contains("\"local\":\"\(address)\"")
    }

    /// Why nobody has the address, as far as the cluster says.
    private func cause(_ facts: Facts) -> String {
        guard let pods = PodsQuestion(facts[reference, EndpointQuestion.pods]) else {
            return "its pods cannot be asked for"
        }
        // No pod is even made for a node whose taints it does not tolerate, and not-ready is one of them.
        let notReady = NodesQuestion(facts[reference, NodesQuestion.probe])?.rows.first { !$0.isReady }
        let node = notReady.map { "; \($0.name) is not ready: \($0.message.prefix(200))" } ?? ""
        if let pod = pods.unscheduled {
            return "kube-vip is Pending, \(pod.reason.prefix(300))\(node)"
        }
        if let pod = pods.rows.first(where: { !$0.isReady }) {
            return "kube-vip on \(pod.node) is not ready (\(pod.phase)) \(pod.reason.prefix(300))"
        }
        return pods.rows.isEmpty
            ? "there is no pod of kube-vip yet\(node)" : "kube-vip runs and has not been elected yet"
    }
}
