import Engine

/// The nodes that the cluster knows, asked on the primary: one small line each, so that 200 of them can be polled.
struct NodesQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "nodes", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\t"}"#
                + #"{.status.conditions[?(@.type=="EtcdIsVoter")].status}{" "}"#
                + #"{.status.conditions[?(@.type=="EtcdIsVoter")].reason}{"\t"}{.status.nodeInfo.kubeletVersion}{"\t"}"#
                + #"{.status.conditions[?(@.type=="Ready")].message}{"\n"}{end}"#,
        ])

    struct Row: Equatable {
        let name: Substring
        let isReady: Bool
        /// Nil: the node says nothing of etcd. K3s says that one has no vote also where it does not answer (pkg/etcd/etcd.go).
        let isVoter: Bool?
        /// Whether it has none because it has not caught up yet.
        let isLearner: Bool
        let version: Substring
        /// Why it is ready or not, in the kubelet's words.
        let message: Substring
    }

    private let answer: Answer

    /// Nil when the cluster could not be asked.
    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        self.answer = answer
    }

    /// All of them; a single one costs less by its name.
    var rows: [Row] { answer.lines.compactMap(NodesQuestion.row) }

    subscript(node: NodeName) -> Row? { answer.line(of: node.rawValue).flatMap(NodesQuestion.row) }

    private static func row(_ line: Substring) -> Row? {
        let columns = line.split(separator: "\t", maxSplits: 4, omittingEmptySubsequences: false)
        guard columns.count == 5 else { return nil }
        let etcd = columns[2].split(separator: " ")
        let isVoter = etcd.last == "NotAMember" ? nil : etcd.first.map { $0 == "True" }
        return Row(
            name: columns[0], isReady: columns[1] == "True", isVoter: isVoter,
            isLearner: isVoter == false && (etcd.count < 2 || etcd[1] == "MemberIsLearner"),
            version: columns[3], message: columns[4])
    }

    /// Whether the cluster knows the node, ready or not.
    static func registered(_ answer: Answer?, _ node: NodeName) -> Verdict {
        guard let nodes = NodesQuestion(answer) else { return unanswered(answer) }
        return nodes[node] == nil ? .waiting("the cluster does not know \(node) yet") : .holds
    }

    /// Whether the kubelet on the node is of this version, as in `v1.35.7+k3s1`.
    static func runs(_ answer: Answer?, _ node: NodeName, version: String) -> Verdict {
        guard let nodes = NodesQuestion(answer) else { return unanswered(answer) }
        guard let row = nodes[node] else { return .waiting("the cluster does not know \(node) yet") }
        return row.version == version ? .holds : .waiting("\(node) runs \(row.version)")
    }

    static func ready(_ answer: Answer?, _ node: NodeName) -> Verdict {
        guard let nodes = NodesQuestion(answer) else { return unanswered(answer) }
        guard let row = nodes[node] else { return .waiting("the cluster does not know \(node) yet") }
        if row.isReady { return .holds }
        return .waiting("\(node) is not ready\(row.message.isEmpty ? "" : ": \(row.message.prefix(300))")")
    }

    /// Whether the node's etcd member has a vote; a learner gets it some seconds after it has caught up.
    static func voter(_ answer: Answer?, _ node: NodeName) -> Verdict {
        guard let nodes = NodesQuestion(answer) else { return unanswered(answer) }
        guard let row = nodes[node] else { return .waiting("the cluster does not know \(node) yet") }
        switch row.isVoter {
        case true: return .holds
        case false:
            let how = row.isLearner ? "is still a learner" : "does not answer the others"
            return .waiting("the etcd member on \(node) \(how)")
        case nil: return .waiting("\(node) does not say yet whether its etcd member has a vote")
        }
    }

    private static func unanswered(_ answer: Answer?) -> Verdict {
        .waiting("the cluster cannot be asked for its nodes\(answer.map { ": " + $0.reason } ?? " yet")")
    }
}
