import Engine
import SSH

/// The lease on real nodes: see docs/decisions/031-lease.md.
extension SSHFleet {
    private static let seconds = 30

    func lease(_ node: NodeName, _ verb: Engine.LeaseVerb) async throws(LinkFailure) -> LeaseAnswer {
        let words = Controller.current.words
        let said: SSH.LeaseVerb
        switch verb {
        case .take(let fence, let seen):
            said = .take(fence: fence, seen: seen, seconds: Lease.seconds, words: words)
        case .renew: said = .renew(fence: lease?.fence ?? 0, seconds: Lease.seconds, words: words)
        case .claim: said = .claim(fence: lease?.fence)
        }
        let (isOurs, state) = try await say(said, to: node)
        guard isOurs else { return state.holder.map { .held($0) } ?? .moved }
        if case .take(let fence, _) = verb { lease = (node, fence) }
        return .ours
    }

    /// Shows life once, and tells whether the lease is still this run's as far as anybody knows.
    func keepsLease() async -> Bool {
        guard let keeper = lease?.keeper else { return true }
        do throws(LinkFailure) {
            return try await lease(keeper, .renew) == .ours
        } catch {
            // Where the keeper cannot be reached nobody else can take it either.
            return true
        }
    }

    /// A lease whose owner was killed on this machine need not be waited for.
    ///
    /// - Returns: whether there was one, which is ended now.
    func endLeaseOfTheDead(
        _ holder: Lease, _ state: LeaseState, on node: NodeName
    ) async throws(LinkFailure) -> Bool {
        guard Controller.current.hasOutlived(holder) else { return false }
        return try await endLease(holder, next: state.fence + 1, on: node)
    }

    /// Ends another run's lease, unless it has gone on to somebody else meanwhile.
    func endLease(_ lease: Lease, next: Int, on node: NodeName) async throws(LinkFailure) -> Bool {
        try await say(.end(fence: lease.fence, next: next, words: Controller.current.words), to: node).isOurs
    }

    /// So that the next run need not wait; where the keeper is out of reach, the lease lapses by itself.
    func releaseLease() async {
        guard let (keeper, fence) = lease, await pool.hasIdle(keeper) else { return }
        lease = nil
        _ = try? await say(.release(fence: fence), to: keeper)
    }

    /// Asks nodes for the lease and for programs at work, without any mark of this run there.
    func leaseStates(_ nodes: [NodeName]) async -> [NodeName: Result<LeaseState, LinkFailure>] {
        var states: [NodeName: Result<LeaseState, LinkFailure>] = [:]
        await withTaskGroup(of: (NodeName, Result<LeaseState, LinkFailure>).self) { group in
            for node in nodes {
                group.addTask {
                    let state = await attempt { () async throws(LinkFailure) -> LeaseState in
                        try await self.leaseState(node)
                    }
                    return (node, state)
                }
            }
            for await (node, state) in group { states[node] = state }
        }
        return states
    }

    private func leaseState(_ node: NodeName) async throws(LinkFailure) -> LeaseState {
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.survey(probes: [.lease], steps: [], nonce: ShellProgram.makeNonce())
        }
        let frames = try await run(program, on: node, seconds: Self.seconds, frames: 1)
        return LeaseState(frames.first?.output ?? "")
    }

    /// Takes the lease for work by hand on one node.
    /// - Returns: nil, or what another run does there.
    func takeLease(keeper: NodeName, for node: NodeName) async throws(LinkFailure) -> Outcome.Refusal? {
        var heard: [NodeName: Int] = [:]
        for asked in [keeper, node] {
            var state = try await leaseState(asked)
            if let holder = state.holder {
                guard try await endLeaseOfTheDead(holder, state, on: asked) else {
                    return .init(node: asked, reason: .held(holder))
                }
                state = try await leaseState(asked)
            }
            heard[asked] = state.fence
        }
        let next = (heard.values.max() ?? 0) + 1
        switch try await lease(keeper, .take(fence: next, seen: heard[keeper] ?? 0)) {
        case .held(let holder): return .init(node: keeper, reason: .held(holder))
        case .moved: return .init(node: keeper, reason: .moved)
        case .ours: return try await lease(node, .claim) == .ours ? nil : .init(node: node, reason: .moved)
        }
    }

    private func say(
        _ verb: SSH.LeaseVerb, to node: NodeName
    ) async throws(LinkFailure) -> (isOurs: Bool, state: LeaseState) {
        let program = try compile { () throws(ShellError) in
            try ShellCompiler.leaseVerb(verb, owner: owner, nonce: ShellProgram.makeNonce())
        }
        guard let answer = try await run(program, on: node, seconds: Self.seconds, frames: 1).first?.answer else {
            throw LinkFailure(kind: .garbled, message: "the node said nothing about the lease")
        }
        guard answer.status == 0 || answer.status == 3 else {
            throw LinkFailure(kind: .refused, message: "the lease on \(node) cannot be had: \(answer.lastLine)")
        }
        return (answer.status == 0, LeaseState(answer.output))
    }
}
