import Engine
import Inventory

/// A plan as text for comparisons; nodes that get the same as one before them are only named.
enum PlanText {
    static func text(_ plan: Plan, nodesOfAKind inventory: Inventory) -> String {
        var text = "plan \(plan.order) of \(plan.cluster)\n"
        for phase in plan.phases {
            text += "\n== \(phase.id): \(phase.title)\(phase.atOnce == .max ? "" : " (\(phase.atOnce) at a time)")\n"
            var seen: [String: NodeName] = [:]
            for work in phase.work {
                let body = self.body(work)
                let general = body.replacing(work.node.rawValue, with: "<node>")
                    .replacing(inventory.node(named: work.node.rawValue)?.address.description ?? "-", with: "<address>")
                if let same = seen[general] {
                    text += "\n\(work.node): as \(same)\n"
                } else {
                    seen[general] = work.node
                    text += "\n\(work.node):\n" + body
                }
            }
        }
        return text
    }

    private static func body(_ work: NodeWork) -> String {
        var lines = work.probes.map { "? \(probe($0))" }
        for step in work.steps { lines.append("+ \(operation(step.operation))\n  because \(step.because)") }
        if let gate = work.gate {
            lines.append("= waiting for \(gate.waitingFor), \(gate.deadlineSeconds) s")
            lines += gate.asks.map { "  ? \($0.node): \(probe($0.probe))" }
        }
        if let witness = work.witness { lines.append("! \(witness.node): \(probe(witness.probe))") }
        switch work.undo {
        case .nothing(let because): lines.append("- nothing to undo: \(because)")
        case .steps(let steps):
            for step in steps { lines.append("- \(operation(step.operation))\n  because \(step.because)") }
        case .restore(let first, let window):
            lines.append("- restored\(window.map { " by the guard after \($0) s" } ?? "")")
            lines += first.map { "  first: \(operation($0.operation))" }
        }
        return lines.map { $0.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n    ") }
            .joined(separator: "\n") + "\n"
    }

    private static func operation(_ operation: Operation) -> String {
        switch operation {
        case .file(let path, .text, let mode) where path.contains("guard"): "file \(path) \(mode) (see templates/guard)"
        case .file(let path, .text(let text), let mode): "file \(path) \(mode)\n\(text)"
        case .file(let path, .secret(let source), let mode): "file \(path) \(mode) secret: \(source)"
        case .link(let path, let target): "link \(path) -> \(target)"
        case .artifact(let path, let source, let mode):
            "artifact \(path) \(mode) from \(source.origin) \(source.checksum)"
        case .unit(let unit): "unit \(unit.name) \(unit.activity)"
        case .object(let object): "object \(object.name)\n\(object.manifest)"
        case .command(let command):
            "command '\(command.name)' \(command.arguments.prefix(2)) for \(command.timeoutSeconds) s"
        case .checkpoint(let checkpoint): "checkpoint \(checkpoint.paths) \(checkpoint.units)"
        case .module, .sysctl, .directory, .absent: "\(operation)"
        }
    }

    private static func probe(_ probe: Probe) -> String {
        switch probe {
        case .command(let words): "command " + words.map { $0.count > 60 ? "..." : $0 }.joined(separator: " ")
        default: "\(probe)"
        }
    }
}
