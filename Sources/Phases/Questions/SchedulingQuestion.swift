import Engine

/// Which nodes the cluster sends no pods to, and whether clusterctl has drained them: asked once for all of them.
struct SchedulingQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "nodes", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.name}{"\t"}{.spec.unschedulable}{"\t"}"#
                + #"{.metadata.annotations.clusterctl\.dev/drain}{"\n"}{end}"#,
        ])

    /// Why no pods come to a node.
    enum Cordon: String, Sendable, Equatable {
        /// Somebody has cordoned it.
        case cordoned
        /// clusterctl has drained it, or has begun to, and its run did not come to let pods there again.
        case drained
    }

    private let answer: Answer

    /// Nil when the cluster could not be asked.
    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        self.answer = answer
    }

    /// Whether somebody had cordoned a node before clusterctl drained it (`templates/k3s/drain.sh`).
    func wasCordoned(_ node: NodeName) -> Bool { answer.line(of: node.rawValue)?.hasSuffix("-cordoned") ?? false }

    subscript(node: NodeName) -> Cordon? {
        guard let line = answer.line(of: node.rawValue) else { return nil }
        let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard columns.count == 3 else { return nil }
        return !columns[2].isEmpty ? .drained : columns[1] == "true" ? .cordoned : nil
    }
}
