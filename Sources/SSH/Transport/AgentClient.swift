import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Speaks to an ssh-agent without ever blocking the reactor (draft-miller-ssh-agent): an agent that asks its user
/// for a confirmation holds up its own login and no other. (libssh2's own agent code blocks.)
final class AgentClient {
    struct Identity: Equatable {
        var key: [UInt8]
        var comment: String
    }

    enum Problem: Error, Equatable {
        case unavailable(reason: String)
        case refused
        /// The signature is of another algorithm than the one asked for.
        case signedOtherwise(String)
        case deadline
        case cancelled
    }

    private let descriptor: Int32
    private let reactor: SSHReactor

    private init(descriptor: Int32, reactor: SSHReactor) {
        self.descriptor = descriptor
        self.reactor = reactor
    }

    deinit { close(descriptor) }

    /// A full backlog (many logins at once) is waited for.
    nonisolated(nonsending) static func connect(
        to path: String, on reactor: SSHReactor, until deadline: ContinuousClock.Instant
    ) async throws(Problem) -> AgentClient {
        let descriptor = clusterctl_stream_socket(AF_UNIX)
        guard descriptor >= 0 else { throw .unavailable(reason: systemMessage(errno)) }
        let client = AgentClient(descriptor: descriptor, reactor: reactor)
        while clusterctl_connect_local(descriptor, path) != 0 {
            guard errno == EAGAIN else { throw .unavailable(reason: systemMessage(errno)) }
            let again = ContinuousClock.now + .milliseconds(10)
            if await reactor.wait(for: [], on: -1, until: again) == .cancelled { throw .cancelled }
            if again > deadline { throw .deadline }
        }
        return client
    }

    nonisolated(nonsending) func identities(
        until deadline: ContinuousClock.Instant
    ) async throws(Problem) -> [Identity] {
        var reader = WireReader(try await ask([Message.requestIdentities], until: deadline))
        guard reader.byte() == Message.identitiesAnswer, let count = reader.uint32() else {
            throw .unavailable(reason: "it does not list its keys")
        }
        var identities: [Identity] = []
        for _ in 0..<min(count, 1024) {
            guard let key = reader.string(), let comment = reader.text() else { break }
            identities.append(Identity(key: key, comment: comment))
        }
        return identities
    }

    /// The signature as libssh2 wants it from its caller: without the name of its algorithm, and with what a security
    /// key adds to its signatures.
    nonisolated(nonsending) func sign(
        _ data: [UInt8], with key: [UInt8], until deadline: ContinuousClock.Instant
    ) async throws(Problem) -> [UInt8] {
        let wanted = Self.algorithm(ofRequest: data)
        var request = WireWriter()
        request.byte(Message.signRequest)
        request.string(key)
        request.string(data)
        request.uint32(Self.flags(for: wanted))
        var reader = WireReader(try await ask(request.bytes, until: deadline))
        guard reader.byte() == Message.signResponse, let answer = reader.string() else { throw .refused }
        var signature = WireReader(answer)
        guard let algorithm = signature.text(), let bare = signature.string() else { throw .refused }
        // Some agents know nothing of the flags and sign RSA with SHA-1 all the same.
        if wanted.hasPrefix("rsa-sha2-") && !wanted.hasPrefix(algorithm) { throw .signedOtherwise(algorithm) }
        guard algorithm.hasPrefix("sk-") else { return bare }
        var whole = WireWriter()
        whole.string(bare)
        return whole.bytes + signature.remainder
    }

    /// The algorithm that the login request names (RFC 4252 section 7).
    private static func algorithm(ofRequest data: [UInt8]) -> String {
        var reader = WireReader(data)
        _ = reader.string()
        _ = reader.byte()
        _ = (reader.string(), reader.string(), reader.string())
        _ = reader.byte()
        return reader.text() ?? ""
    }

    /// Which digest an RSA key is to use (RFC 8332, also for its certificates); 0 for all other keys.
    private static func flags(for algorithm: String) -> UInt32 {
        if algorithm.hasPrefix("rsa-sha2-256") { return 2 }
        return algorithm.hasPrefix("rsa-sha2-512") ? 4 : 0
    }

    private enum Message {
        static let requestIdentities: UInt8 = 11
        static let identitiesAnswer: UInt8 = 12
        static let signRequest: UInt8 = 13
        static let signResponse: UInt8 = 14
    }

    private nonisolated(nonsending) func ask(
        _ message: [UInt8], until deadline: ContinuousClock.Instant
    ) async throws(Problem) -> [UInt8] {
        var request = WireWriter()
        request.string(message)
        try await send(request.bytes[...], until: deadline)
        var header = WireReader(try await receive(4, until: deadline))
        guard let length = header.uint32(), (1...(256 << 10)).contains(length) else {
            throw .unavailable(reason: "its answer is no agent's")
        }
        return try await receive(Int(length), until: deadline)
    }

    private nonisolated(nonsending) func send(
        _ bytes: ArraySlice<UInt8>, until deadline: ContinuousClock.Instant
    ) async throws(Problem) {
        var rest = bytes
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { clusterctl_send(descriptor, $0.baseAddress, $0.count) }
            if sent > 0 {
                rest = rest.dropFirst(sent)
            } else if errno == EAGAIN {
                try await wait(for: .writable, until: deadline)
            } else if errno != EINTR {
                throw .unavailable(reason: systemMessage(errno))
            }
        }
    }

    private nonisolated(nonsending) func receive(
        _ count: Int, until deadline: ContinuousClock.Instant
    ) async throws(Problem) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let wanted = count - bytes.count
            var code: Int32 = 0
            var length = 0
            bytes += [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
                length = recv(descriptor, buffer.baseAddress, wanted, 0)
                code = errno
                filled = max(0, length)
            }
            if length == 0 { throw .unavailable(reason: "it closed the connection") }
            if length > 0 || code == EINTR { continue }
            guard code == EAGAIN else { throw .unavailable(reason: systemMessage(code)) }
            try await wait(for: .readable, until: deadline)
        }
        return bytes
    }

    private nonisolated(nonsending) func wait(
        for interest: SSHReactor.Interest, until deadline: ContinuousClock.Instant
    ) async throws(Problem) {
        switch await reactor.wait(for: interest, on: descriptor, until: deadline) {
        case .ready: return
        case .deadline: throw .deadline
        case .cancelled: throw .cancelled
        }
    }
}
