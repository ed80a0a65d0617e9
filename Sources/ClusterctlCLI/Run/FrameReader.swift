import Engine
import SSH
import Synchronization

/// Collects a program's frames as its output arrives, on the reactor's thread, and notes when the node last spoke.
final class FrameReader: Sendable {
    private struct State {
        var parser: FrameParser
        var frames: [Frame] = []
        var error: FrameError?
        var lastSign = ContinuousClock.now
    }

    private let state: Mutex<State>
    private let each: (@Sendable (Frame) -> Void)?

    init(nonce: String, each: (@Sendable (Frame) -> Void)?) {
        state = Mutex(State(parser: FrameParser(nonce: nonce)))
        self.each = each
    }

    var lastSign: @Sendable () -> ContinuousClock.Instant {
        { self.state.withLock(\.lastSign) }
    }

    var outcome: (frames: [Frame], hasEnded: Bool, error: FrameError?) {
        state.withLock { ($0.frames, $0.parser.ended, $0.error) }
    }

    var take: @Sendable (ArraySlice<UInt8>) -> OutputDecision {
        { bytes in
            let (fresh, decision) = self.state.withLock { state -> ([Frame], OutputDecision) in
                state.lastSign = .now
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

/// Ends an exec whose node has been silent too long, which a broken connection alone may never show.
enum Watchdog {
    static func run(
        silenceSeconds: Int, lastSign: @escaping @Sendable () -> ContinuousClock.Instant,
        _ body: @escaping @Sendable () async throws(SSHFailure) -> ExecResult
    ) async throws(SSHFailure) -> ExecResult {
        let work = Task { () async -> Result<ExecResult, SSHFailure> in
            do throws(SSHFailure) { return .success(try await body()) } catch { return .failure(error) }
        }
        let wasSilent = Mutex(false)
        let dog = Task {
            while (try? await Task.sleep(for: .seconds(1))) != nil {
                guard lastSign().duration(to: .now) > .seconds(silenceSeconds) else { continue }
                wasSilent.withLock { $0 = true }
                return work.cancel()
            }
        }
        defer { dog.cancel() }
        let result = await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
        if case .failure(.cancelled(let stage)) = result, wasSilent.withLock({ $0 }) {
            throw .connectionLost(stage: stage, reason: "no sign of life for \(silenceSeconds) s")
        }
        return try result.get()
    }
}
