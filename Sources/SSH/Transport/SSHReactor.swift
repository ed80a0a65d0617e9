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
        var descriptor: Int32
        var interest: Interest
        var deadline: ContinuousClock.Instant?
        var continuation: CheckedContinuation<Outcome, Never>
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var waits: [UInt64: Wait] = [:]
        var lastWait: UInt64 = 0
        var started = false
        var thread: pthread_t?
        /// Whether the thread is, or is about to be, in poll without work: it must be woken.
        var asleep = false
    }

    private let state = Mutex(State())
    private let wakeReader: Int32
    private let wakeWriter: Int32

    public init() {
        var ends: [Int32] = [-1, -1]
        let made = clusterctl_pipe(&ends)
        precondition(made == 0, "no pipe for the SSH reactor: \(systemMessage(errno))")
        wakeReader = ends[0]
        wakeWriter = ends[1]
    }

    // MARK: Executor

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let (start, wake) = state.withLock { state in
            state.jobs.append(unowned)
            defer { state.started = true }
            return (!state.started, Self.takeSleep(&state))
        }
        if start { DetachedThread.start(named: "ssh-reactor") { self.run() } }
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
    ///
    /// The closures below run where the caller runs only because they capture `isolation`; the assertion holds that.
    func wait(
        for interest: Interest, on descriptor: Int32, until deadline: ContinuousClock.Instant?,
        cancellable: Bool = true, isolation: isolated (any Actor)? = #isolation, begun: (UInt64) -> Void = { _ in }
    ) async -> Outcome {
        let id = state.withLock { state in
            state.lastWait += 1
            return state.lastWait
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation(isolation: isolation) { continuation in
                isolation?.assertIsolated()
                let wake = state.withLock { state in
                    state.waits[id] = Wait(
                        descriptor: descriptor, interest: interest, deadline: deadline, continuation: continuation)
                    return Self.takeSleep(&state)
                }
                if wake { wakeUp() }
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
        var descriptors: [pollfd] = []
        var ids: [UInt64] = []
        let thread = pthread_self()
        state.withLock { $0.thread = thread }
        while true {
            let jobs = state.withLock { state in
                let jobs = state.jobs
                state.jobs = []
                return jobs
            }
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
            let timeout = prepare(&descriptors, &ids)
            let count = poll(&descriptors, nfds_t(descriptors.count), timeout)
            if count > 0 && descriptors[0].revents != 0 { drainWakeUps() }
            collect(descriptors, ids)
        }
    }

    /// Fills the arrays from the waits; returns poll's timeout in milliseconds.
    private func prepare(_ descriptors: inout [pollfd], _ ids: inout [UInt64]) -> Int32 {
        descriptors.removeAll(keepingCapacity: true)
        ids.removeAll(keepingCapacity: true)
        descriptors.append(pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0))
        ids.append(0)
        return state.withLock { state in
            var earliest: ContinuousClock.Instant?
            for (id, wait) in state.waits {
                descriptors.append(pollfd(fd: wait.descriptor, events: wait.interest.rawValue, revents: 0))
                ids.append(id)
                guard let deadline = wait.deadline else { continue }
                earliest = earliest.map { min($0, deadline) } ?? deadline
            }
            if !state.jobs.isEmpty { return 0 }
            state.asleep = true
            return earliest.map(Self.milliseconds(until:)) ?? -1
        }
    }

    private static func milliseconds(until instant: ContinuousClock.Instant) -> Int32 {
        let left = ContinuousClock.now.duration(to: instant)
        if left <= .zero { return 0 }
        let (seconds, attoseconds) = left.components
        return seconds >= 3600 ? 3_600_000 : Int32(seconds * 1000 + attoseconds / 1_000_000_000_000_000) + 1
    }

    /// Resumes whatever is ready or late.
    private func collect(_ descriptors: [pollfd], _ ids: [UInt64]) {
        let now = ContinuousClock.now
        let ended = state.withLock { state in
            state.asleep = false
            var ended: [(CheckedContinuation<Outcome, Never>, Outcome)] = []
            for (index, descriptor) in descriptors.enumerated().dropFirst() {
                guard let wait = state.waits[ids[index]] else { continue }
                if descriptor.revents != 0 {
                    ended.append((wait.continuation, .ready))
                } else if let deadline = wait.deadline, deadline <= now {
                    ended.append((wait.continuation, .deadline))
                } else {
                    continue
                }
                state.waits.removeValue(forKey: ids[index])
            }
            return ended
        }
        for (continuation, outcome) in ended { continuation.resume(returning: outcome) }
    }

    private func drainWakeUps() {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            while read(wakeReader, buffer.baseAddress, buffer.count) > 0 {}
        }
    }
}
