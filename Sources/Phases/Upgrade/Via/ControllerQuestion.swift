import Engine
import Foundation
import Inventory

/// What the cluster's own controller is, what it is about to do, and how far it has come.
enum ControllerQuestion {
    typealias Selector = DisruptionQuestion.Selector

    private static func ask(_ what: [String], _ path: String) -> Probe {
        .command(APIQuestion.client + ["get"] + what + ["--request-timeout=10s", "-o", "jsonpath=\(path)"])
    }

    /// How many of the controller's pods are available; fails where there is no such Deployment.
    static let deployment = ask(
        ["deployment", ControllerPlans.controller, "-n", ControllerPlans.namespace], "{.status.availableReplicas}")

    static let account = ask(
        ["serviceaccount", ControllerPlans.account, "-n", ControllerPlans.namespace], "{.metadata.name}")

    /// Fails where the cluster does not know the kind.
    static let plans = ask(
        ["plans.upgrade.cattle.io", "-A"],
        #"{range .items[*]}{.metadata.namespace}{"\t"}{.metadata.name}{"\t"}{.spec.nodeSelector}{"\n"}{end}"#)

    static let labels = ask(["nodes"], #"{range .items[*]}{.metadata.name}{"\t"}{.metadata.labels}{"\n"}{end}"#)

    struct Plan: Equatable {
        let namespace: String
        let name: String
        /// As the API has it, in JSON; empty: none, which selects no node (apimachinery LabelSelectorAsSelector).
        let selector: String

        var isOurs: Bool { namespace == ControllerPlans.namespace && ControllerPlans.names.contains(name) }

        /// Nil where the selector is none that is understood here.
        func selects(_ labels: [String: String]) -> Bool? {
            // The controller leaves out nodes on which a Plan was switched off.
            if labels["plan.upgrade.cattle.io/\(name)"] == "disabled" { return false }
            guard !selector.isEmpty else { return false }
            return (try? JSONDecoder().decode(Selector.self, from: Data(selector.utf8)))?.matches(labels)
        }
    }

    /// Nil where the cluster could not be asked.
    static func plans(_ answer: Answer?) -> [Plan]? {
        guard let answer, answer.succeeded else { return nil }
        return answer.lines.compactMap { line in
            let fields = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            return Plan(namespace: String(fields[0]), name: String(fields[1]), selector: String(fields[2]))
        }
    }

    static func labels(_ answer: Answer?, of node: NodeName) -> [String: String]? {
        guard let line = answer?.line(of: node.rawValue), let tab = line.firstIndex(of: "\t") else { return nil }
        return try? JSONDecoder().decode([String: String].self, from: Data(line[line.index(after: tab)...].utf8))
    }
}

// MARK: How far it has come

extension ControllerQuestion {
    /// For each node what clusterctl and the controller have marked it with, and whether pods are kept off it.
    static let marks = ask(
        ["nodes"],
        #"{range .items[*]}{.metadata.name}{"\t"}{.metadata.labels.clusterctl\.dev/turn}{"\t"}"#
            + #"{.metadata.labels.plan\.upgrade\.cattle\.io/clusterctl-servers}"#
            + #"{.metadata.labels.plan\.upgrade\.cattle\.io/clusterctl-agents}{"\t"}"#
            + #"{.spec.unschedulable}{"\n"}{end}"#)

    /// The controller's jobs and their pods: node, kind, how it stands, why it failed, and what a container waits for.
    static let jobs = ask(
        [
            "jobs,pods", "-n", ControllerPlans.namespace, "-l",
            "upgrade.cattle.io/plan in (\(ControllerPlans.names.joined(separator: ",")))",
        ],
        #"{range .items[*]}{.metadata.labels.upgrade\.cattle\.io/node}{"\t"}{.kind}{"\t"}{.status.phase}{"\t"}"#
            + #"{.status.conditions[?(@.type=="Failed")].reason}{"\t"}"#
            + #"{.status.conditions[?(@.type=="Failed")].message}{"\t"}"#
            + #"{.status.initContainerStatuses[*].state.waiting.reason}"#
            + #"{.status.containerStatuses[*].state.waiting.reason}{"\n"}{end}"#)

    /// What the program on the node says of its turn, whether or not a kubelet is there to tell of it.
    static let trouble = Probe.command(Script.arguments(.turn, ["trouble"]))

    static func asks(_ server: NodeName, about node: NodeName) -> [Ask] {
        [Ask(server, marks), Ask(server, jobs), Ask(node, trouble)]
    }

    /// Whether the controller counts the node as done: then its job has succeeded there, and pods may come again.
    static func verdict(_ facts: Facts, askedOn server: NodeName, about node: NodeName) -> Verdict {
        if let trouble = facts[node, trouble], trouble.succeeded, !trouble.lines.isEmpty {
            return .failed(trouble.reason)
        }
        guard let answer = facts[server, marks], answer.succeeded else {
            return .waiting("the cluster cannot be asked how far its controller is")
        }
        let fields = answer.line(of: node.rawValue)?.split(separator: "\t", omittingEmptySubsequences: false) ?? []
        guard fields.count == 4 else { return .waiting("the cluster does not know \(node)") }
        // One that is not handed over, such as a node that a killed run has left behind its gate, is nobody's to count.
        if fields[1].isEmpty { return .holds }
        guard fields[2].isEmpty else {
            return fields[3] == "true" ? .waiting("\(node) is still cordoned") : .holds
        }
        return job(facts[server, jobs], node)
    }

    private static func job(_ answer: Answer?, _ node: NodeName) -> Verdict {
        guard let answer, answer.succeeded else {
            return .waiting("the cluster cannot be asked for the controller's jobs")
        }
        let rows = answer.lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
            .filter { $0.count == 6 && $0[0] == Substring(node.rawValue) }
        if let failed = rows.first(where: { $0[1] == "Job" && !$0[3].isEmpty }) {
            return .failed("the controller's job on \(node) has failed: \(failed[3]): \(failed[4])")
        }
        guard !rows.isEmpty else { return .waiting("the controller has not begun with \(node)") }
        guard let pod = rows.last(where: { $0[1] == "Pod" }) else {
            return .waiting("the controller's job on \(node) has no pod yet")
        }
        return .waiting(
            "the pod of the controller's job on \(node) is \(pod[2].isEmpty ? "not begun" : pod[2])"
                + (pod[5].isEmpty ? "" : ": \(pod[5])"))
    }
}
