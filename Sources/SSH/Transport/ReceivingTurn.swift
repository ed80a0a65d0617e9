import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// How much a session receives at once. libssh2 reads for as long as something comes, and all sessions share a thread:
/// a server that never stops talking would keep it from all others.
///
/// It is what libssh2 hands to the functions that it calls for the session.
final class ReceivingTurn {
    /// About a hundredth of a second.
    private static let limitBytes = 1 << 20
    /// What a call costs however little it brings: libssh2 takes a greeting byte by byte.
    private static let leastBytes = 64

    private var spentBytes = 0
    /// Who answers the prompts of a keyboard-interactive login just now.
    var dialogue: PasswordDialogue?

    /// Whether libssh2 was told that nothing more had come, though something may have.
    var isSpent: Bool { spentBytes >= Self.limitBytes }

    /// Called when others have had theirs.
    func beginAnew() { spentBytes = 0 }

    fileprivate func receive(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int, _ flags: Int32)
        -> Int
    {
        guard !isSpent else { return -Int(EAGAIN) }
        let received = recv(descriptor, buffer, count, flags)
        guard received >= 0 else { return -Int(errno) }
        spentBytes += max(received, Self.leastBytes)
        return received
    }

    /// The turn that libssh2 was given with the session.
    static func of(_ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> ReceivingTurn? {
        (abstract?.pointee).map { Unmanaged<ReceivingTurn>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Has libssh2 receive through this for as long as the session lives, which must not be longer than this does.
    func attend(_ session: OpaquePointer) {
        libssh2_session_abstract(session)?.pointee = Unmanaged.passUnretained(self).toOpaque()
        let function = unsafeBitCast(receiveInTurn, to: UnsafeMutableRawPointer.self)
        _ = libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, function)
    }
}

private let receiveInTurn:
    @convention(c) (
        Int32, UnsafeMutableRawPointer?, Int, Int32, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Int = { descriptor, buffer, count, flags, abstract in
        ReceivingTurn.of(abstract)?.receive(descriptor, buffer, count, flags) ?? -Int(EINVAL)
    }
