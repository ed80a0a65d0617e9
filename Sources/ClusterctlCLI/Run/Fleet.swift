import Engine

/// What a plan runs on. Real nodes over SSH here; a simulated fleet answers the same questions.
protocol Fleet: Sendable {
    /// Asks probes and the state of steps, read-only, in one exec.
    func survey(
        _ node: NodeName, probes: [Probe], steps: [Step]
    ) async throws(LinkFailure) -> (answers: [Probe: Answer], states: [Step: StepState])

    /// Applies a task's steps in order on this node in one exec, and stops at the first that fails; `tell` gets their
    /// results once. When all went well it goes on as `watch` does, where a watch is given.
    func apply(
        _ task: TaskID, on node: NodeName, steps: [Step], then watch: GateWatch?,
        tell: @escaping @Sendable (Progress) -> Void
    ) async throws(LinkFailure)

    /// Polls on the node and calls `observe` with first and changed answers; returns when the deadline has passed.
    func watch(
        _ node: NodeName, probes: [Probe], deadlineSeconds: Int, observe: @escaping @Sendable (Probe, Answer) -> Void
    ) async throws(LinkFailure)

    /// Talks to the guard over a connection made for this alone.
    func guardian(_ task: TaskID, _ verb: GuardVerb) async throws(LinkFailure) -> GuardState

    /// Says something about the lease to a node.
    func lease(_ node: NodeName, _ verb: LeaseVerb) async throws(LinkFailure) -> LeaseAnswer
}

/// How far an `apply` has come.
enum Progress: Sendable, Equatable {
    case applied([StepResult])
    case observed(Probe, Answer)
    /// Nothing was begun: another run was here meanwhile.
    case overtaken
}

extension LinkFailure: Error {}
