import Engine
import Foundation
import Testing

@testable import ClusterctlCLI

/// Nodes that can be looked at and nothing else: applying anything is a failed test.
struct SurveyFleet: Fleet {
    var answer: @Sendable (NodeName, Probe) -> Answer
    var state: @Sendable (NodeName, Step) -> StepState

    func survey(
        _ node: NodeName, probes: [Probe], steps: [Step]
    ) async throws(LinkFailure) -> (answers: [Probe: Answer], states: [Step: StepState]) {
        (
            Dictionary(probes.map { ($0, answer(node, $0)) }) { first, _ in first },
            Dictionary(steps.map { ($0, state(node, $0)) }) { first, _ in first }
        )
    }

    func apply(
        _ task: TaskID, on node: NodeName, steps: [Step], then watch: GateWatch?,
        tell: @escaping @Sendable (ClusterctlCLI.Progress) -> Void
    ) async throws(LinkFailure) {
        Issue.record("\(task) was applied")
        throw LinkFailure(kind: .refused, message: "a fleet that only looks")
    }

    func watch(
        _ node: NodeName, probes: [Probe], deadlineSeconds: Int, observe: @escaping @Sendable (Probe, Answer) -> Void
    ) async throws(LinkFailure) {
        Issue.record("\(node) was watched")
    }

    func guardian(_ task: TaskID, _ verb: GuardVerb) async throws(LinkFailure) -> GuardState { .none }

    func lease(_ node: NodeName, _ verb: LeaseVerb) async throws(LinkFailure) -> LeaseAnswer {
        Issue.record("\(node) was asked for the lease")
        return .moved
    }
}

extension SurveyFleet {
    /// The lab's nodes as bare machines on which nothing of clusterctl is.
    static let bare = SurveyFleet(
        answer: { _, probe in
            switch probe {
            case .host: Answer(status: 0, output: host())
            case .guardState: Answer(status: 0, output: "none\n")
            case .lease: Answer(status: 0, output: "free fence=0\n")
            case .unit: Answer(status: 0, output: "LoadState=not-found\nActiveState=inactive\nNRestarts=0\n")
            case .listeners: Answer(status: 0, output: "")
            default: Answer(status: 127, output: "", error: "sh: k3s: not found\n")
            }
        },
        state: { _, step in
            if case .object = step.operation { return .differs(current: "(k3s: No such file or directory)") }
            return .differs(current: "(absent)")
        })

    static func host(time: Int = 1_800_000_000, diskFreeKiB: Int = 9_000_000) -> String {
        """
        os_id=debian
        kernel=6.1.0-13-amd64
        arch=x86_64
        memory_kb=8000000
        cgroup=v2
        disk_free_kb=\(diskFreeKiB)
        time=\(time)
        init=systemd

        """
    }

    /// What a run finds, and how it ends when this is said to it.
    func review(
        _ site: Site, limit: Set<NodeName>? = nil, approval: (PlanFacts) -> Driver.Approval = { _ in .declined }
    ) async throws -> (facts: PlanFacts, outcome: Outcome) {
        try await withoutActuallyEscaping(approval) { approval in
            var found: PlanFacts?
            let driver = Driver(
                fleet: self, tell: { _ in },
                approve: { review, facts in
                    let now = PlanFacts(review, facts, of: site, limit: limit)
                    found = now
                    return approval(now)
                })
            let machine = Machine(cluster: "lab", order: site.order, nodes: site.nodes, limit: limit)
            let outcome = await driver.run(machine, interrupts: AsyncStream { _ in })
            return (try #require(found, "no review was shown: \(outcome)"), outcome)
        }
    }
}
