import Engine
import SSH
import Synchronization

/// Collects a program's frames as its output arrives, on the reactor's thread.
final class FrameReader: Sendable {
    private struct State {
        var parser: FrameParser
        var expected: ExpectedFrames
        var frames: [Frame] = []
        var error: FrameError?
    }

    private let state: Mutex<State>
    private let each: (@Sendable (Frame) -> Void)?

    /// - Parameter maximumFrames: how many frames can be an answer to what was asked, signs of life included.
    init(_ program: ShellProgram, maximumFrames: Int, each: (@Sendable (Frame) -> Void)?) {
        let maximumBytes = each == nil ? FrameParser.answerLimit : .max
        let parser = FrameParser(nonce: program.nonce, maximumFrames: maximumFrames, maximumBytes: maximumBytes)
        state = Mutex(State(parser: parser, expected: program.expected))
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
                    for frame in frames { try state.expected.take(frame) }
                    if state.parser.ended { try state.expected.end() }
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
