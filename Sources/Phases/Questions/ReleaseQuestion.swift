import Engine

/// Whether a Helm chart has been installed: its job and its release, for neither alone is enough.
///
/// The job alone may be complete though an upgrade failed, and a release alone may be an earlier one (K3s
/// helm-controller pkg/controllers/chart, klipper-helm). All charts are asked for together, so that many addons cost no
/// more than one.
struct ReleaseQuestion: Sendable {
    /// Of the HelmChart in kube-system, and of the release.
    let name: String
    /// As sentences have it.
    let title: String
    /// Of the release.
    let namespace: String

    static let cilium = ReleaseQuestion(name: "cilium", title: "Cilium", namespace: "kube-system")

    static let jobs = Probe.command(
        APIQuestion.client + [
            "get", "jobs", "-n", "kube-system", "-l", "helmcharts.helm.cattle.io/chart", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.name}{"\t"}"#
                + #"{.status.conditions[?(@.type=="Complete")].status}{"\t"}"#
                + #"{.status.conditions[?(@.type=="Failed")].status}{"\t"}{.status.failed}{"\t"}"#
                + ["CHART", "VERSION", "REPO"].map {
                    #"{.spec.template.spec.containers[0].env[?(@.name==""# + $0 + #"")].value}{"\t"}"#
                }.joined() + #"{.status.conditions[?(@.type=="Failed")].message}{"\n"}{end}"#,
        ])
    /// The newest of each chart, and what has failed; those of earlier versions are many and large.
    static let releases = Probe.command(
        APIQuestion.client + [
            "get", "secrets", "-A", "-l", "owner=helm,status!=superseded", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.namespace}{"\t"}{.metadata.labels.name}{"\t"}"#
                + #"{.metadata.labels.version}{"\t"}{.metadata.labels.status}{"\t"}"#
                + #"{.metadata.resourceVersion}{"\n"}{end}"#,
        ])
    /// Pods of the jobs, for the reason why one does not get on.
    static let jobPods = Probe.command(
        APIQuestion.client + [
            "get", "pods", "-n", "kube-system", "-l", "helmcharts.helm.cattle.io/chart", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.labels.helmcharts\.helm\.cattle\.io/chart}{"\t"}"#
                + #"{.status.containerStatuses[*].state.waiting.message}"#
                + #"{.status.conditions[?(@.type=="PodScheduled")].message}{"\n"}{end}"#,
        ])
    static let probes = [jobs, releases, jobPods]

    /// A job that installs a chart.
    struct Job: Equatable {
        let isComplete: Bool
        let hasGivenUp: Bool
        let failures: Substring
        /// What the job was made for.
        let chart: Substring
        let version: Substring
        let repo: Substring
        let message: Substring
    }

    /// Nil where K3s has not made it.
    func job(_ answer: Answer?) -> Job? {
        for line in answer?.lines ?? [] {
            let columns = line.split(separator: "\t", maxSplits: 7, omittingEmptySubsequences: false)
            guard columns.count == 8, columns[0] == "helm-install-\(name)" else { continue }
            return Job(
                isComplete: columns[1] == "True", hasGivenUp: columns[2] == "True", failures: columns[3],
                chart: columns[4], version: columns[5], repo: columns[6], message: columns[7])
        }
        return nil
    }

    /// What Helm has recorded of a release, in a Secret.
    struct Release: Equatable {
        let version: Int
        let status: Substring
        /// Of the Secret; later changes of any Secret have greater ones (Kubernetes KEP-5504).
        let resourceVersion: UInt64
    }

    /// The newest release; nil where there is none.
    func newest(_ answer: Answer?) -> Release? {
        let releases = (answer?.lines ?? []).compactMap { line -> Release? in
            let columns = line.split(separator: "\t")
            guard columns.count == 5, columns[0] == namespace, columns[1] == name, let version = Int(columns[2]),
                let resourceVersion = UInt64(columns[4])
            else { return nil }
            return Release(version: version, status: columns[3], resourceVersion: resourceVersion)
        }
        return releases.max { $0.version < $1.version }
    }

    func verdict(_ facts: Facts, on node: NodeName) -> Verdict {
        guard let answer = facts[node, ReleaseQuestion.jobs], answer.succeeded else {
            let reason = facts[node, ReleaseQuestion.jobs].map { ": " + $0.reason } ?? " yet"
            return .waiting("the cluster cannot be asked for the chart's job\(reason)")
        }
        guard let job = job(answer) else {
            return .waiting("K3s has not started the job that installs \(title) yet")
        }
        if job.hasGivenUp {
            return .failed(
                "the job helm-install-\(name) has given up: \(job.message.isEmpty ? "no reason given" : job.message)")
        }
        guard job.isComplete else {
            let failed = ["", "0"].contains(job.failures) ? "" : " (\(job.failures) attempts failed)"
            let reason = reason(facts[node, ReleaseQuestion.jobPods]).map { ": \($0.prefix(300))" } ?? ""
            return .waiting("the job helm-install-\(name) is not complete\(failed)\(reason)")
        }
        guard let releases = facts[node, ReleaseQuestion.releases], releases.succeeded else {
            return .waiting("the cluster cannot be asked for \(title)'s release yet")
        }
        guard let newest = newest(releases) else { return .waiting("the chart of \(title) has no release yet") }
        return newest.status == "deployed"
            ? .holds : .waiting("release \(newest.version) of the chart of \(title) is \(newest.status)")
    }

    private func reason(_ pods: Answer?) -> Substring? {
        guard let pods, pods.succeeded else { return nil }
        for line in pods.lines {
            let columns = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            if columns.count == 2, columns[0] == name, !columns[1].isEmpty { return columns[1] }
        }
        return nil
    }
}
