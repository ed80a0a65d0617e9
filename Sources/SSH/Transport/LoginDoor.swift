/// Lets a few logins at a time go on to one server.
///
/// Not Sendable: it belongs to the connector.
final class LoginDoor {
    /// At first below the number at which sshd, by default, begins to turn connections away (MaxStartups 10:30:100).
    private var insideAtMost = 8

    struct Key: Hashable {
        let host: String
        let port: Int
        let route: SSHRoute

        init(_ target: SSHTarget) {
            host = target.host
            port = target.port
            route = target.route
        }
    }

    private var inside = 0
    private var queue: [UInt64] = []

    func enter(
        on reactor: SSHReactor, until deadline: ContinuousClock.Instant, isolation: isolated (any Actor)? = #isolation
    ) async throws(SSHFailure) {
        guard inside >= insideAtMost else {
            inside += 1
            return
        }
        var own: UInt64 = 0
        let outcome = await reactor.wait(for: [], on: -1, until: deadline) { id in
            own = id
            queue.append(id)
        }
        if outcome == .ready { return }
        if let index = queue.firstIndex(of: own) {
            queue.remove(at: index)
        } else {
            // The turn came at the same moment: it goes to the next.
            leave(on: reactor)
        }
        throw outcome == .deadline ? .deadline(stage: .connect) : .cancelled(stage: .connect)
    }

    /// The server turned somebody away: fewer are let in from now on.
    func narrow() { insideAtMost = max(2, insideAtMost / 2) }

    func leave(on reactor: SSHReactor) {
        if queue.isEmpty || inside > insideAtMost {
            inside -= 1
        } else {
            reactor.finish(queue.removeFirst(), .ready)
        }
    }
}

/// Growing, jittered pauses between logins that a server turned away before it heard them.
struct BackOff {
    private var next = Duration.milliseconds(100)
    private var triesLeft = 10

    /// How long to wait before the next attempt; nil when there should be none.
    mutating func pause(
        after failure: SSHFailure, until deadline: ContinuousClock.Instant
    ) -> Duration? {
        guard failure.isTurnedAway, triesLeft > 0 else { return nil }
        triesLeft -= 1
        let pause = next * Double.random(in: 0.5...1.5)
        next = min(next * 2, .milliseconds(1500))
        return ContinuousClock.now + pause < deadline ? pause : nil
    }
}

extension SSHFailure {
    /// Whether the server ended the connection instead of greeting, for reasons that may pass: too many logins at once
    /// (MaxStartups, or the limits of a socket unit), or its penalty for earlier ones.
    fileprivate var isTurnedAway: Bool {
        switch self {
        case .connectionLost(.greeting, _): true
        case .notAnSSHServer(_, _, let said): said == "Exceeded MaxStartups" || said == "Not allowed at this time"
        default: false
        }
    }

    /// The same failure, marked with the jump host that it happened at; the farthest one of a chain.
    func by(jump: String) -> SSHFailure {
        switch self {
        case .jump, .cancelled: self
        default: .jump(host: jump, self)
        }
    }
}
