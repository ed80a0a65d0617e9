import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Opens stream sockets without blocking the reactor.
enum TCPConnection {
    /// A connected, non-blocking socket with TCP_NODELAY: the first address of `host` that takes a connection.
    ///
    /// Each address has `timeout`; the error is that of the last one tried. The caller closes the socket.
    nonisolated(nonsending) static func open(
        host: String, port: Int, timeout: Duration, on reactor: SSHReactor, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Int32 {
        let endpoints = try await Resolver.shared.resolve(host, port: port, on: reactor, until: deadline)
        var failure = SSHFailure.unreachable(host: host, port: port, reason: "no addresses")
        for endpoint in endpoints {
            let until = min(deadline, ContinuousClock.now + timeout)
            switch await connect(endpoint, on: reactor, until: until) {
            case .connected(let descriptor): return descriptor
            case .cancelled: throw .cancelled(stage: .connect)
            case .late: failure = .deadline(stage: .connect)
            case .failed(ECONNREFUSED): failure = .refused(host: host, port: port)
            case .failed(let code): failure = .unreachable(host: host, port: port, reason: systemMessage(code))
            }
        }
        throw failure
    }

    private enum Attempt { case connected(Int32), failed(Int32), late, cancelled }

    nonisolated(nonsending) private static func connect(
        _ endpoint: Endpoint, on reactor: SSHReactor, until deadline: ContinuousClock.Instant
    ) async -> Attempt {
        let descriptor = clusterctl_stream_socket(endpoint.family)
        guard descriptor >= 0 else { return .failed(errno) }
        let status = endpoint.address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { address in
                CLibSSH2.connect(descriptor, address.baseAddress, socklen_t(bytes.count))
            }
        }
        if status == 0 { return .connected(descriptor) }
        var attempt = Attempt.failed(errno)
        if errno == EINPROGRESS {
            switch await reactor.wait(for: .writable, on: descriptor, until: deadline) {
            case .ready:
                let code = clusterctl_socket_error(descriptor)
                if code == 0 { return .connected(descriptor) }
                attempt = .failed(code)
            case .deadline: attempt = .late
            case .cancelled: attempt = .cancelled
            }
        }
        close(descriptor)
        return attempt
    }
}

/// The system's words for an errno.
func systemMessage(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let text = buffer.baseAddress else { return "errno \(code)" }
        text.initialize(repeating: 0, count: buffer.count)
        return clusterctl_error_text(code, text, buffer.count) == 0 ? String(cString: text) : "errno \(code)"
    }
}
