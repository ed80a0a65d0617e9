import Engine
import SSH

/// What may be said to guards by whatever way: to look, and to take back. A sign of life and a confirmation say that a
/// node can be reached where a change may have cut it off, so those go to its own address alone, and are not here.
protocol GuardFleet: Sendable {
    /// - Returns: nil where there is no guard on the node.
    func guardReport(_ node: NodeName) async throws(LinkFailure) -> GuardReport?

    /// Takes back what is unconfirmed on the node; once more is no mistake.
    func rollBackGuard(_ phase: PhaseID, on node: NodeName) async throws(LinkFailure) -> GuardState

    func close() async
}

/// Nodes by their rescue paths.
struct RescueFleet: GuardFleet {
    private let fleets: [NodeName: SSHFleet]

    init(_ fleets: [NodeName: SSHFleet]) { self.fleets = fleets }

    func guardReport(_ node: NodeName) async throws(LinkFailure) -> GuardReport? {
        try await fleet(node).guardReport(node)
    }

    func rollBackGuard(_ phase: PhaseID, on node: NodeName) async throws(LinkFailure) -> GuardState {
        try await fleet(node).rollBackGuard(phase, on: node)
    }

    func close() async {
        for fleet in fleets.values { await fleet.close() }
    }

    private func fleet(_ node: NodeName) throws(LinkFailure) -> SSHFleet {
        if let fleet = fleets[node] { return fleet }
        throw LinkFailure(
            kind: .refused,
            message: "the inventory has no rescue path for \(node)\n"
                + "give it one: outOfBand: {proxyJump: HOST, address: 192.168.100.2}")
    }
}

extension SSHFleet: GuardFleet {
    /// How long a node may be out of reach in the middle of its rollback before this gives up; as the run machine has it.
    private static let rollbackPatience = Duration.seconds(180)

    /// Over a connection of its own, so that what is shown says that one can be made.
    func guardReport(_ node: NodeName) async throws(LinkFailure) -> GuardReport? {
        let frames = try await ask(.report, on: node)
        return frames.first { $0.kind == .answer }.flatMap { GuardReport($0.answer) }
    }

    /// Keeps what is unconfirmed on the node, as a run does at the end of a phase: over a new connection.
    ///
    /// - Parameter rung: where a held guard stopped; what it did up to there stays, too.
    func confirmGuard(
        _ phase: PhaseID, nonce: String, rung: Int?, on node: NodeName
    ) async throws(LinkFailure) -> GuardState {
        try await tell(.confirm(phase, nonce: nonce, rung: rung), on: node)
    }

    /// Follows the rollback to its end, over as many connections as it takes.
    func rollBackGuard(_ phase: PhaseID, on node: NodeName) async throws(LinkFailure) -> GuardState {
        let limit = ContinuousClock.now + Self.rollbackPatience
        while true {
            do throws(LinkFailure) {
                return try await rollBack(TaskID(phase: phase, node: node))
            } catch {
                guard error.kind == .unreachable, .now < limit, !Task.isCancelled else { throw error }
                try? await Task.sleep(for: .seconds(2))
            }
        }
    }
}

extension GuardState {
    init(_ frames: [Frame]) throws(LinkFailure) {
        guard let answer = frames.first(where: { $0.kind == .answer })?.answer else {
            throw LinkFailure(kind: .garbled, message: "the guard gave no answer")
        }
        self.init(line: answer.output.isEmpty ? answer.error : answer.output)
    }
}
