import Crypto
import Engine
import Foundation

/// What a plan was made from, as far as it decides what a run would do: kept in a saved plan, and compared with what is
/// found when that plan is to be carried out.
///
/// Left out is what changes by itself: times, latencies, free space, counters, and the words in which a gate or a
/// client says why something is not there yet. Of a file's content only a digest is kept.
struct PlanFacts: Sendable, Equatable {
    enum Conclusion: String {
        case satisfied, pending
        case notApplicable = "not-applicable"
    }

    /// One phase on one node.
    struct Task: Sendable, Equatable {
        let id: TaskID
        let conclusion: Conclusion
        /// Why, for people: not compared, because a gate's reason is worded anew each time.
        let reason: String
        /// In the order of the plan, without the checkpoint.
        let steps: [StepFact]
    }

    /// How a step stands on its node.
    struct StepFact: Sendable, Equatable {
        /// Kind and subject, such as `file /etc/rancher/k3s/config.yaml`.
        let what: String
        /// What is there instead, in words; nil where it is as planned.
        let current: String?
    }

    /// The nodes that the plan may change, in the order of the inventory; nil for all of them.
    let limit: [NodeName]?
    /// The phase for which an earlier run left the guard armed.
    let armed: [NodeName: PhaseID]
    /// The tasks of these nodes, in the order of the plan.
    let tasks: [Task]

    var nodes: Set<NodeName>? { limit.map(Set.init) }
}

// MARK: From a survey

extension PlanFacts {
    init(_ review: Review, _ facts: Facts, of site: Site, limit: Set<NodeName>?) {
        let nodes = site.nodes.filter { limit?.contains($0) ?? true }
        let reasons = Dictionary(review.items.map { ($0.task, $0.reason) }) { first, _ in first }
        self.limit = limit == nil ? nil : nodes
        armed = nodes.reduce(into: [:]) { armed, node in
            guard let answer = facts[node, .guardState], case .armed(let phase) = GuardState(line: answer.output)
            else { return }
            armed[node] = phase
        }
        tasks = site.plan.phases.flatMap { phase in
            phase.work.filter { limit?.contains($0.node) ?? true }.map { work in
                let id = TaskID(phase: phase.id, node: work.node)
                let conclusion: Conclusion =
                    reasons[id] != nil ? .pending : review.notApplicable[id] != nil ? .notApplicable : .satisfied
                return Task(
                    id: id, conclusion: conclusion, reason: reasons[id] ?? review.notApplicable[id] ?? "",
                    steps: work.steps.filter { !$0.operation.isCheckpoint }.map { StepFact($0, facts[work.place, $0]) })
            }
        }
    }
}

extension PlanFacts.StepFact {
    init(_ step: Step, _ state: StepState?) {
        let description = Description(step.operation)
        what = "\(description.kind) \(description.subject)"
        switch state {
        case .same: current = nil
        case .differs(let text): current = Self.words(text, step.operation)
        case nil: current = "not known"
        }
    }

    /// Texts of files are not kept, and neither are the words of a client that could not ask.
    private static func words(_ current: String, _ operation: Engine.Operation) -> String {
        if case .file = operation, !isDescription(current) {
            return "another text (sha256 \(hexadecimal(SHA256.hash(data: Data(current.utf8))).prefix(16)))"
        }
        if case .object = operation, !answers.contains(where: current.hasSuffix) { return "(it cannot be asked for)" }
        return current
    }

    private static func isDescription(_ text: String) -> Bool {
        text.hasSuffix(")") && !text.contains(where: \.isNewline) && descriptions.contains(where: text.hasPrefix)
    }

    /// How the descriptions begin that stand for a file which is not shown (SSH/Shell/PreludeFiles.swift).
    private static let descriptions = ["(absent)", "(a ", "(mode, ", "(differs; secret)", "(empty)"]
    /// How an answer of the cluster about an object ends (SSH/Shell/PreludeSystem.swift).
    private static let answers = [" is absent)", " is not as it was applied)"]
}

// MARK: Digest and comparison

extension PlanFacts {
    /// SHA-256, in hexadecimal digits, of all that is compared; the order of nodes and tasks does not matter.
    var digest: String {
        var lines = (limit ?? []).map { "limit \($0)" } + (limit == nil ? ["all nodes"] : [])
        lines += armed.map { "armed \($0) \($1)" }
        for task in tasks {
            lines.append("task \(task.id.phase) \(task.id.node) \(task.conclusion.rawValue)")
            for (number, step) in task.steps.enumerated() {
                let state = step.current.map { JSONWriter.quoted($0) } ?? "same"
                lines.append(
                    "step \(task.id.phase) \(task.id.node) \(number) \(JSONWriter.quoted(step.what)) \(state)")
            }
        }
        return hexadecimal(SHA256.hash(data: Data(lines.sorted().joined(separator: "\n").utf8)))
    }

    /// What is otherwise now, in the order of the plan; empty exactly where the digests are the same.
    func differences(now: PlanFacts) -> [Outcome.Difference] {
        let then = Dictionary(tasks.map { ($0.id, $0) }) { first, _ in first }
        let present = Set(now.tasks.map(\.id))
        let nodes = Set(armed.keys).union(now.armed.keys).sorted()
        var all: [Outcome.Difference] = nodes.compactMap { node in
            func words(_ phase: PhaseID?) -> String { phase.map { "armed for \($0)" } ?? "not armed" }
            guard armed[node] != now.armed[node] else { return nil }
            return .init(
                node: node, phase: nil, what: "guard", was: words(armed[node]), now: words(now.armed[node]))
        }
        for task in now.tasks { all += task.differences(from: then[task.id]) }
        for task in tasks where !present.contains(task.id) {
            all.append(task.difference("this phase", was: task.words, now: "no part of the plan"))
        }
        return all
    }
}

extension PlanFacts.Task {
    /// The steps say more than the conclusion that comes of them, which is told where they are all as they were.
    fileprivate func differences(from then: PlanFacts.Task?) -> [Outcome.Difference] {
        guard let then else { return [difference("this phase", was: "no part of the plan", now: words)] }
        var all: [Outcome.Difference] = []
        for position in 0..<max(steps.count, then.steps.count) {
            let was = then.steps.indices.contains(position) ? then.steps[position] : nil
            let now = steps.indices.contains(position) ? steps[position] : nil
            guard was != now, let what = (now ?? was)?.what else { continue }
            func words(_ step: PlanFacts.StepFact?) -> String {
                guard let step else { return "no part of the plan" }
                return (step.what == what ? "" : step.what + " ") + (step.current ?? "as planned")
            }
            all.append(difference(what, was: words(was), now: words(now)))
        }
        if all.isEmpty, conclusion != then.conclusion {
            all.append(difference("this phase", was: then.words, now: words))
        }
        return all
    }

    fileprivate func difference(_ what: String, was: String, now: String) -> Outcome.Difference {
        .init(node: id.node, phase: id.phase, what: what, was: was, now: now)
    }

    fileprivate var words: String {
        switch conclusion {
        case .satisfied: "satisfied"
        case .pending: "pending (\(reason))"
        case .notApplicable: "left out (\(reason))"
        }
    }
}

private func hexadecimal(_ digest: SHA256.Digest) -> String { digest.map { String(format: "%02x", $0) }.joined() }
