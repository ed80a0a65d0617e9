import CLibSSH2
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// One thread that runs all sessions bound to it and waits for all their sockets at once.
///
/// It is the serial executor of its sessions: their libssh2 state is touched on this thread and no other, and
/// a session that waits costs neither a thread nor a switch. What runs here must be short and must not block.
public final class SSHReactor: SerialExecutor {
    /// The reactor that sessions use unless told; its thread lives as long as the process.
    public static let shared = SSHReactor()

    enum Outcome: Sendable { case ready, deadline, cancelled }

    struct Interest: OptionSet, Sendable {
        let rawValue: Int16
        static let readable = Interest(rawValue: Int16(POLLIN))
        static let writable = Interest(rawValue: Int16(POLLOUT))
    }

    private struct Wait {
        var deadline: ContinuousClock.Instant?
        var continuation: CheckedContinuation<Outcome, Never>
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var waits: [UInt64: Wait] = [:]
        var lastWait: UInt64 = SSHReactor.wakeUpID
        /// No wait has an earlier deadline; there may be none at this one any more.
        var earliestDeadline: ContinuousClock.Instant?
        var started = false
        var thread: pthread_t?
        /// Whether the thread is, or is about to be, in poll without work: it must be woken.
        var asleep = false
    }

    private static let wakeUpID: UInt64 = 0

    private let state = Mutex(State())
    private let readiness: ReadinessSet
    private let wakeReader: Int32
    private let wakeWriter: Int32

    public init() {
        var ends: [Int32] = [-1, -1]
        let made = clusterctl_pipe(&ends)
        precondition(made == 0, "no pipe for the SSH reactor: \(systemMessage(errno))")
        wakeReader = ends[0]
        wakeWriter = ends[1]
        readiness = ReadinessSet()
        watchForWakeUps()
    }

    // MARK: Executor

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let (start, wake) = state.withLock { state in
            state.jobs.append(unowned)
            return (Self.takeStart(&state), Self.takeSleep(&state))
        }
        if start { startThread() }
        if wake { wakeUp() }
    }

    /// Stops the program when the caller does not run on this reactor's thread.
    public func checkIsolated() {
        let thread = state.withLock { $0.thread }
        precondition(thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false, "not on the SSH reactor's thread")
    }

    // MARK: Waiting

    /// Returns when the descriptor is ready, the deadline has passed, or the task is cancelled.
    ///
    /// `descriptor` -1 waits for `finish` alone. `begun` gets the wait's id before the caller is suspended.
    /// At most one wait a descriptor at a time.
    ///
    /// The closures below run where the caller runs only because they capture `isolation`; the assertion holds that.
    func wait(
        for interest: Interest, on descriptor: Int32, until deadline: ContinuousClock.Instant?,
        cancellable: Bool = true, isolation: isolated (any Actor)? = #isolation, begun: (UInt64) -> Void = { _ in }
    ) async -> Outcome {
        await wait(until: deadline, cancellable: cancellable, isolation: isolation) { id in
            begun(id)
            if descriptor >= 0 && !readiness.watchForOnce(descriptor, interest, id: id) { finish(id, .ready) }
        }
    }

    /// The same for several descriptors: returns when any of them is ready.
    func wait(
        for interest: Interest, onAny descriptors: [Int32], until deadline: ContinuousClock.Instant?,
        isolation: isolated (any Actor)? = #isolation
    ) async -> Outcome {
        await wait(until: deadline, cancellable: true, isolation: isolation) { id in
            for descriptor in descriptors where !readiness.watchForOnce(descriptor, interest, id: id) {
                finish(id, .ready)
            }
        }
    }

    private func wait(
        until deadline: ContinuousClock.Instant?, cancellable: Bool, isolation: isolated (any Actor)?,
        begun: (UInt64) -> Void
    ) async -> Outcome {
        let (id, start) = state.withLock { state in
            state.lastWait += 1
            return (state.lastWait, Self.takeStart(&state))
        }
        if start { startThread() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation(isolation: isolation) { continuation in
                isolation?.assertIsolated()
                let mustWake = state.withLock { state in
                    state.waits[id] = Wait(deadline: deadline, continuation: continuation)
                    guard let deadline, state.earliestDeadline.map({ deadline < $0 }) ?? true else { return false }
                    state.earliestDeadline = deadline
                    return Self.takeSleep(&state)
                }
                if mustWake { wakeUp() }
                begun(id)
                if cancellable && Task.isCancelled { finish(id, .cancelled) }
            }
        } onCancel: {
            if cancellable { self.finish(id, .cancelled) }
        }
    }

    /// Ends a wait, if it has not ended yet.
    func finish(_ id: UInt64, _ outcome: Outcome) {
        state.withLock { state in state.waits.removeValue(forKey: id) }?.continuation.resume(returning: outcome)
    }

    private static func takeStart(_ state: inout State) -> Bool {
        defer { state.started = true }
        return !state.started
    }

    /// For a process that is mainly this one thread, before any other is started: glibc would give each thread memory
    /// of its own to allocate from, which saves no time here and costs some megabytes.
    public static func saveMemory() { clusterctl_use_one_arena() }

    private func startThread() { DetachedThread.start(named: "ssh-reactor") { self.run() } }

    private static func takeSleep(_ state: inout State) -> Bool {
        defer { state.asleep = false }
        return state.asleep
    }

    private func wakeUp() {
        var byte: UInt8 = 0
        _ = write(wakeWriter, &byte, 1)
    }

    // MARK: The thread

    private func run() {
        var jobs: [UnownedJob] = []
        var ready: [UInt64] = []
        let thread = pthread_self()
        state.withLock { $0.thread = thread }
        while true {
            state.withLock { swap(&$0.jobs, &jobs) }
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
            jobs.removeAll(keepingCapacity: true)
            readiness.wait(milliseconds: prepareToSleep(), into: &ready)
            collect(ready)
        }
    }

    /// How long to wait for readiness, in milliseconds; -1 without end.
    private func prepareToSleep() -> Int32 {
        state.withLock { state in
            if !state.jobs.isEmpty { return 0 }
            state.asleep = true
            return state.earliestDeadline.map(Self.milliseconds(until:)) ?? -1
        }
    }

    private static func milliseconds(until instant: ContinuousClock.Instant) -> Int32 {
        let left = ContinuousClock.now.duration(to: instant)
        if left <= .zero { return 0 }
        let (seconds, attoseconds) = left.components
        return seconds >= 3600 ? 3_600_000 : Int32(seconds * 1000 + attoseconds / 1_000_000_000_000_000) + 1
    }

    /// Resumes whatever is ready or late.
    private func collect(_ ready: [UInt64]) {
        if ready.contains(Self.wakeUpID) {
            drainWakeUps()
            watchForWakeUps()
        }
        let now = ContinuousClock.now
        let ended = state.withLock { state in
            state.asleep = false
            var ended: [(CheckedContinuation<Outcome, Never>, Outcome)] = []
            for id in ready {
                guard let wait = state.waits.removeValue(forKey: id) else { continue }
                ended.append((wait.continuation, .ready))
            }
            guard let earliest = state.earliestDeadline, earliest <= now else { return ended }
            state.earliestDeadline = nil
            for (id, wait) in state.waits {
                guard let deadline = wait.deadline else { continue }
                if deadline <= now {
                    ended.append((wait.continuation, .deadline))
                    state.waits.removeValue(forKey: id)
                } else {
                    state.earliestDeadline = state.earliestDeadline.map { min($0, deadline) } ?? deadline
                }
            }
            return ended
        }
        for (continuation, outcome) in ended { continuation.resume(returning: outcome) }
    }

    private func watchForWakeUps() {
        let isWatched = readiness.watchForOnce(wakeReader, .readable, id: Self.wakeUpID)
        precondition(isWatched, "the SSH reactor cannot wait: \(systemMessage(errno))")
    }

    private func drainWakeUps() {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            while read(wakeReader, buffer.baseAddress, buffer.count) > 0 {}
        }
    }
}
