import Engine

/// `plan` for people: text for a terminal, Markdown for a review, Mermaid for the phase graph.
struct PlanText {
    enum Style { case text, markdown }
    let style: Style
    let sink: (String) -> Void

    static func write(_ plan: Plan, style: Style, to sink: @escaping (String) -> Void) {
        let text = PlanText(style: style, sink: sink)
        text.line(
            style == .text ? "Plan for \(plan.cluster) (\(plan.order))" : "# Plan for \(plan.cluster) (\(plan.order))")
        for (number, phase) in plan.phases.enumerated() { text.write(phase, number: number + 1) }
    }

    /// The phase graph as a Mermaid flowchart.
    static func mermaid(_ plan: Plan) -> String {
        var lines = ["flowchart TD"]
        for phase in plan.phases {
            let shape = phase.work.contains { $0.guardWindowSeconds != nil } ? ("{{", "}}") : ("[", "]")
            let nodes = phase.work.count == 1 ? "\(phase.work[0].node)" : "\(phase.work.count) nodes"
            lines.append("    \(phase.id)\(shape.0)\"\(phase.title)<br/>\(nodes)\"\(shape.1)")
        }
        for phase in plan.phases {
            for dependency in phase.after {
                switch dependency {
                case .all(let other): lines.append("    \(other) --> \(phase.id)")
                case .sameNode(let other): lines.append("    \(other) -.->|same node| \(phase.id)")
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func line(_ text: String = "") { sink(text + "\n") }

    private func write(_ phase: PlannedPhase, number: Int) {
        line()
        line(style == .text ? "\(number). \(phase.id): \(phase.title)" : "## \(number). \(phase.id): \(phase.title)")
        if style == .markdown { line() }
        let after = phase.after.map(\.words).joined(separator: ", ")
        item("nodes: \(phase.work.map(\.node.rawValue).joined(separator: ", "))\(atOnce(phase))")
        if !after.isEmpty { item("after: \(after)") }
        if let ended = phase.ends { item("ends what \(ended) has done, also where the run fails in between") }
        for group in groups(phase.work) { write(group) }
    }

    private func atOnce(_ phase: PlannedPhase) -> String {
        guard phase.work.count > 1 else { return "" }
        if let last = phase.last { return " (\(last) when the others have had their steps)" }
        return phase.atOnce >= phase.work.count ? " (all at once)" : " (\(phase.atOnce) at a time)"
    }

    /// Nodes that get the same steps, gate and undo are shown once.
    private func groups(_ work: [NodeWork]) -> [(nodes: [NodeName], work: NodeWork)] {
        struct Key: Hashable {
            let place: NodeName?
            let steps: [Step]
            let gate: String
        }
        var position: [Key: Int] = [:]
        var groups: [(nodes: [NodeName], work: NodeWork)] = []
        for item in work {
            let key = Key(
                place: item.place == item.node ? nil : item.place, steps: item.steps, gate: item.gate?.waitingFor ?? "")
            if let found = position[key] {
                groups[found].nodes.append(item.node)
            } else {
                position[key] = groups.count
                groups.append(([item.node], item))
            }
        }
        return groups
    }

    private func write(_ group: (nodes: [NodeName], work: NodeWork)) {
        let work = group.work
        let names = group.nodes.map(\.rawValue).joined(separator: ", ")
        let place = work.place == work.node ? "" : ", done on \(work.place)"
        if style == .markdown { line("\n### \(names)\(place)\n") } else { line("   \(names)\(place):") }
        for step in work.steps { write(step) }
        if let gate = work.gate {
            item("gate: waiting for \(gate.waitingFor), at most \(gate.deadlineSeconds) s")
            for ask in gate.asks { detail("asks \(ask.node): \(ask.probe.words)") }
        }
        item("guard: " + (work.guardWindowSeconds.map { "armed, fires \($0) s after the last sign of life" } ?? "none"))
        if let witness = work.witness {
            detail("confirmed over a new connection, and when \(witness.node) hears \(witness.probe.words) as before")
        }
        for (number, undo) in work.undo.words.enumerated() {
            number == 0 ? item("undo: \(undo)") : detail("then \(undo)")
        }
    }

    private func write(_ step: Step) {
        let description = Description(step.operation)
        let fields = description.fields.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        item("\(description.kind) \(description.subject)\(fields.isEmpty ? "" : " (\(fields))")")
        detail("because \(step.because)")
        guard let content = description.content else { return }
        if style == .markdown { line("  ```") }
        for text in content.split(separator: "\n", omittingEmptySubsequences: false).dropLast(
            content.hasSuffix("\n") ? 1 : 0)
        {
            line((style == .text ? "        | " : "  ") + text)
        }
        if style == .markdown { line("  ```") }
    }

    private func item(_ text: String) { line(style == .text ? "   - \(text)" : "- \(text)") }
    private func detail(_ text: String) { line(style == .text ? "       \(text)" : "  - \(text)") }
}

extension Order.Dependency {
    var words: String {
        switch self {
        case .all(let phase): "\(phase) on all its nodes"
        case .sameNode(let phase): "\(phase) on the same node"
        }
    }
}
