import Engine

/// Whether the API server of a control plane node is ready, asked on that node with its own credentials.
///
/// Without credentials `/readyz` is 401 (K3s switches anonymous access off), so it is asked through K3s' kubectl.
enum APIQuestion {
    static let client = ["k3s", "kubectl"]
    static let probe = Probe.command(client + ["get", "--raw", "/readyz", "--request-timeout=10s"])
    /// Succeeds when K3s has registered the kind HelmChart, a moment after the API is ready.
    static let helmCharts = Probe.command(
        client + ["get", "helmcharts.helm.cattle.io", "-n", "kube-system", "-o", "name", "--request-timeout=10s"])

    static func verdict(_ answer: Answer?, on node: NodeName) -> Verdict {
        guard let answer else { return .waiting("\(node) has not said yet how its API is") }
        guard answer.succeeded else { return .waiting("the API on \(node) is not ready: \(answer.reason)") }
        return answer.output.hasPrefix("ok") ? .holds : .waiting("the API on \(node) says: \(answer.reason)")
    }

    static func helmChartsVerdict(_ answer: Answer?) -> Verdict {
        guard let answer else { return .waiting("the primary has not said yet whether it knows Helm charts") }
        return answer.succeeded ? .holds : .waiting("K3s does not know Helm charts yet: \(answer.reason)")
    }
}
