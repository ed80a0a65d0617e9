import Engine
import SSH

/// The lease on real nodes: see docs/decisions/031-lease.md.
extension SSHFleet {
    private static let seconds = 30

    func lease(_ node: NodeName, _ verb: Engine.LeaseVerb) async throws(LinkFailure) -> LeaseAnswer {
        let words = Controller.current.words
        let said: SSH.LeaseVerb
        switch verb {
        case .take(let fence): said = .take(fence: fence, seconds: Lease.seconds, words: words)
        case .renew: said = .renew(fence: lease?.fence ?? 0, seconds: Lease.seconds, words: words)
        case .claim: said = .claim(fence: lease?.fence)
        }
        let (isOurs, state) = try await say(said, to: node)
        guard isOurs else { return state.holder.map { .held($0) } ?? .moved }
        if case .take(let fence) = verb { lease = (node, fence) }
        return .ours
    }

    /// A lease whose owner was killed on this machine need not be waited for.
    ///
    /// - Returns: whether there was one, which is ended now.
    func endLeaseOfTheDead(_ answer: Answer?, on node: NodeName) async throws(LinkFailure) -> Bool {
        guard let answer, case let state = LeaseState(answer.output), let holder = state.holder,
            Controller.current.hasOutlived(holder)
        else { return false }
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
