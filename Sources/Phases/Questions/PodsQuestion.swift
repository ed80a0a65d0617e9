import Engine

/// The pods of one kind in kube-system, asked on the primary: one small line each.
struct PodsQuestion {
    struct Row: Equatable {
        /// Empty while no node has been found for the pod.
        let node: Substring
        let phase: Substring
        let isReady: Bool
        /// The digest of the chart values that the pod was made from; empty where there is none.
        let values: Substring
        /// Why the container or the scheduler waits.
        let reason: Substring
    }

    private let answer: Answer

    static let valuesAnnotation = "clusterctl.dev/values"

    static func probe(_ selector: String) -> Probe {
        .command(
            APIQuestion.client + [
                "get", "pods", "-n", "kube-system", "-l", selector, "--request-timeout=10s", "-o",
                #"jsonpath={range .items[*]}{.spec.nodeName}{"\t"}{.status.phase}{"\t"}"#
                    + #"{.status.conditions[?(@.type=="Ready")].status}{"\t"}"#
                    + #"{.metadata.annotations.clusterctl\.dev/values}{"\t"}"#
                    + #"{.status.containerStatuses[*].state.waiting.message}"#
                    + #"{.status.conditions[?(@.type=="PodScheduled")].message}"#
                    + #"{"\n"}{end}"#,
            ])
    }

    /// Nil when the cluster could not be asked.
    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        self.answer = answer
    }

    /// All of them; a single one costs less by its node.
    var rows: [Row] { answer.lines.compactMap(PodsQuestion.row) }

    subscript(node: NodeName) -> Row? { answer.line(of: node.rawValue).flatMap(PodsQuestion.row) }

    /// A pod that no node takes, with the scheduler's words.
    var unscheduled: Row? { answer.line(of: "").flatMap(PodsQuestion.row) }

    private static func row(_ line: Substring) -> Row? {
        let columns = line.split(separator: "\t", maxSplits: 4, omittingEmptySubsequences: false)
        guard columns.count == 5 else { return nil }
        return Row(
            node: columns[0], phase: columns[1], isReady: columns[2] == "True", values: columns[3], reason: columns[4])
    }
}
