import Engine
import SSH

/// The steps of one task on their way to a node: what is known of them, over as many programs as it takes.
///
/// A program whose connection was lost is asked for first. Only when it is certain that it never began, or that it
/// died, another one is sent; and that one leaves out what must not be done twice.
struct Application: Sendable {
    /// A program that was sent, and whose answer has not come in whole.
    struct Run: Sendable {
        let nonce: String
        let sentAt: ContinuousClock.Instant
        /// Which of the steps it has, in order.
        let positions: [Int]
        /// What came of its answer before the connection was lost.
        var received: [Frame] = []
    }

    /// How often a program may die before the steps count as failed.
    static let maximumDeaths = 3

    let node: NodeName
    let steps: [Step]
    var run: Run?
    private var deaths = 0
    /// Steps that a program has changed, or may have changed, before it died.
    private var touched: Set<Int> = []
    /// Steps that are done and would be done a second time if they were sent again.
    private var finished: Set<Int> = []

    init(_ steps: [Step], on node: NodeName) {
        self.node = node
        self.steps = steps
    }

    /// What the next program has to hold: each step looks first whether it is needed, but for those that cannot.
    var positionsToSend: [Int] { steps.indices.filter { !finished.contains($0) } }

    /// The results of all steps, once a program has come to its end.
    func results(_ frames: [Frame], of positions: [Int]) -> [StepResult] {
        let own = Dictionary(zip(positions, Application.results(frames))) { $1 }
        var all: [StepResult] = []
        for position in steps.indices {
            if finished.contains(position) {
                all.append(.changed)
            } else if let result = own[position] {
                all.append(result == .unchanged && touched.contains(position) ? .changed : result)
                if case .failed = result { return all }
            } else {
                return all
            }
        }
        return all
    }

    /// Notes that the program died after these frames.
    /// - Parameter hasRestarted: the node was started anew, so that its guard has taken guarded steps back.
    /// - Returns: the results where the matter ends here, because a step cannot be asked whether it took effect; nil
    ///   where the steps are to be sent again.
    mutating func died(_ frames: [Frame], hasRestarted: Bool) -> [StepResult]? {
        guard let run else { return nil }
        self.run = nil
        deaths += 1
        let known = Application.results(frames)
        if known.count >= run.positions.count || known.contains(where: \.isFailure) {
            return results(frames, of: run.positions)
        }
        // A node that was started anew has forgotten what it had done beyond what was heard of it.
        let isTakenBack = hasRestarted && steps.contains(where: \.armsTheGuard)
        let doubtful =
            hasRestarted && !isTakenBack ? run.positions.dropFirst(known.count) : [run.positions[known.count]]
        let event = hasRestarted ? "the node was started anew" : "the program was ended from outside"
        guard doubtful.allSatisfy({ steps[$0].canBeAsked }) else {
            return results(frames, of: run.positions) + [
                .failed(Application.unknown("\(event) while this ran: whether it took effect is not known"))
            ]
        }
        guard deaths < Application.maximumDeaths else {
            return results(frames, of: run.positions) + [
                .failed(Application.unknown("\(event) while this was done, the \(deaths). time in a row"))
            ]
        }
        note(known, of: run)
        touched.formUnion(doubtful)
        if isTakenBack { finished = [] }
        return nil
    }

    /// Notes that the program stopped after these frames because the node is another run's.
    mutating func overtaken(_ frames: [Frame]) {
        guard let run else { return }
        self.run = nil
        note(Application.results(frames), of: run)
    }

    private mutating func note(_ known: [StepResult], of run: Run) {
        for (position, result) in zip(run.positions, known) {
            if result == .changed { touched.insert(position) }
            if !steps[position].canBeAsked { finished.insert(position) }
        }
    }

    static func results(_ frames: [Frame]) -> [StepResult] {
        frames.compactMap { frame in
            switch frame.kind {
            case .unchanged: .unchanged
            case .changed: .changed
            case .failed: .failed(frame.answer)
            case .answer, .same, .differs, .absent, .broken, .overtaken, .beat: nil
            }
        }
    }

    private static func unknown(_ words: String) -> Answer { Answer(status: 1, output: "", error: words + "\n") }
}

extension Step {
    /// Whether the node can tell if it still has to be done; only a command without a question cannot be asked.
    fileprivate var canBeAsked: Bool {
        if case .command(let command) = operation { return command.unless != nil }
        return true
    }

    fileprivate var armsTheGuard: Bool {
        if case .checkpoint(let checkpoint) = operation { return checkpoint.windowSeconds != nil }
        return false
    }
}
