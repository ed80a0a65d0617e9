import Engine

/// Whether the Helm chart of Cilium has been installed: its job and its release, for neither alone is enough.
///
/// The job alone may be complete though an upgrade failed, and a release alone may be an earlier one (K3s
/// helm-controller pkg/controllers/chart, klipper-helm).
enum ReleaseQuestion {
    static let job = Probe.command(
        APIQuestion.client + [
            "get", "job", "helm-install-cilium", "-n", "kube-system", "--ignore-not-found", "--request-timeout=10s",
            "-o",
            #"jsonpath={.status.conditions[?(@.type=="Complete")].status}{"\t"}"#
                + #"{.status.conditions[?(@.type=="Failed")].status}{"\t"}{.status.failed}{"\t"}"#
                + #"{.status.conditions[?(@.type=="Failed")].message}"#,
        ])
    static let release = Probe.command(
        APIQuestion.client + [
            "get", "secrets", "-n", "kube-system", "-l", "owner=helm,name=cilium", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.labels.version}{"\t"}{.metadata.labels.status}{"\n"}{end}"#,
        ])
    /// Pods of the job, for the reason why it does not get on.
    static let jobPods = PodsQuestion.probe("job-name=helm-install-cilium")

    static func verdict(job: Answer?, release: Answer?, pods: Answer?) -> Verdict {
        guard let job, job.succeeded else {
            return .waiting("the cluster cannot be asked for the chart's job\(job.map { ": " + $0.reason } ?? " yet")")
        }
        let columns = job.output.split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false)
        guard columns.count == 4 else { return .waiting("K3s has not started the job that installs Cilium yet") }
        if columns[1] == "True" {
            return .failed(
                "the job helm-install-cilium has given up: \(columns[3].isEmpty ? "no reason given" : columns[3])")
        }
        guard columns[0] == "True" else {
            let waiting = PodsQuestion(pods)?.rows.first { !$0.reason.isEmpty && !$0.isReady }
            let reason = waiting.map { ": \($0.reason.prefix(300))" } ?? ""
            let failed = ["", "0"].contains(columns[2]) ? "" : " (\(columns[2]) attempts failed)"
            return .waiting("the job helm-install-cilium is not complete\(failed)\(reason)")
        }
        return newest(release)
    }

    private static func newest(_ answer: Answer?) -> Verdict {
        guard let answer, answer.succeeded else {
            return .waiting("the cluster cannot be asked for Cilium's release yet")
        }
        let releases = answer.lines.compactMap { line -> (version: Int, status: Substring)? in
            let columns = line.split(separator: "\t")
            guard columns.count == 2, let version = Int(columns[0]) else { return nil }
            return (version, columns[1])
        }
        guard let newest = releases.max(by: { $0.version < $1.version }) else {
            return .waiting("the chart of Cilium has no release yet")
        }
        return newest.status == "deployed"
            ? .holds : .waiting("release \(newest.version) of the chart of Cilium is \(newest.status)")
    }
}
