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
                        + #"{.data.values-01_HelmChart\.yaml}{"\n"}{end}"#,
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
        let taken = isTakenUp(facts, on: node)
        guard taken == .holds else { return taken }
        return .all(release.verdict(facts, on: node), areAvailable(facts[node, Self.workloads]))
    }

    private func isTakenUp(_ facts: Facts, on node: NodeName) -> Verdict {
        guard let job = release.job(facts[node, ReleaseQuestion.jobs]) else { return .holds }
        let (chart, repo) =
            switch addon.chart {
            case .repository(let url, let chart): ("\(addon.name)/\(chart)", url)
            case .registry(let address): (address, "")
            }
        guard job.chart == chart, job.repo == repo, job.version == addon.version else {
            return .waiting("K3s has not taken up version \(addon.version) of the chart yet")
        }
        guard let answer = facts[node, values], answer.succeeded else {
            return .waiting("the cluster cannot be asked for the chart's values yet")
        }
        let wanted = Data(AddonObjects.values(addon).utf8).base64EncodedString()
        return answer.lines.contains { $0 == "chart-values-\(addon.name)\t\(wanted)" }
            ? .holds : .waiting("K3s has not taken up the values of the chart yet")
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
