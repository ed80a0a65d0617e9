import CLibSSH2

/// One logged-in connection to one node; runs one command at a time, in the order of the calls.
///
/// Everything runs on the reactor's thread. A session whose connection broke stays so: every later call throws.
public actor SSHSession {
    let reactor: SSHReactor
    public nonisolated let target: SSHTarget
    var link: SSHLink?
    /// Signs for libssh2 while a login is going on.
    let signer = LoginSigner()
    private var isBusy = false
    /// The waits of the commands whose turn has not come.
    private var queue: [UInt64] = []
    /// The connections that go on from here, where this is a session to a jump host.
    var forwarding = Forwarding()

    public nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }

    init(target: SSHTarget, reactor: SSHReactor) {
        self.target = target
        self.reactor = reactor
    }

    /// Says goodbye and ends the connection; a command that is running, and connections that go on from here, end with
    /// `.connectionLost`.
    public func close() async {
        guard let link else { return }
        self.link = nil
        if isBusy || forwarding.isPumping {
            link.breakOff()
        } else if !link.isBroken {
            let until = ContinuousClock.now + .seconds(1)
            _ = try? await perform(.answer, on: link, until: until, cancellable: false) {
                Int(libssh2_session_disconnect_ex($0, SSH_DISCONNECT_BY_APPLICATION, "done", ""))
            }
        }
    }

    // MARK: Opening

    /// Verifies the server's host key and logs in, over a connection that `connect` gives and this then owns.
    func open(
        secrets: any LoginSecrets, until deadline: ContinuousClock.Instant,
        connect: @Sendable () async throws(SSHFailure) -> Connection
    ) async throws(SSHFailure) {
        // Known hosts are read first: what they say is wrong should not wait for a slow connection.
        let check = try HostKeyCheck(host: target.host, port: target.port, policy: target.hostKeys)
        guard let link = SSHLink(try await connect()) else {
            throw .protocolError(stage: .connect, reason: "libssh2 gave no session")
        }
        Algorithms.configure(link.session, expectedHostKeyTypes: check.expectedTypes)
        do {
            try await shakeHands(link, until: deadline)
            try verify(link, check)
            try await logIn(link, secrets: secrets, until: deadline)
        } catch {
            throw await explained(error, link)
        }
        self.link = link
    }

    /// The host key that the server proves when it may use these algorithms alone; nobody logs in, and the connection
    /// ends here. Nil when libssh2 has none of them.
    func showHostKey(
        _ algorithms: [String], until deadline: ContinuousClock.Instant,
        connect: @Sendable () async throws(SSHFailure) -> Connection
    ) async throws(SSHFailure) -> [UInt8]? {
        guard let link = SSHLink(try await connect()) else {
            throw .protocolError(stage: .connect, reason: "libssh2 gave no session")
        }
        guard Algorithms.configure(link.session, hostKeys: algorithms) else { return nil }
        do {
            try await shakeHands(link, until: deadline)
        } catch {
            throw await explained(error, link)
        }
        self.link = link
        defer { self.link = nil }
        let key = link.hostKey
        await close()
        return key
    }

    /// The same failure, or the carrier's where the connection broke off because of that.
    func explained(_ failure: SSHFailure, _ link: SSHLink) async -> SSHFailure {
        guard case .connectionLost(let stage, _) = failure else { return failure }
        return await link.carrier?.blame(stage: stage) ?? failure
    }

    /// Exchanges greetings and keys; each part has the target's `connectTimeout`.
    private func shakeHands(_ link: SSHLink, until deadline: ContinuousClock.Instant) async throws(SSHFailure) {
        var stage = SSHStage.greeting
        var until = min(deadline, ContinuousClock.now + target.connectTimeout)
        while true {
            let wasAtEnd = link.isAtEnd
            let wasGreeted = link.hasGreeting
            let status = libssh2_session_handshake(link.session, link.descriptor)
            if status == 0 { return }
            if stage == .greeting && link.hasGreeting {
                stage = .keyExchange
                until = min(deadline, ContinuousClock.now + target.connectTimeout)
            }
            let isEndless = link.turn.isSpent && !link.greeting.hasPrefix("SSH-")
            guard status == Int32(LIBSSH2_ERROR_EAGAIN), !isEndless else {
                // A server that disagrees can close only after it has seen our offer, so after its greeting.
                throw handshakeFailure(link, stage, status, wasCut: wasAtEnd || (!wasGreeted && link.isAtEnd))
            }
            try await waitForLink(link, stage, until: until)
        }
    }

    /// Judged by what the server said and by the socket: libssh2's codes for these differ from version to version.
    private func handshakeFailure(
        _ link: SSHLink, _ stage: SSHStage, _ status: Int32, wasCut: Bool
    ) -> SSHFailure {
        let reason = link.lastMessage
        let said = link.greeting
        if !said.isEmpty && !said.hasPrefix("SSH-") {
            return .notAnSSHServer(host: target.host, port: target.port, said: said)
        }
        // Both offers were read and have nothing in common; the server may have hung up because of that.
        if status == Int32(LIBSSH2_ERROR_KEX_FAILURE) && !said.isEmpty { return .noCommonAlgorithm(reason: reason) }
        if meansConnectionLost(status) || wasCut {
            return .connectionLost(stage: said.isEmpty ? .greeting : stage, reason: reason)
        }
        return .protocolError(stage: stage, reason: reason)
    }

    private func verify(_ link: SSHLink, _ check: HostKeyCheck) throws(SSHFailure) {
        guard let key = link.hostKey else {
            throw .protocolError(stage: .hostKey, reason: "the server showed no host key")
        }
        switch check.verdict(on: key) {
        case .trusted: return
        case .refused(let failure): throw failure
        case .trustedNew(let line, let file):
            // Another session to the same host may have added the key since.
            let now = try HostKeyCheck(host: target.host, port: target.port, policy: target.hostKeys).verdict(on: key)
            if now == .trusted { return }
            if case .refused(let failure) = now { throw failure }
            if case .failure(let error) = LocalFile.appendLine(line, to: file) {
                throw .knownHostsNotWritten(path: file, reason: systemMessage(error.code))
            }
        }
    }

    // MARK: Turns

    /// Waits until no other command runs on this session; the caller ends the turn, unless this throws.
    func takeTurn(until deadline: ContinuousClock.Instant) async throws(SSHFailure) {
        guard isBusy else {
            isBusy = true
            return
        }
        var own: UInt64 = 0
        let outcome = await reactor.wait(for: [], on: -1, until: deadline) { id in
            own = id
            queue.append(id)
        }
        if outcome == .ready { return }
        if let index = queue.firstIndex(of: own) {
            queue.remove(at: index)
        } else {
            // The turn came at the same moment: it goes to the next.
            endTurn()
        }
        throw outcome == .deadline ? .deadline(stage: .channel) : .cancelled(stage: .channel)
    }

    /// Hands the turn to the next command.
    func endTurn() {
        if queue.isEmpty {
            isBusy = false
        } else {
            reactor.finish(queue.removeFirst(), .ready)
        }
    }

    // MARK: Waiting for libssh2

    /// Repeats one libssh2 call until it has an answer other than EAGAIN.
    ///
    /// - Parameter endsInput: the call may send the packet that ends a channel's input. libssh2 has that on its stack and
    ///   knows a packet that was cut short by its address: repeated from elsewhere, the call counts as another one and
    ///   is refused. So it is made only while the socket takes the packet whole.
    func perform(
        _ stage: SSHStage, on link: SSHLink, until deadline: ContinuousClock.Instant, cancellable: Bool = true,
        endsInput: Bool = false, _ call: (OpaquePointer) -> Int
    ) async throws(SSHFailure) -> Int {
        while true {
            let status = try await attempt(
                stage, on: link, until: deadline, cancellable: cancellable, endsInput: endsInput, call)
            if status != Int(LIBSSH2_ERROR_EAGAIN) { return status }
            try await waitForLink(link, stage, until: deadline, cancellable: cancellable)
        }
    }

    /// Makes one libssh2 call and sees a packet that it has begun to its end; EAGAIN means there is nothing to receive.
    func attempt(
        _ stage: SSHStage, on link: SSHLink, until deadline: ContinuousClock.Instant, cancellable: Bool = true,
        endsInput: Bool = false, _ call: (OpaquePointer) -> Int
    ) async throws(SSHFailure) -> Int {
        while true {
            while endsInput && !link.takesSmallPacket {
                try await waitForLink(link, stage, toSend: true, until: deadline, cancellable: cancellable)
            }
            let status = call(link.session)
            if status != Int(LIBSSH2_ERROR_EAGAIN) || !link.blocksOnSending { return status }
            try await waitForLink(link, stage, until: deadline, cancellable: cancellable)
        }
    }

    /// Waits for what libssh2 is blocked on, or for room to send.
    func waitForLink(
        _ link: SSHLink, _ stage: SSHStage, toSend: Bool = false, until deadline: ContinuousClock.Instant,
        cancellable: Bool = true
    ) async throws(SSHFailure) {
        link.hasUnfinishedSend = link.blocksOnSending
        let sending = toSend || link.hasUnfinishedSend
        if link.isBroken { throw .connectionLost(stage: stage, reason: "the session was closed") }
        if !sending && link.carrier == nil { clusterctl_acknowledge_now(link.descriptor) }
        // Until the login is done, the stages' own limits are short.
        var pulse = Pulse(stage.isAfterLogin ? target.keepAlive : .none, now: .now)
        while true {
            let outcome = await reactor.wait(
                for: sending ? .writable : .readable, on: link.descriptor,
                until: pulse.nextLook.map { min($0, deadline) } ?? deadline, cancellable: cancellable)
            switch outcome {
            case .ready:
                link.hasUnfinishedSend = false
                let isSpent = link.turn.isSpent
                link.turn.beginAnew()
                // There is always something to read of a server that never stops talking.
                if isSpent && deadline <= .now { throw .deadline(stage: stage) }
                return
            case .deadline where deadline > .now: try feel(&pulse, of: link, stage, sending: sending)
            case .deadline: throw .deadline(stage: stage)
            case .cancelled: throw .cancelled(stage: stage)
            }
        }
    }
}
