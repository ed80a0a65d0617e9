import Engine
import SSH
import Synchronization

/// Collects a program's frames as its output arrives, on the reactor's thread.
final class FrameReader: Sendable {
    private struct State {
        var parser: FrameParser
        var frames: [Frame] = []
        var error: FrameError?
    }

    private let state: Mutex<State>
    private let each: (@Sendable (Frame) -> Void)?

    /// - Parameter maximumFrames: how many frames can be an answer to what was asked, signs of life included.
    init(nonce: String, maximumFrames: Int, each: (@Sendable (Frame) -> Void)?) {
        let maximumBytes = each == nil ? FrameParser.answerLimit : .max
        state = Mutex(
            State(parser: FrameParser(nonce: nonce, maximumFrames: maximumFrames, maximumBytes: maximumBytes)))
        self.each = each
    }

    var outcome: (frames: [Frame], hasEnded: Bool, error: FrameError?) {
        state.withLock { ($0.frames, $0.parser.ended, $0.error) }
    }

    var take: @Sendable (ArraySlice<UInt8>) -> OutputDecision {
        { bytes in
            let (fresh, decision) = self.state.withLock { state -> ([Frame], OutputDecision) in
                do throws(FrameError) {
                    let frames = try state.parser.feed(bytes).filter { $0.kind != .beat }
                    // A watch hands its frames on; keeping them would grow with every poll.
                    if self.each == nil { state.frames += frames }
                    return (frames, .goOn)
                } catch {
                    state.error = error
                    return ([], .stop)
                }
            }
            if let each = self.each { fresh.forEach(each) }
            return decision
        }
    }
}
