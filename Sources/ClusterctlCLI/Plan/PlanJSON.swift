import Engine

/// `plan -o json`, and with `facts` a saved plan: stable and documented in docs/plan-format.md.
struct PlanJSON {
    static let version = 1

    static func write(_ plan: Plan, facts: PlanFacts? = nil, to sink: @escaping (String) -> Void) {
        var json = JSONWriter(sink: sink)
        json.object { json in
            json.field("version", version)
            json.field("cluster", plan.cluster)
            json.field("order", plan.order)
            json.array("phases") { json in
                for phase in plan.phases { write(phase, to: &json) }
            }
            if let facts { json.object("facts") { facts.write(to: &$0) } }
        }
        json.flush()
        sink("\n")
    }

    private static func write(_ phase: PlannedPhase, to json: inout JSONWriter) {
        json.object { json in
            json.field("id", phase.id.rawValue)
            json.field("title", phase.title)
            json.field("after", phase.after.map(\.phase.rawValue))
            json.field("afterOnSameNode", phase.after.compactMap(\.sameNode))
            json.field("nodes", phase.work.map(\.node.rawValue))
            json.field("atOnce", min(phase.atOnce, max(1, phase.work.count)))
            if let last = phase.last, phase.work.count > 1 { json.field("last", last.rawValue) }
            if let ended = phase.ends { json.field("ends", ended.rawValue) }
            json.array("operations") { json in
                for work in phase.work {
                    for step in work.steps { write(step, of: work, to: &json) }
                }
            }
            gate(phase, to: &json)
            var seen: Set<String> = []
            json.field("undo", phase.work.flatMap(\.undo.words).filter { seen.insert($0).inserted })
        }
    }

    private static func write(_ step: Step, of work: NodeWork, to json: inout JSONWriter) {
        let description = Description(step.operation)
        json.object { json in
            json.field("node", work.node.rawValue)
            if work.place != work.node { json.field("on", work.place.rawValue) }
            json.field("kind", description.kind)
            json.field(description.isPath ? "path" : "name", description.subject)
            for (key, value) in description.fields { json.field(key, value) }
            if let content = description.content { json.field("content", content) }
            if case .checkpoint(let checkpoint) = step.operation, !checkpoint.undo.isEmpty {
                json.field("undo", checkpoint.undo.map(undo))
            }
            json.field("guarded", work.guardWindowSeconds != nil)
            json.field("because", step.because)
        }
    }

    private static func undo(_ step: Step) -> String {
        let description = Description(step.operation)
        let fields = description.fields.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        return "\(description.kind) \(description.subject) (\(fields)): \(step.because)"
    }

    private static func gate(_ phase: PlannedPhase, to json: inout JSONWriter) {
        guard let first = phase.work.lazy.compactMap(\.gate).first else { return }
        json.object("gate") { json in
            json.field("waitingFor", first.waitingFor)
            json.field("deadlineSeconds", phase.work.compactMap(\.gate?.deadlineSeconds).max() ?? first.deadlineSeconds)
            json.array("nodes") { json in
                for work in phase.work {
                    guard let gate = work.gate else { continue }
                    json.object { json in
                        json.field("node", work.node.rawValue)
                        json.field("waitingFor", gate.waitingFor)
                        json.field("deadlineSeconds", gate.deadlineSeconds)
                        if let witness = work.witness {
                            json.field("witness", "\(witness.node): \(witness.probe.words)")
                        }
                        json.field("asks", gate.asks.map { "\($0.node): \($0.probe.words)" })
                    }
                }
            }
        }
    }
}

extension Order.Dependency {
    fileprivate var sameNode: String? {
        if case .sameNode(let phase) = self { return phase.rawValue }
        return nil
    }
}
