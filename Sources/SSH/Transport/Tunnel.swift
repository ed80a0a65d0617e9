import CLibSSH2
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// One connection through a jump host: a direct-tcpip channel there, one end of a local socket pair here.
///
/// Holds at most one piece of bytes each way besides what libssh2's window and the socket hold.
/// Not Sendable: it belongs to the actor of the session to the jump host.
final class Tunnel {
    static let pieceSizeBytes = 32 << 10
    /// What the jump host may send ahead of us on one channel. Answers are small, and uploads go the other way.
    static let windowBytes: UInt32 = 256 << 10

    let channel: OpaquePointer
    let descriptor: Int32
    let end: TunnelEnd
    private let place: TunnelCount.Place
    /// Received from the channel, not yet taken by the descriptor.
    var incoming: ArraySlice<UInt8> = []
    /// Received from the descriptor, not yet sent to the channel.
    var outgoing: ArraySlice<UInt8> = []
    /// The wait of the task that serves the descriptor.
    var wait: UInt64?
    /// The descriptor's other end was closed.
    var isInputEnded = false
    /// The last attempt to send found the channel's window shut.
    var isShut = false
    /// Nothing is carried any more; the channel is being closed.
    private(set) var isClosing = false

    init(channel: OpaquePointer, descriptor: Int32, end: TunnelEnd, place: TunnelCount.Place) {
        self.channel = channel
        self.descriptor = descriptor
        self.end = end
        self.place = place
    }

    deinit { close(descriptor) }

    /// Whether the channel has something for us, by what libssh2 has received so far.
    var hasArrivals: Bool {
        guard !isClosing, incoming.isEmpty else { return false }
        var available: UInt = 0
        libssh2_channel_window_read_ex(channel, &available, nil)
        return available > 0 || libssh2_channel_eof(channel) == 1
    }

    /// Whether a channel that took nothing does now, by what libssh2 has received so far.
    var hasOpened: Bool { isShut && !isClosing && libssh2_channel_window_write_ex(channel, nil) > 0 }

    /// Ends the local side; the descriptor itself stays until nobody waits on it any more.
    func beginClosing() {
        isClosing = true
        incoming = []
        outgoing = []
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Hands bytes to the descriptor and keeps what it does not take; false when its other end is gone.
    func deliver(_ bytes: ArraySlice<UInt8>) -> Bool {
        let count = bytes.withUnsafeBytes { clusterctl_send(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 || errno == EAGAIN else { return false }
        incoming = bytes.dropFirst(max(0, count))
        return true
    }

    /// Receives one piece from the descriptor, if there is one.
    func takeIn() {
        outgoing = withUnsafeTemporaryAllocation(byteCount: Self.pieceSizeBytes, alignment: 1) { buffer in
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count == 0 || (count < 0 && errno != EAGAIN) { isInputEnded = true }
            return ArraySlice(buffer.prefix(max(0, count)))
        }
    }
}

/// A tunnel that somebody waits for.
final class TunnelRequest {
    enum Answer {
        case none
        case opened(TunnelEnd)
        case failed(SSHFailure)
    }

    let host: String
    let port: Int
    let place: TunnelCount.Place
    /// The channel type's own part of the request (RFC 4254, section 7.2).
    let message: [UInt8]
    var answer = Answer.none
    /// libssh2 is at it, and cannot be stopped.
    var hasBegun = false
    /// The wait of the one who asked.
    var wait: UInt64?
    /// Nobody waits any more.
    var isAbandoned = false
    /// Both ends of the local socket pair, closed with the request unless taken.
    private var ends: [Int32] = [-1, -1]

    /// nil with errno set when there is no socket pair to be had.
    init?(host: String, port: Int, place: TunnelCount.Place) {
        self.host = host
        self.port = port
        self.place = place
        var writer = WireWriter()
        writer.string(Array(host.utf8))
        writer.uint32(UInt32(port))
        // Where the connection comes from; servers only log it.
        writer.string(Array("127.0.0.1".utf8))
        writer.uint32(0)
        message = writer.bytes
        guard clusterctl_stream_pair(&ends) == 0 else { return nil }
    }

    deinit {
        for descriptor in ends where descriptor >= 0 { close(descriptor) }
        place.isNoLongerPending()
    }

    /// The end for the session that asked, which closes it.
    func takeNearEnd() -> Int32 { take(0) }

    /// The end for the tunnel, which closes it.
    func takeFarEnd() -> Int32 { take(1) }

    private func take(_ index: Int) -> Int32 {
        defer { ends[index] = -1 }
        return ends[index]
    }
}

/// How many tunnels one session carries or has promised to carry, and how many of them are not open yet.
final class TunnelCount: Sendable {
    private let counts = Mutex((all: 0, pending: 0))

    /// Counts until it is freed.
    final class Place: Sendable {
        private let count: TunnelCount
        private let isPending = Atomic(true)

        fileprivate init(_ count: TunnelCount) { self.count = count }

        func isNoLongerPending() {
            if isPending.exchange(false, ordering: .relaxed) { count.counts.withLock { $0.pending -= 1 } }
        }

        deinit {
            isNoLongerPending()
            count.counts.withLock { $0.all -= 1 }
        }
    }

    /// A place for one more, if there are fewer than `limit`, and of those not yet open fewer than `pendingLimit`.
    func place(limit: Int, pendingLimit: Int) -> Place? {
        let isFree = counts.withLock { counts in
            guard counts.all < limit, counts.pending < pendingLimit else { return false }
            counts.all += 1
            counts.pending += 1
            return true
        }
        return isFree ? Place(self) : nil
    }
}
