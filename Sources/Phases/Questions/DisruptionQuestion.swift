import Engine
import Foundation
import Rendering

/// Which pods a drain of a worker would have to wait for in vain, or would refuse to send away.
struct DisruptionQuestion {
    /// Prints only what can be in the way (templates/k3s/disruption.sh).
    static let probe = Probe.command(Script.arguments(.disruption))

    struct Pod: Equatable {
        let namespace: String
        let name: String
        /// Whether nobody makes it anew.
        let isAlone: Bool
        let hasEmptyDir: Bool
        let labels: [String: String]
        var description: String { "\(namespace)/\(name)" }
    }

    /// One that lets no pod go now.
    struct Budget {
        let namespace: String
        let name: String
        let selector: Selector

        func covers(_ pod: Pod) -> Bool { pod.namespace == namespace && selector.matches(pod.labels) }
    }

    /// A label selector of Kubernetes; one without anything selects all.
    struct Selector: Decodable {
        struct Expression: Decodable {
            let key: String
            let `operator`: String
            let values: [String]?
        }
        let matchLabels: [String: String]?
        let matchExpressions: [Expression]?

        func matches(_ labels: [String: String]) -> Bool {
            (matchLabels ?? [:]).allSatisfy { labels[$0] == $1 }
                && (matchExpressions ?? []).allSatisfy { expression in
                    let value = labels[expression.key]
                    let isNamed = value.map { (expression.values ?? []).contains($0) } ?? false
                    switch expression.operator {
                    case "In": return isNamed
                    case "NotIn": return !isNamed
                    case "Exists": return value != nil
                    case "DoesNotExist": return value == nil
                    default: return false
                    }
                }
        }
    }

    private var budgets: [Budget] = []
    private var pods: [NodeName: [Pod]] = [:]

    /// Nil where the cluster could not be asked, or its answer is not whole.
    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        let decoder = JSONDecoder()
        for line in answer.lines {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            switch (fields.first, fields.count) {
            case ("budget", 4):
                guard let selector = try? decoder.decode(Selector.self, from: Data(fields[3].utf8)) else { return nil }
                budgets.append(Budget(namespace: String(fields[1]), name: String(fields[2]), selector: selector))
            case ("pod", 6):
                let labels =
                    fields[5].isEmpty ? [:] : try? decoder.decode([String: String].self, from: Data(fields[5].utf8))
                guard let labels else { return nil }
                let why = fields[4].split(separator: ",")
                pods[NodeName(String(fields[3])), default: []].append(
                    Pod(
                        namespace: String(fields[1]), name: String(fields[2]), isAlone: why.contains("alone"),
                        hasEmptyDir: why.contains("local"), labels: labels))
            default: return nil
            }
        }
    }

    func problems(of node: NodeName, _ settings: Drain.Settings) -> [Problem] {
        let pods = pods[node] ?? []
        var problems: [Problem] = []
        for budget in settings.disablesEviction ? [] : budgets {
            let covered = pods.filter(budget.covers)
            guard !covered.isEmpty else { continue }
            problems.append(
                Problem(
                    "the disruption budget \(budget.namespace)/\(budget.name) lets none of its pods go, and draining "
                        + "\(node) would wait in vain for \(DisruptionQuestion.words(covered))",
                    fix: "let more of them run, or one less be asked for; or delete them: --disable-eviction"))
        }
        if !settings.force, case let alone = pods.filter(\.isAlone), !alone.isEmpty {
            problems.append(
                Problem(
                    "nobody makes \(DisruptionQuestion.words(alone)) anew, and draining \(node) deletes them",
                    fix: "delete them yourself, or allow it: --force"))
        }
        if !settings.deletesEmptyDirData, case let local = pods.filter(\.hasEmptyDir), !local.isEmpty {
            problems.append(
                Problem(
                    "\(DisruptionQuestion.words(local)) on \(node) would lose what they keep in an emptyDir",
                    fix: "move the data, or allow it: --delete-emptydir-data"))
        }
        return problems
    }

    private static func words(_ pods: [Pod]) -> String {
        let named = pods.prefix(3).map(\.description).joined(separator: ", ")
        return pods.count > 3 ? "\(named) and \(pods.count - 3) more" : named
    }
}
