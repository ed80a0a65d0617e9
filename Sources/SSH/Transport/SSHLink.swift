import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Owns one socket and the libssh2 session on it; freed with it, whatever state it is in.
///
/// Not Sendable: it belongs to its session's actor.
final class SSHLink {
    let descriptor: Int32
    let session: OpaquePointer
    let turn = ReceivingTurn()
    /// What moves the bytes, where the descriptor is no network socket.
    let carrier: (any Carrier)?
    /// A packet is half sent: libssh2 has to be given the same call again before any other, or it loses data.
    var hasUnfinishedSend = false
    /// Channels that were closed on this side; the server still has to agree.
    var lingering: [OpaquePointer] = []
    /// Nothing can be done with the link any more but free it.
    private(set) var isBroken = false

    /// Takes over the connection, also when it returns nil.
    init?(_ connection: Connection) {
        guard LibSSH2.isInitialised, let session = libssh2_session_init_ex(nil, nil, nil, nil) else {
            close(connection.descriptor)
            connection.carrier?.end()
            return nil
        }
        descriptor = connection.descriptor
        carrier = connection.carrier
        self.session = session
        libssh2_session_set_blocking(session, 0)
        turn.attend(session)
    }

    deinit {
        // Without a connection libssh2 has nothing to wait for, so that freeing ends.
        breakOff()
        turn.beginAnew()
        var attempts = 0
        while libssh2_session_free(session) == Int32(LIBSSH2_ERROR_EAGAIN), attempts < 64 { attempts += 1 }
        close(descriptor)
        carrier?.end()
    }

    /// Ends the connection at once, for both sides.
    func breakOff() {
        guard !isBroken else { return }
        isBroken = true
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// libssh2's words for the last error of this session.
    var lastMessage: String {
        var text: UnsafeMutablePointer<CChar>?
        libssh2_session_last_error(session, &text, nil, 0)
        return text.map { String(cString: $0) } ?? "no reason given"
    }

    var lastCode: Int32 { libssh2_session_last_errno(session) }

    var blocksOnSending: Bool { libssh2_session_block_directions(session) & LIBSSH2_SESSION_BLOCK_OUTBOUND != 0 }

    /// Whether the socket takes a packet of a few bytes without cutting it.
    var takesSmallPacket: Bool { clusterctl_is_writable(descriptor) != 0 }

    /// The key that the server proved in the key exchange.
    var hostKey: [UInt8]? {
        var length = 0
        var type: Int32 = 0
        guard let bytes = libssh2_session_hostkey(session, &length, &type), length > 0 else { return nil }
        return UnsafeBufferPointer(start: bytes, count: length).map { UInt8(bitPattern: $0) }
    }

    /// Whether the peer has closed the connection and nothing of it is left to read.
    var isAtEnd: Bool {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK))
        return count == 0 || (count < 0 && errno != EAGAIN)
    }

    /// Sends a request that every server answers, if only with a refusal. A socket that is full is not asked: the packet
    /// would be cut, and what is in it already has to be acknowledged anyway.
    func askForLife() {
        guard takesSmallPacket else { return }
        // Its own interval is as short as it can be: ours counts.
        libssh2_keepalive_config(session, 1, 2)
        var next: Int32 = 0
        libssh2_keepalive_send(session, &next)
    }

    /// The server's last line before or in its greeting: at most 80 characters, without control characters.
    var greeting: String {
        guard let text = libssh2_session_banner_get(session) else { return "" }
        return Self.printable(String(cString: text))
    }

    /// What a server said, fit to be shown: ASCII without control characters, cut, without white space at its end.
    static func printable(_ text: String, atMost count: Int = 80) -> String {
        let visible = text.filter { $0 >= " " && $0 < "\u{7f}" }.prefix(count)
        return visible.lastIndex { $0 != " " }.map { String(visible[...$0]) } ?? ""
    }

    var hasGreeting: Bool { libssh2_session_banner_get(session) != nil }
}

/// Whether libssh2's code means that the connection is gone.
func meansConnectionLost(_ code: Int32) -> Bool {
    [
        LIBSSH2_ERROR_SOCKET_NONE, LIBSSH2_ERROR_SOCKET_SEND, LIBSSH2_ERROR_SOCKET_DISCONNECT,
        LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_BAD_SOCKET, LIBSSH2_ERROR_SOCKET_TIMEOUT,
    ].contains(code)
}
