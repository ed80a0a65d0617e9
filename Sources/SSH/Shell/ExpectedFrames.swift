/// Which frames can be the answer to a program, and in which order: what else a node says is taken for no answer, however
/// well it is made.
public struct ExpectedFrames: Sendable, Equatable {
    /// One frame that must come, at its place.
    enum Slot: Sendable, Equatable {
        /// `answer`, with this index.
        case answer(Int)
        /// `same` or `differs`, with this index.
        case state(Int)
    }

    private enum Shape: Equatable {
        case exactly([Slot])
        /// What became of each step, up to the first that failed or was left to another run; then answers of the watch,
        /// if there is one.
        case applied(steps: Int, watched: Range<Int>)
        case watched(Range<Int>)
        /// What a run has said, and perhaps that it never began or died.
        case collected
    }

    private let shape: Shape
    /// Frames so far; of `applied` those of steps.
    private var count = 0
    /// Nothing but the end can follow.
    private var isOver = false

    private init(_ shape: Shape) { self.shape = shape }

    static func exactly(_ slots: [Slot]) -> ExpectedFrames { ExpectedFrames(.exactly(slots)) }
    static func applied(steps: Int, thenWatched probes: Int) -> ExpectedFrames {
        ExpectedFrames(.applied(steps: steps, watched: 0..<probes))
    }
    static func watched(probes: Int) -> ExpectedFrames { ExpectedFrames(.watched(0..<probes)) }
    static let collected = ExpectedFrames(.collected)

    /// Notes the next frame; signs of life may come at any time.
    public mutating func take(_ frame: Frame) throws(FrameError) {
        guard frame.kind != .beat else { return }
        guard !isOver, isNext(frame) else { throw .unasked }
        switch shape {
        case .applied(let steps, _):
            if count < steps { count += 1 }
            isOver = [.failed, .overtaken].contains(frame.kind)
        case .collected:
            count += 1
            isOver = [.absent, .broken, .overtaken].contains(frame.kind)
        case .exactly, .watched: count += 1
        }
    }

    /// Called where the program has said that it ended.
    public func end() throws(FrameError) {
        switch shape {
        case .exactly(let slots): if count < slots.count { throw .incomplete }
        case .applied(let steps, _): if count < steps, !isOver { throw .incomplete }
        case .watched, .collected: break
        }
    }

    private func isNext(_ frame: Frame) -> Bool {
        switch (shape, frame.kind) {
        case (.exactly(let slots), .answer): count < slots.count && slots[count] == .answer(frame.index)
        case (.exactly(let slots), .same), (.exactly(let slots), .differs):
            count < slots.count && slots[count] == .state(frame.index)
        case (.applied(let steps, _), .unchanged), (.applied(let steps, _), .changed),
            (.applied(let steps, _), .failed):
            count < steps && frame.index == count
        case (.applied(let steps, _), .overtaken): count < steps || steps == 0
        case (.applied(let steps, let watched), .answer): count == steps && watched.contains(frame.index)
        case (.watched(let probes), .answer): probes.contains(frame.index)
        case (.collected, .unchanged), (.collected, .changed), (.collected, .failed), (.collected, .answer):
            frame.index == count
        case (.collected, .absent): count == 0
        case (.collected, .broken), (.collected, .overtaken): true
        default: false
        }
    }
}
