/// One run at a time: the lease is asked for before the first change, kept alive while something is changed, and gives
/// way to nobody who has not found it lapsed.
extension Machine {
    /// How long the keeper is tried again before the first change.
    static let leasePatienceSeconds = 60.0
    /// Seconds between two looks at nodes where programs of an earlier run are at work, and how many looks.
    static let programsPause = 2
    static let programsLooks = 60

    /// What the lease is talked about for.
    enum LeasePurpose: Sendable, Equatable {
        case take
        case renew
        /// Programs of an earlier run are at work on this node.
        case outrun(NodeName)
        /// This task's steps were not begun: whether the lease is still ours, and then the node made ours again.
        case overtaken(Int)
        case reclaim(Int)
    }

    /// Whether no other run may change these nodes, as far as the survey knows; else that is seen to first.
    mutating func isAlone() -> Bool {
        var outrun: [NodeName] = []
        for node in nodes {
            guard let said = facts[node, .lease] else { continue }
            let state = LeaseState(said.output)
            leases[node] = state
            if let holder = state.holder {
                finish(.refused(.init(node: node, reason: .held(holder))))
                return false
            }
            if !state.programs.isEmpty { outrun.append(node) }
        }
        guard !outrun.isEmpty, looksAtPrograms < Self.programsLooks else { return true }
        looksAtPrograms += 1
        unsurveyed = outrun.count
        for node in outrun { askForLease(.outrun(node)) }
        return false
    }

    mutating func askForLease(_ purpose: LeasePurpose) {
        guard let keeper else { return }
        let id = open(.lease(purpose))
        switch purpose {
        case .take:
            // Whoever has changed something since the keeper was asked has had the lease with another number.
            let seen = leases[keeper]?.fence ?? 0
            out.append(.lease(id, keeper, .take(fence: highestFence + 1, seen: seen)))
        case .renew, .overtaken: out.append(.lease(id, keeper, .renew))
        case .outrun(let node): out.append(.lease(id, node, .claim))
        case .reclaim(let position): out.append(.lease(id, tasks[position].work.place, .claim))
        }
    }

    mutating func leased(_ id: RequestID, _ answer: LeaseAnswer) {
        guard case .lease(let purpose) = open.removeValue(forKey: id) else { return }
        switch (purpose, answer) {
        case (.take, .ours):
            wake(.leaseAgain(.renew), afterSeconds: Lease.seconds / 3)
            startTasks()
        case (.take, .held(let lease)): refuse(.held(lease))
        case (.take, .moved): refuse(.moved)
        case (.outrun(let node), _): wake(.survey(node, attempt: 0), afterSeconds: Self.programsPause)
        case (.renew, .ours): wake(.leaseAgain(.renew), afterSeconds: Lease.seconds / 3)
        case (.overtaken(let position), .ours): askForLease(.reclaim(position))
        case (.reclaim(let position), .ours): applyAnew(position)
        case (.renew, .held(let lease)), (.overtaken, .held(let lease)), (.reclaim, .held(let lease)): lose(to: lease)
        case (.renew, .moved), (.overtaken, .moved), (.reclaim, .moved): lose(to: nil)
        }
    }

    /// The steps of a run that the user has ended meanwhile are not begun.
    private mutating func applyAnew(_ position: Int) {
        guard tasks[position].state == .applying else { return }
        guard isInterrupted else { return apply(position) }
        move(position, to: .waiting)
        settle()
    }

    mutating func leaseLost(_ purpose: LeasePurpose, _ failure: LinkFailure) {
        switch purpose {
        case .take:
            let since = leaseSince ?? now
            leaseSince = since
            guard failure.kind == .unreachable, now - since < Self.leasePatienceSeconds, let keeper else {
                return finish(.unreachable(keeper.map { [.init(node: $0, failure: failure)] } ?? []))
            }
            wake(.leaseAgain(.take), afterSeconds: Self.reconnectPause)
        // Where the keeper cannot be reached nobody else can take it either, as a run begins by asking all nodes.
        case .renew: wake(.leaseAgain(.renew), afterSeconds: Self.reconnectPause)
        case .outrun(let node): wake(.survey(node, attempt: 0), afterSeconds: Self.programsPause)
        case .overtaken(let position), .reclaim(let position): applyLost(position, failure)
        }
    }

    /// Another run was here: the steps are sent again when the lease is still ours.
    mutating func overtaken(_ id: RequestID) {
        let purpose = open.removeValue(forKey: id)
        if case .stepsBack(let position) = purpose {
            return stepsBackLost(position, LinkFailure(kind: .refused, message: "another run was at work there"))
        }
        guard case .apply(let position) = purpose else { return }
        dropWatchAfterSteps(position)
        askForLease(.overtaken(position))
    }

    private mutating func refuse(_ reason: Outcome.Refusal.Reason) {
        guard let keeper else { return }
        finish(.refused(.init(node: keeper, reason: reason)))
    }

    /// As when the user ends the run: the next one, which has the lease already, takes over what is armed.
    private mutating func lose(to lease: Lease?) { refuse(.lost(to: lease, guarded: guardedUnderWay)) }

    /// What any node has heard of, so that none of them refuses the next one.
    private var highestFence: Int { leases.values.lazy.map(\.fence).max() ?? 0 }
}
