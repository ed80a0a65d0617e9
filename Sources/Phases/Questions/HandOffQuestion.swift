import Engine
import Inventory

/// Whether an addon that is handed off is still clusterctl's to install.
struct HandOffQuestion: Sendable {
    enum Owner: Equatable {
        /// It is not there yet, or as clusterctl has installed it.
        case clusterctl
        /// Somebody else's, for this reason.
        case other(String)
        /// Nobody says, for this reason.
        case unknown(String)
    }

    private let release: ReleaseQuestion
    private let chart: Probe

    init(_ addon: Addon) {
        release = ReleaseQuestion(name: addon.name, title: addon.name, namespace: addon.namespace)
        chart = .command(
            APIQuestion.client + [
                "get", "helmchart", addon.name, "-n", "kube-system", "--ignore-not-found", "--request-timeout=10s",
                "-o",
                #"jsonpath={.metadata.name}{"\t"}{.metadata.annotations.clusterctl\.dev/applied}{"\t"}"#
                    + #"{.metadata.annotations.helmcharts\.helm\.cattle\.io/unmanaged}"#,
            ])
    }

    /// Fails where the cluster has no Argo CD; kubectl's words tell that from a cluster that does not answer.
    static let applications = Probe.command(
        APIQuestion.client + [
            "get", "applications.argoproj.io", "-A", "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.name}{"\t"}{.metadata.labels.clusterctl\.dev/addon}{"\n"}{end}"#,
        ])

    /// Nil where nobody says.
    private static func applications(_ answer: Answer?) -> [Substring]? {
        guard let answer else { return nil }
        if answer.succeeded { return answer.lines }
        return answer.error.contains("doesn't have a resource type") ? [] : nil
    }

    var asks: [Probe] { [chart, ReleaseQuestion.releases, HandOffQuestion.applications, EtcdQuestion.data] }

    /// - Parameter digest: of the HelmChart as the inventory has it.
    func owner(_ facts: Facts, on node: NodeName, digest: String) -> Owner {
        guard let found = facts[node, chart], found.succeeded else {
            // Without etcd's data there is no cluster yet in which somebody else could have it.
            if EtcdQuestion.hasData(facts[node, EtcdQuestion.data]) == false { return .clusterctl }
            return .unknown(
                "the cluster cannot be asked who has it\(facts[node, chart].map { ": " + $0.reason } ?? "")")
        }
        guard let applications = HandOffQuestion.applications(facts[node, HandOffQuestion.applications]) else {
            return .unknown("the cluster cannot be asked for Argo CD's Applications")
        }
        guard let releases = facts[node, ReleaseQuestion.releases], releases.succeeded else {
            return .unknown("the cluster cannot be asked for its releases")
        }
        if applications.contains(where: { $0.split(separator: "\t").contains(Substring(release.name)) }) {
            return .other("Argo CD has an Application for it")
        }
        let newest = release.newest(releases)
        let columns = found.output.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
        guard columns.count == 3, !columns[0].isEmpty else {
            return newest == nil ? .clusterctl : .other("its release is there without a HelmChart")
        }
        if !columns[2].isEmpty { return .other("its HelmChart is marked as unmanaged") }
        if columns[1] == digest || newest?.status != "deployed" { return .clusterctl }
        return .other("its HelmChart is not what the inventory says, and is left as it is")
    }
}
