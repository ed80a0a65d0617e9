/// When a server last gave a sign of life, and when it has to be asked for one (OpenSSH's ServerAliveInterval).
///
/// A server is gone when it has left questions unanswered, not when time has passed: this machine may have slept.
struct Pulse {
    enum Verdict: Equatable {
        case alive
        case ask
        /// Nothing came for as long as is tolerated.
        case gone(silence: Duration)
    }

    private let interval: Duration
    private let tolerated: Int
    private var lastSign: ContinuousClock.Instant
    private var lastLook: ContinuousClock.Instant
    /// Questions since the last sign.
    private var asked = 0

    init(_ keepAlive: SSHTarget.KeepAlive, now: ContinuousClock.Instant) {
        // libssh2 sends at most one question in two seconds.
        interval = keepAlive.interval > .zero ? max(keepAlive.interval, .seconds(2)) : .zero
        tolerated = keepAlive.tolerated
        lastSign = now
        lastLook = now
    }

    /// When to look again; nil: never.
    var nextLook: ContinuousClock.Instant? {
        interval > .zero ? lastLook + interval : nil
    }

    mutating func beat(at now: ContinuousClock.Instant) {
        lastSign = now
        lastLook = now
        asked = 0
    }

    mutating func look(at now: ContinuousClock.Instant) -> Verdict {
        guard let nextLook, nextLook <= now else { return .alive }
        lastLook = now
        if asked > 0 && asked + 1 >= tolerated { return .gone(silence: lastSign.duration(to: now)) }
        asked += 1
        return .ask
    }
}

extension SSHSession {
    /// Sends a keep-alive request if it is time, so that a living server answers something; throws when it is gone.
    ///
    /// Only between two libssh2 calls, and not while a packet is half sent.
    func feel(
        _ pulse: inout Pulse, of link: SSHLink, _ stage: SSHStage, sending: Bool
    ) throws(SSHFailure) {
        switch pulse.look(at: .now) {
        case .alive: break
        case .ask: if !sending { link.askForLife() }
        case .gone(let silence):
            link.breakOff()
            throw .connectionLost(stage: stage, reason: "no sign of life for \(silence.components.seconds) s")
        }
    }
}
