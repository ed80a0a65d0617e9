import CLibSSH2
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Descriptors of which it is to be told once that they are ready; the cost of a turn does not grow with those that
/// only wait.
///
/// On Linux epoll, elsewhere poll. Descriptors that are closed meanwhile are forgotten.
final class ReadinessSet: Sendable {
    #if os(Linux)
        private let set: Int32

        init() {
            set = clusterctl_epoll()
            precondition(set >= 0, "no epoll for the SSH reactor: \(systemMessage(errno))")
        }

        deinit { close(set) }

        /// Lets the next `wait` that finds the descriptor ready, or broken, tell `id`; instead of what was asked before.
        ///
        /// false when it cannot be waited for: whatever is done with it next tells why.
        func watchForOnce(_ descriptor: Int32, _ interest: SSHReactor.Interest, id: UInt64) -> Bool {
            clusterctl_epoll_once(set, descriptor, interest.rawValue, id) == 0
        }

        /// Waits until something is ready or the time is over; -1 is without end.
        func wait(milliseconds: Int32, into ids: inout [UInt64]) {
            ids.removeAll(keepingCapacity: true)
            withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 64) { buffer in
                var milliseconds = milliseconds
                // To the last one, so that nobody who is ready is taken for late.
                while true {
                    let count = Int(
                        clusterctl_epoll_wait(set, buffer.baseAddress, Int32(buffer.count), milliseconds))
                    ids.append(contentsOf: buffer.prefix(max(0, count)))
                    if count < buffer.count { return }
                    milliseconds = 0
                }
            }
        }
    #else
        private let watched = Mutex<[Int32: (events: Int16, id: UInt64)]>([:])
        private let wakeUp: (reader: Int32, writer: Int32)

        init() {
            var ends: [Int32] = [-1, -1]
            let made = clusterctl_pipe(&ends)
            precondition(made == 0, "no pipe for the SSH reactor: \(systemMessage(errno))")
            wakeUp = (ends[0], ends[1])
        }

        deinit {
            close(wakeUp.reader)
            close(wakeUp.writer)
        }

        /// Lets the next `wait` that finds the descriptor ready, or broken, tell `id`; instead of what was asked before.
        func watchForOnce(_ descriptor: Int32, _ interest: SSHReactor.Interest, id: UInt64) -> Bool {
            watched.withLock { $0[descriptor] = (interest.rawValue, id) }
            var byte: UInt8 = 0
            _ = write(wakeUp.writer, &byte, 1)
            return true
        }

        /// Waits until something is ready or the time is over; -1 is without end.
        func wait(milliseconds: Int32, into ids: inout [UInt64]) {
            ids.removeAll(keepingCapacity: true)
            var polled = watched.withLock { watched in
                watched.map { pollfd(fd: $0.key, events: $0.value.events, revents: 0) }
            }
            polled.append(pollfd(fd: wakeUp.reader, events: Int16(POLLIN), revents: 0))
            guard poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return }
            var bytes: UInt64 = 0
            while read(wakeUp.reader, &bytes, 8) > 0 {}
            watched.withLock { watched in
                for one in polled where one.revents != 0 {
                    if let ready = watched.removeValue(forKey: one.fd) { ids.append(ready.id) }
                }
            }
        }
    #endif
}
