import Synchronization

/// A connected, non-blocking stream descriptor for a session to speak on, and what carries it if the network does not.
struct Connection: Sendable {
    var descriptor: Int32
    var carrier: (any Carrier)?
}

/// What moves the bytes of a connection that is no network socket of its own.
protocol Carrier: AnyObject, Sendable {
    /// Why the connection ended, where the carrier and not the server ended it.
    func blame(stage: SSHStage) async -> SSHFailure?
    /// The session is done with the connection.
    func end()
}

/// The near end of a connection through a jump host.
final class TunnelEnd: Carrier {
    private let loss = Mutex<SSHFailure?>(nil)
    private let jump: String

    init(jump: String) { self.jump = jump }

    /// The session to the jump host broke.
    func lose(_ failure: SSHFailure) { loss.withLock { $0 = failure } }

    func blame(stage: SSHStage) -> SSHFailure? {
        guard let failure = loss.withLock({ $0 }) else { return nil }
        let reason = if case .connectionLost(_, let reason) = failure { reason } else { failure.summary }
        return .connectionLost(stage: stage, reason: "the connection to the jump host \(jump) is gone, \(reason)")
    }

    /// Nothing: the closed descriptor says it.
    func end() {}
}
