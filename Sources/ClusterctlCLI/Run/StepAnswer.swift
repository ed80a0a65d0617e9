import Engine
import SSH
import Synchronization

/// Tells apart what one program says: first what became of its steps, then what it sees while it watches.
final class StepAnswer: Sendable {
    private struct State {
        var received: [Frame] = []
        var isComplete = false
        var isOvertaken = false
    }

    private let state = Mutex(State())
    private let application: Application
    private let positions: [Int]
    private let probes: [Probe]
    private let tell: @Sendable (Progress) -> Void

    init(
        _ application: Application, positions: [Int], probes: [Probe], _ tell: @escaping @Sendable (Progress) -> Void
    ) {
        self.application = application
        self.positions = positions
        self.probes = probes
        self.tell = tell
    }

    /// The frames of steps that have come.
    var received: [Frame] { state.withLock(\.received) }
    /// Whether nothing was begun, because the node is another run's.
    var isOvertaken: Bool { state.withLock(\.isOvertaken) }
    /// Whether the results have been told.
    var isComplete: Bool { state.withLock(\.isComplete) }

    var take: @Sendable (Frame) -> Void {
        { frame in
            if frame.kind == .overtaken {
                self.state.withLock { $0.isOvertaken = true }
                return self.tell(.overtaken)
            }
            guard frame.kind != .answer else {
                if self.probes.indices.contains(frame.index) {
                    self.tell(.observed(self.probes[frame.index], frame.answer))
                }
                return
            }
            let isThrough = self.state.withLock { state in
                state.received.append(frame)
                return state.received.count == self.positions.count || frame.kind == .failed
            }
            if isThrough { self.end() }
        }
    }

    /// Tells the results, unless that has been done; a program that has come to its end has no more of them.
    func end() {
        let received = state.withLock { state -> [Frame]? in
            defer { state.isComplete = true }
            return state.isComplete ? nil : state.received
        }
        if let received { tell(.applied(application.results(received, of: positions))) }
    }
}

extension [StepResult] {
    /// Whether all of these steps went well.
    func isComplete(_ steps: [Step]) -> Bool { count == steps.count && !contains(where: \.isFailure) }
}
