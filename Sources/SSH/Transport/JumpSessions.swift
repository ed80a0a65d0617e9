/// The sessions to one jump host; more than one only when the first is full or slow to open connections.
struct JumpSessions {
    /// Bounds the memory that nodes which send without end can take, and what is lost with one connection.
    private static let tunnelsAtMost = 64
    /// Where connections take long to open, as many are asked of one session at once: libssh2 opens one by one.
    private static let pendingAtMost = 8

    var all: [SharedSession] = []

    /// A session with a place for one more tunnel, and that place; nil when there has to be a further session.
    func free() -> (SharedSession, TunnelCount.Place)? {
        let isSlow = all.contains(where: \.isSlow)
        for shared in all where !shared.isAbandoned {
            // What is asked of a slow session waits for what it is busy with: perhaps a dead host.
            let pending = shared.isSlow ? 1 : isSlow ? Self.pendingAtMost : Self.tunnelsAtMost
            if let place = shared.count.place(limit: Self.tunnelsAtMost, pendingLimit: pending) {
                return (shared, place)
            }
        }
        return nil
    }
}

/// A session to a jump host, from the moment that somebody wants it.
final class SharedSession {
    let count = TunnelCount()
    /// Somebody gave up waiting for a tunnel of this session.
    var isSlow = false
    var opening: Task<Void, Never>?
    /// Nobody waited any more while it was being opened.
    private(set) var isAbandoned = false
    private(set) var result: Result<SSHSession, SSHFailure>?
    private var waits: Set<UInt64> = []

    /// The session, once it is open.
    func session(
        on reactor: SSHReactor, until deadline: ContinuousClock.Instant, isolation: isolated (any Actor)? = #isolation
    ) async throws(SSHFailure) -> SSHSession {
        if result == nil {
            var own: UInt64 = 0
            let outcome = await reactor.wait(for: [], on: -1, until: deadline) { id in
                own = id
                waits.insert(id)
            }
            waits.remove(own)
            if result == nil {
                // The last one who waits takes the attempt along.
                if waits.isEmpty {
                    isAbandoned = true
                    opening?.cancel()
                }
                throw outcome == .cancelled ? .cancelled(stage: .connect) : .deadline(stage: .connect)
            }
        }
        guard let result else { throw .deadline(stage: .connect) }
        return try result.get()
    }

    func conclude(_ result: Result<SSHSession, SSHFailure>, on reactor: SSHReactor) {
        self.result = result
        for wait in waits { reactor.finish(wait, .ready) }
    }
}
