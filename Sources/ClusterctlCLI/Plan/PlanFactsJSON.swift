import Engine

/// The part `facts` of a saved plan (docs/plan-format.md).
extension PlanFacts {
    static let version = 1

    func write(to json: inout JSONWriter) {
        json.field("version", Self.version)
        json.field("digest", digest)
        if let limit { json.field("limit", limit.map(\.rawValue)) }
        json.array("guards") { json in
            for (node, phase) in armed.sorted(by: { $0.key < $1.key }) {
                json.object { json in
                    json.field("node", node.rawValue)
                    json.field("armedFor", phase.rawValue)
                }
            }
        }
        json.array("tasks") { json in
            for task in tasks { json.object { task.write(to: &$0) } }
        }
    }
}

extension PlanFacts.Task {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("phase", id.phase.rawValue)
        json.field("node", id.node.rawValue)
        json.field("conclusion", conclusion.rawValue)
        if !reason.isEmpty { json.field("reason", reason) }
        json.array("steps") { json in
            for step in steps {
                json.object { json in
                    json.field("step", step.what)
                    json.field("state", step.current == nil ? "same" : "differs")
                    if let current = step.current { json.field("current", current) }
                }
            }
        }
    }
}

// MARK: Reading

extension PlanFacts: Decodable {
    private struct Guard: Decodable {
        let node: String
        let armedFor: String
    }

    private enum Key: String, CodingKey { case version, digest, limit, guards, tasks }

    /// - Throws: `SavedPlanDefect` where the format is another one, or the facts are not those of their digest.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let version = try fields.decode(Int.self, forKey: .version)
        guard version == Self.version else { throw SavedPlanDefect.otherFormat("facts of version \(version)") }
        limit = try fields.decodeIfPresent([String].self, forKey: .limit)?.map { NodeName($0) }
        let guards = try fields.decode([Guard].self, forKey: .guards)
        armed = Dictionary(guards.map { (NodeName($0.node), PhaseID($0.armedFor)) }) { first, _ in first }
        tasks = try fields.decode([Task].self, forKey: .tasks)
        guard try fields.decode(String.self, forKey: .digest) == digest else { throw SavedPlanDefect.wrongDigest }
    }
}

extension PlanFacts.Conclusion: Decodable {}

extension PlanFacts.Task: Decodable {
    private enum Key: String, CodingKey { case phase, node, conclusion, reason, steps }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        id = TaskID(
            phase: PhaseID(try fields.decode(String.self, forKey: .phase)),
            node: NodeName(try fields.decode(String.self, forKey: .node)))
        conclusion = try fields.decode(PlanFacts.Conclusion.self, forKey: .conclusion)
        reason = try fields.decodeIfPresent(String.self, forKey: .reason) ?? ""
        steps = try fields.decode([PlanFacts.StepFact].self, forKey: .steps)
    }
}

extension PlanFacts.StepFact: Decodable {
    private enum Key: String, CodingKey { case step, state, current }
    private enum State: String, Decodable { case same, differs }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        what = try fields.decode(String.self, forKey: .step)
        switch try fields.decode(State.self, forKey: .state) {
        case .same: current = nil
        case .differs: current = try fields.decode(String.self, forKey: .current)
        }
    }
}
