import Engine
import Foundation
import Inventory
import YAML

/// Whether an addon is there as the inventory has it: its release, from the chart and values that are wanted, and all
/// workloads of the release.
struct AddonQuestion: Sendable {
    private let addon: Addon
    private let release: ReleaseQuestion
    private let values: Probe

    init(_ inventory: Inventory, _ addon: Addon) {
        self.addon = addon
        release = ReleaseQuestion(name: addon.name, title: addon.name, namespace: addon.namespace)
        values = AddonQuestion.values(inventory.addons.map(\.name))
    }

    var asks: [Probe] { ReleaseQuestion.probes + [values, AddonQuestion.workloads] }

    /// What K3s hands to Helm as the HelmChart's values, in base64, a line each chart (the second key: before
    /// helm-controller 0.16). Cilium's is asked for too, because kubectl writes one object alone in another form.
    private static func values(_ names: [String]) -> Probe {
        .command(
            APIQuestion.client + ["get", "secrets", "-n", "kube-system"]
                + (["cilium"] + names).map { "chart-values-\($0)" }
                + [
                    "--ignore-not-found", "--request-timeout=10s", "-o",
                    #"jsonpath={range .items[*]}{.metadata.name}{"\t"}{.data.HelmChartValuesContent}"#
                        + #"{.data.values-01_HelmChart\.yaml}{"\t"}{.metadata.resourceVersion}{"\n"}{end}"#,
                ])
    }

    /// Helm names its release on every object that it makes (helm.sh pkg/action/validate.go).
    static let workloads = Probe.command(
        APIQuestion.client + [
            "get", "deployments,daemonsets,statefulsets", "-A", "-l", "app.kubernetes.io/managed-by=Helm",
            "--request-timeout=10s", "-o",
            #"jsonpath={range .items[*]}{.metadata.annotations.meta\.helm\.sh/release-namespace}{"\t"}"#
                + #"{.metadata.annotations.meta\.helm\.sh/release-name}{"\t"}"#
                + #"{.kind} {.metadata.namespace}/{.metadata.name}{"\t"}"#
                + #"{.metadata.generation}{"\t"}{.status.observedGeneration}{"\t"}"#
                + #"{.spec.replicas}{.status.desiredNumberScheduled}{"\t"}"#
                + #"{.status.updatedReplicas}{.status.updatedNumberScheduled}{"\t"}"#
                + #"{.status.availableReplicas}{.status.numberAvailable}{"\t"}{.spec.updateStrategy.type}{"\n"}{end}"#,
        ])

    func verdict(_ facts: Facts, on node: NodeName) -> Verdict {
        // An earlier job, complete or given up, says nothing about the chart as it is wanted now.
        guard let job = release.job(facts[node, ReleaseQuestion.jobs]) else { return release.verdict(facts, on: node) }
        guard isFor(job) else { return .waiting("K3s has not taken up version \(addon.version) of the chart yet") }
        guard let answer = facts[node, values], answer.succeeded else {
            return .waiting("the cluster cannot be asked for the chart's values yet")
        }
        guard let changed = changed(answer) else { return .waiting("K3s has not taken up the values of the chart yet") }
        // K3s writes the values first, so that an earlier job can still be there; it says so itself if it has given up,
        // for such jobs are forgotten before the chart is changed.
        let newest = release.newest(facts[node, ReleaseQuestion.releases])
        let isFromValues: Verdict =
            newest.map { $0.resourceVersion > changed } == true
            ? .holds : .waiting("\(addon.name) has not been released with the values of the chart yet")
        return .all(release.verdict(facts, on: node), isFromValues, areAvailable(facts[node, Self.workloads]))
    }

    private func isFor(_ job: ReleaseQuestion.Job) -> Bool {
        let (chart, repo) =
            switch addon.chart {
            case .repository(let url, let chart): ("\(addon.name)/\(chart)", url)
            case .registry(let address): (address, "")
            }
        return job.chart == chart && job.repo == repo && job.version == addon.version
    }

    /// The resource version with which K3s' copy of the values became what is wanted; nil while it is not.
    private func changed(_ answer: Answer) -> UInt64? {
        let wanted = Data(AddonObjects.values(addon).utf8).base64EncodedString()
        for line in answer.lines {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            if columns.count == 3, columns[0] == "chart-values-\(addon.name)", columns[1] == wanted {
                return UInt64(columns[2])
            }
        }
        return nil
    }

    private func areAvailable(_ answer: Answer?) -> Verdict {
        guard let answer, answer.succeeded else {
            return .waiting("the cluster cannot be asked for workloads\(answer.map { ": " + $0.reason } ?? " yet")")
        }
        for line in answer.lines {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count == 9, columns[0] == addon.namespace, columns[1] == addon.name else { continue }
            let numbers = columns[3...7].map { Int($0) ?? 0 }
            guard numbers[1] >= numbers[0] else { return .waiting("\(columns[2]) has just been changed") }
            // With OnDelete a person replaces the pods.
            if columns[8] != "OnDelete", numbers[3] < numbers[2] {
                return .waiting("\(columns[2]) has \(numbers[3]) of \(numbers[2]) pods in their new form")
            }
            if numbers[4] < numbers[2] {
                return .waiting("\(columns[2]) has \(numbers[4]) of \(numbers[2]) pods available")
            }
        }
        return .holds
    }
}
