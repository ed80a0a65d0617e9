import Engine
import Inventory
import Rendering
import YAML

/// Which chart of Cilium the cluster has, and whether it is held while an upgrade is under way.
struct CiliumChartQuestion {
    static let probe = Probe.command(
        APIQuestion.client + [
            "get", "helmchart", "cilium", "-n", "kube-system", "--ignore-not-found", "--request-timeout=10s", "-o",
            #"jsonpath={.spec.version}{"\t"}{.spec.set.updateStrategy\.type}{"\n"}{.spec.valuesContent}"#,
        ])

    /// Nil where the chart is an archive, or its version is none that can be compared.
    let version: CiliumVersion?
    let isHeld: Bool
    /// The version that came first, where the chart is told it.
    let compatibility: String?

    /// Nil where there is no such chart, or the cluster could not be asked.
    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded, let end = answer.output.firstIndex(where: \.isNewline) else { return nil }
        let columns = answer.output[..<end].split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
        guard columns.count == 2 else { return nil }
        version = CiliumVersion(columns[0])
        isHeld = columns[1] == "OnDelete"
        let values = try? YAMLDocument.parse(String(answer.output[end...]), file: "values")
        compatibility = values?.root["upgradeCompatibility"]?.scalar?.text
    }

    /// Whether the inventory would have the chart behave as if another version had come first than the cluster has it.
    ///
    /// - Parameter running: the version that runs, where the chart does not say it.
    func compatibilityProblem(_ inventory: Inventory, running: CiliumVersion?) -> Problem? {
        let said = inventory.cilium.upgradeCompatibility
        guard let wanted = CiliumVersion(inventory.cilium.version),
            let first = compatibility.flatMap({ CiliumVersion($0) }) ?? version ?? running,
            let rendered = CiliumVersion(said ?? inventory.cilium.version)
        else { return nil }
        let isSettled = version == wanted && !isHeld
        if rendered.isSameMinor(as: first), !isSettled || said == compatibility { return nil }
        guard compatibility != nil || !wanted.isSameMinor(as: first) else {
            return Problem(
                "the cluster's Cilium was installed as \(first), and the inventory says that \(rendered) came first",
                fix: "take 'upgradeCompatibility' below 'cilium' out of the inventory")
        }
        return Problem(
            "the cluster's Cilium was first installed as \(compatibility ?? first.description), and the inventory "
                + (said.map { "says \($0)" } ?? "does not say so"),
            fix: "write 'upgradeCompatibility: \(compatibility ?? first.description)' below 'cilium' into the inventory"
        )
    }

    /// Why this cluster's Cilium is not `bootstrap`'s to change: another version runs, or is just coming. Where no agent is
    /// ready there is nothing to lose.
    static func problem(_ cluster: Cluster, _ facts: Facts) -> Problem? {
        guard let chart = CiliumChartQuestion(facts.first(of: cluster.controlPlane, probe)),
            PodsQuestion(facts.first(of: cluster.controlPlane, CiliumQuestion.pods))?.rows.contains(where: \.isReady)
                == true
        else { return nil }
        if chart.isHeld {
            return Problem(
                "an upgrade of Cilium is under way\(chart.version.map { " (the chart is \($0))" } ?? "")",
                fix: "let 'clusterctl upgrade --cilium VERSION' go on to its end, or back with the earlier version")
        }
        let wanted = CiliumVersion(cluster.inventory.cilium.version)
        if let running = chart.version, let wanted, running != wanted {
            return Problem(
                "the cluster runs Cilium \(running), and the inventory says \(wanted)",
                fix: "lead it there first, one node at a time: 'clusterctl upgrade --cilium \(wanted)'; or put "
                    + "\(running) back into the inventory")
        }
        return chart.compatibilityProblem(cluster.inventory, running: nil)
    }
}

/// How the chart's DaemonSets and the operator stand.
struct CiliumStateQuestion {
    static let probe = Probe.command(Script.arguments(.ciliumUpgrade, ["state"]))

    private let rows: [[Substring]]

    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        rows = answer.lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
    }

    /// Whether the DaemonSets were made from these values, and replace pods by themselves or do not.
    static func verdict(_ answer: Answer?, values: String, isHeld: Bool) -> Verdict {
        guard let state = CiliumStateQuestion(answer) else {
            let why = answer.map { ": " + $0.reason } ?? " yet"
            return .waiting("the cluster cannot be asked for Cilium's DaemonSets\(why)")
        }
        let sets = state.rows.filter { $0.first == "daemonset" && $0.count == 4 }
        guard let agent = sets.first(where: { $0[1] == "cilium" }) else {
            return .waiting("there is no DaemonSet of Cilium yet")
        }
        guard agent[3] == values else { return .waiting("the DaemonSet of Cilium is of earlier settings") }
        for set in sets where (set[2] == "OnDelete") != isHeld {
            let does = isHeld ? "still replaces" : "does not yet replace"
            return .waiting("the DaemonSet \(set[1]) \(does) pods by itself")
        }
        return state.operatorVerdict
    }

    private var operatorVerdict: Verdict {
        guard let row = rows.first(where: { $0.first == "operator" && $0.count == 6 }) else {
            return .waiting("there is no operator of Cilium yet")
        }
        let numbers = row.dropFirst().map { Int($0) ?? 0 }
        guard numbers[3] == numbers[4], numbers[1] == numbers[0], numbers[2] >= numbers[0] else {
            return .waiting(
                "of \(numbers[0]) operators of Cilium \(numbers[1]) are of the present settings, and \(numbers[2]) ready"
            )
        }
        return .holds
    }
}
