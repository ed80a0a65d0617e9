import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// The tunnels of a session to a jump host. One task, the pump, makes all libssh2 calls for all of them, in turns: so
/// a packet that is half sent is finished before another is begun, and whatever a call has received for other
/// channels is seen before the pump waits.
struct Forwarding {
    var tunnels: [Tunnel] = []
    /// Answered one by one: libssh2 opens one channel at a time.
    var requests: [TunnelRequest] = []
    var isPumping = false
    /// The pump's wait, while it has nothing to do.
    var wait: UInt64?
    /// The server's, while the pump runs.
    var pulse = Pulse(.none, now: .now)
    /// There is new work since the pump last looked.
    var isKicked = false

    var isBusy: Bool { !tunnels.isEmpty || !requests.isEmpty }
}

extension SSHSession {
    /// Connects from the server on to `host`, a name that the server resolves; before `deadline`.
    ///
    /// nil when the connections asked for earlier take longer than `patience`, so that another session is the better
    /// way: one that goes to a dead host holds up the queue for minutes.
    func openTunnel(
        to host: String, port: Int, place: TunnelCount.Place, patience: Duration,
        until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Connection? {
        guard let link, !link.isBroken else {
            throw .connectionLost(stage: .connect, reason: "the session is closed")
        }
        guard let request = TunnelRequest(host: host, port: port, place: place) else {
            throw .unreachable(host: host, port: port, reason: systemMessage(errno))
        }
        forwarding.requests.append(request)
        startPump(link)
        var outcome = await answer(to: request, until: min(deadline, .now + patience))
        if outcome == .deadline && request.hasBegun { outcome = await answer(to: request, until: deadline) }
        request.isAbandoned = true
        if !request.hasBegun { forwarding.requests.removeAll { $0 === request } }
        switch (request.answer, outcome) {
        case (.opened(let end), _): return Connection(descriptor: request.takeNearEnd(), carrier: end)
        case (.failed(let failure), _): throw failure
        case (.none, .cancelled): throw .cancelled(stage: .connect)
        case (.none, _):
            if !request.hasBegun && deadline > .now { return nil }
            throw .deadline(stage: .connect)
        }
    }

    private func answer(to request: TunnelRequest, until deadline: ContinuousClock.Instant) async -> SSHReactor.Outcome
    {
        guard case .none = request.answer else { return .ready }
        return await reactor.wait(for: [], on: -1, until: deadline) { request.wait = $0 }
    }

    /// Whether the connection still stands, as far as the operating system knows: to be asked of a session that was
    /// idle, before it is used again.
    public var isWhole: Bool { link.map { !$0.isBroken && (forwarding.isPumping || !$0.isAtEnd) } ?? false }

    // MARK: The pump

    private func startPump(_ link: SSHLink) {
        kickPump()
        guard !forwarding.isPumping else { return }
        forwarding.isPumping = true
        forwarding.pulse = Pulse(target.keepAlive, now: .now)
        Task { await pump(link) }
    }

    private func kickPump() {
        forwarding.isKicked = true
        if let wait = forwarding.wait { reactor.finish(wait, .ready) }
    }

    /// Runs as long as there are tunnels or requests; so a session that nobody uses can be freed.
    private func pump(_ link: SSHLink) async {
        do throws(SSHFailure) {
            var passes = 0
            while forwarding.isBusy {
                forwarding.isKicked = false
                if try await carry(link) {
                    forwarding.pulse.beat(at: .now)
                    passes += 1
                    if passes % 16 == 0 { await Task.yield() }
                } else if !forwarding.isKicked {
                    try await waitForWork(link)
                }
            }
        } catch {
            link.breakOff()
            let failure = await explained(error, link)
            for tunnel in forwarding.tunnels { tunnel.end.lose(failure) }
            for tunnel in forwarding.tunnels { close(tunnel) }
            for request in forwarding.requests { conclude(request, .failed(failure)) }
            forwarding.tunnels = []
            forwarding.requests = []
        }
        forwarding.isPumping = false
    }

    /// One turn for everyone; whether there may be more to do at once.
    private func carry(_ link: SSHLink) async throws(SSHFailure) -> Bool {
        var hasMoved = false
        for tunnel in forwarding.tunnels where !tunnel.isClosing && tunnel.incoming.isEmpty {
            if try await receive(tunnel, link) { hasMoved = true }
        }
        for tunnel in forwarding.tunnels where !tunnel.isClosing {
            if try await send(tunnel, link) { hasMoved = true }
        }
        for tunnel in forwarding.tunnels where tunnel.isClosing {
            if try await free(tunnel, link) { hasMoved = true }
        }
        if try await answerRequest(link) { hasMoved = true }
        return hasMoved || forwarding.tunnels.contains { $0.hasArrivals || $0.hasOpened }
    }

    private func waitForWork(_ link: SSHLink) async throws(SSHFailure) {
        if link.isBroken { throw .connectionLost(stage: .channel, reason: "the session was closed") }
        let unsent = forwarding.tunnels.contains { !$0.outgoing.isEmpty }
        // Who takes nothing in must not be woken by what arrives: it would be there again at once.
        let takesIn =
            unsent || !forwarding.requests.isEmpty
            || forwarding.tunnels.contains { $0.isClosing || $0.incoming.isEmpty }
        try feel(&forwarding.pulse, of: link, .channel, sending: false)
        var until = forwarding.pulse.nextLook
        // During an exchange of new keys libssh2 may take a packet only after it was asked once more.
        if forwarding.tunnels.contains(where: { !$0.outgoing.isEmpty && !$0.isShut }) {
            until = .now + .milliseconds(50)
        }
        if takesIn && link.carrier == nil { clusterctl_acknowledge_now(link.descriptor) }
        let outcome = await reactor.wait(
            for: .readable, on: takesIn ? link.descriptor : -1, until: until, cancellable: false
        ) { forwarding.wait = $0 }
        forwarding.wait = nil
        link.turn.beginAnew()
        if outcome == .ready && !forwarding.isKicked || !takesIn { forwarding.pulse.beat(at: .now) }
    }

    // MARK: Turns

    /// Moves one piece from the channel to the descriptor; whether anything came.
    private func receive(_ tunnel: Tunnel, _ link: SSHLink) async throws(SSHFailure) -> Bool {
        var isTaken = true
        let count = try await attempt(.channel, on: link, until: .distant, cancellable: false) { _ in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Tunnel.pieceSizeBytes) { buffer in
                let count = libssh2_channel_read_ex(tunnel.channel, 0, buffer.baseAddress, buffer.count)
                if count > 0 {
                    isTaken = tunnel.deliver(
                        ArraySlice(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(buffer)).prefix(count)))
                }
                return count
            }
        }
        if count == Int(LIBSSH2_ERROR_EAGAIN) { return false }
        try throwIfLost(count, link)
        if count <= 0 || !isTaken {
            close(tunnel)
        } else if !tunnel.incoming.isEmpty {
            wake(tunnel)
        }
        return true
    }

    /// Sends one piece to the channel; whether anything went.
    private func send(_ tunnel: Tunnel, _ link: SSHLink) async throws(SSHFailure) -> Bool {
        guard !tunnel.outgoing.isEmpty else {
            if tunnel.isInputEnded { close(tunnel) }
            return tunnel.isInputEnded
        }
        let count = try await attempt(.channel, on: link, until: .distant, cancellable: false) { _ in
            tunnel.outgoing.withUnsafeBytes { bytes in
                libssh2_channel_write_ex(
                    tunnel.channel, 0, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
            }
        }
        tunnel.isShut = count <= 0 && libssh2_channel_window_write_ex(tunnel.channel, nil) == 0
        if count == Int(LIBSSH2_ERROR_EAGAIN) || count == 0 { return false }
        try throwIfLost(count, link)
        if count < 0 {
            close(tunnel)
        } else {
            tunnel.outgoing = tunnel.outgoing.dropFirst(count)
            if tunnel.outgoing.isEmpty { wake(tunnel) }
        }
        return true
    }

    /// Closes the channel and forgets the tunnel once the server agrees.
    private func free(_ tunnel: Tunnel, _ link: SSHLink) async throws(SSHFailure) -> Bool {
        let status = try await attempt(.channel, on: link, until: .distant, cancellable: false, endsInput: true) { _ in
            Int(libssh2_channel_free(tunnel.channel))
        }
        if status == Int(LIBSSH2_ERROR_EAGAIN) { return false }
        forwarding.tunnels.removeAll { $0 === tunnel }
        return true
    }

    /// Goes on with the first request; whether it has its answer.
    private func answerRequest(_ link: SSHLink) async throws(SSHFailure) -> Bool {
        guard let request = forwarding.requests.first else { return false }
        request.hasBegun = true
        var channel: OpaquePointer?
        let status = try await attempt(.channel, on: link, until: .distant, cancellable: false) { session in
            request.message.withUnsafeBytes { bytes in
                channel = libssh2_channel_open_ex(
                    session, "direct-tcpip", 12, Tunnel.windowBytes, UInt32(LIBSSH2_CHANNEL_PACKET_DEFAULT),
                    bytes.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(bytes.count))
            }
            return channel == nil ? Int(link.lastCode) : 0
        }
        if status == Int(LIBSSH2_ERROR_EAGAIN) { return false }
        try throwIfLost(status, link)
        forwarding.requests.removeFirst()
        guard let channel else {
            let refusal = ForwardingRefusal(libssh2Words: link.lastMessage)
            conclude(
                request,
                .failed(.forwardingRefused(jump: target.host, host: request.host, port: request.port, refusal)))
            return true
        }
        let end = TunnelEnd(jump: target.host)
        let tunnel = Tunnel(channel: channel, descriptor: request.takeFarEnd(), end: end, place: request.place)
        forwarding.tunnels.append(tunnel)
        if request.isAbandoned {
            close(tunnel)
        } else {
            conclude(request, .opened(end))
            Task { await serve(tunnel) }
        }
        return true
    }

    private func throwIfLost(_ status: Int, _ link: SSHLink) throws(SSHFailure) {
        if status < 0 && meansConnectionLost(Int32(status)) {
            throw .connectionLost(stage: .channel, reason: link.lastMessage)
        }
    }

    private func conclude(_ request: TunnelRequest, _ answer: TunnelRequest.Answer) {
        request.answer = answer
        if let wait = request.wait { reactor.finish(wait, .ready) }
    }

    private func close(_ tunnel: Tunnel) {
        tunnel.beginClosing()
        wake(tunnel)
    }

    // MARK: The local side

    /// Takes what the descriptor gives, one piece at a time, and hands it what it did not take at once.
    private func serve(_ tunnel: Tunnel) async {
        while !tunnel.isClosing {
            var interest: SSHReactor.Interest = []
            if tunnel.outgoing.isEmpty && !tunnel.isInputEnded { interest.insert(.readable) }
            if !tunnel.incoming.isEmpty { interest.insert(.writable) }
            _ = await reactor.wait(
                for: interest, on: interest.isEmpty ? -1 : tunnel.descriptor, until: nil, cancellable: false
            ) { tunnel.wait = $0 }
            tunnel.wait = nil
            guard !tunnel.isClosing else { return }
            if interest.contains(.readable) && tunnel.outgoing.isEmpty { tunnel.takeIn() }
            if !tunnel.incoming.isEmpty && !tunnel.deliver(tunnel.incoming) { tunnel.isInputEnded = true }
            kickPump()
        }
    }

    private func wake(_ tunnel: Tunnel) {
        if let wait = tunnel.wait { reactor.finish(wait, .ready) }
    }
}

extension ContinuousClock.Instant {
    /// Later than any run.
    static var distant: Self { .now + .seconds(1_000_000_000) }
}
