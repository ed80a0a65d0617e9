import CLibSSH2

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Carries a signature from the agent into libssh2's callback: the callback notes what is to be signed and says
/// EAGAIN; once the agent has answered, the repeated call finds the signature here.
final class AgentSigner {
    var request: [UInt8]?
    var signature: [UInt8]?

    func reset() {
        request = nil
        signature = nil
    }
}

/// libssh2 calls this with `AgentSigner` behind `abstract`; the signature is malloc'ed because libssh2 frees it.
private let signWithAgent:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, UnsafeMutablePointer<Int>?,
        UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Int32 = { _, signatureOut, lengthOut, data, count, abstract in
        guard let context = abstract?.pointee, let signatureOut, let lengthOut else { return -1 }
        let signer = Unmanaged<AgentSigner>.fromOpaque(context).takeUnretainedValue()
        guard let signature = signer.signature else {
            signer.request = Array(UnsafeBufferPointer(start: data, count: count))
            return Int32(LIBSSH2_ERROR_EAGAIN)
        }
        guard let copy = malloc(max(1, signature.count)) else { return -1 }
        signature.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress { memcpy(copy, base, bytes.count) }
        }
        signatureOut.pointee = copy.assumingMemoryBound(to: UInt8.self)
        lengthOut.pointee = signature.count
        return 0
    }

/// What one login has tried, for the error that a refusal becomes.
struct LoginTrail {
    var offered: [OfferedKey] = []
    var hints: [LoginHint] = []
}

extension SSHSession {
    private enum Attempt { case accepted, refused }

    /// Logs in by public key: the configured files, then the agent's keys; without files, the agent, then OpenSSH's
    /// default files. RSA comes last where this libssh2 signs it with SHA-1 alone.
    func logIn(
        _ link: SSHLink, secrets: any LoginSecrets, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) {
        var trail = LoginTrail()
        let candidates = try await LoginCandidates.gather(
            for: target, on: reactor, until: deadline, hints: &trail.hints)
        for candidate in candidates.keys {
            trail.offered.append(candidate.shown)
            let attempt: Attempt
            switch candidate.source {
            case .file(let path): attempt = try await offer(file: path, link, &trail, until: deadline)
            case .agent(let key):
                guard let agent = candidates.agent else { continue }
                attempt = try await offer(key: key, of: agent, link, &trail, until: deadline)
            }
            if attempt == .accepted { return }
            if link.isBroken { break }
        }
        if !LibSSH2.signsRSAWithSHA2 && trail.offered.contains(where: { $0.type == "ssh-rsa" }) {
            trail.hints.append(.rsaNeedsNewerLibrary(version: LibSSH2.version))
        }
        let methods = link.isBroken ? [] : try await serverMethods(link, until: deadline)
        throw .loginRefused(
            user: target.user, offered: trail.offered, serverMethods: methods, hints: trail.hints)
    }

    private func offer(
        file path: String, _ link: SSHLink, _ trail: inout LoginTrail, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Attempt {
        let user = target.user
        let status = try await perform(.login, on: link, until: deadline) { session in
            Int(libssh2_userauth_publickey_fromfile_ex(session, user, UInt32(user.utf8.count), nil, path, nil))
        }
        if status == Int(LIBSSH2_ERROR_FILE) {
            trail.hints.append(.identityUnusable(path: path, reason: link.lastMessage))
        }
        return try await conclude(Int32(status), link, &trail)
    }

    private func offer(
        key: [UInt8], of agent: AgentClient, _ link: SSHLink, _ trail: inout LoginTrail,
        until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> Attempt {
        signer.reset()
        while true {
            let status = tryLogin(with: key, link)
            if status != Int32(LIBSSH2_ERROR_EAGAIN) { return try await conclude(status, link, &trail) }
            guard let request = signer.request, signer.signature == nil else {
                try await waitForLink(link, .login, until: deadline)
                continue
            }
            do {
                signer.signature = try await agent.sign(request, with: key, until: deadline)
            } catch .deadline {
                throw SSHFailure.deadline(stage: .login)
            } catch .cancelled {
                throw SSHFailure.cancelled(stage: .login)
            } catch {
                // An empty signature lets libssh2 end this attempt; the server refuses it.
                if let last = trail.offered.last { trail.hints.append(.agentRefusedToSign(last)) }
                signer.signature = []
            }
        }
    }

    private func tryLogin(with key: [UInt8], _ link: SSHLink) -> Int32 {
        var context: UnsafeMutableRawPointer? = Unmanaged.passUnretained(signer).toOpaque()
        return withUnsafeMutablePointer(to: &context) { abstract in
            key.withUnsafeBufferPointer { blob in
                libssh2_userauth_publickey(
                    link.session, target.user, blob.baseAddress, blob.count, signWithAgent, abstract)
            }
        }
    }

    private func conclude(
        _ status: Int32, _ link: SSHLink, _ trail: inout LoginTrail
    ) async throws(SSHFailure) -> Attempt {
        if status == 0 { return .accepted }
        var isGone = meansConnectionLost(status)
        if status == Int32(LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED) {
            // libssh2 says the same for a wrong signature and for a connection that ended: look at the socket.
            let soon = ContinuousClock.now + .milliseconds(200)
            _ = await reactor.wait(for: .readable, on: link.descriptor, until: soon)
            isGone = link.isAtEnd
        }
        guard isGone else { return .refused }
        let reason = link.lastMessage
        link.breakOff()
        guard trail.offered.count > 1 else { throw .connectionLost(stage: .login, reason: reason) }
        trail.hints.append(.serverStoppedListening(afterKeys: trail.offered.count))
        return .refused
    }

    /// The login methods that the server takes; empty when it does not say.
    private func serverMethods(
        _ link: SSHLink, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> [String] {
        let user = target.user
        while true {
            if let list = libssh2_userauth_list(link.session, user, UInt32(user.utf8.count)) {
                return String(cString: list).split(separator: ",").map(String.init)
            }
            guard link.lastCode == Int32(LIBSSH2_ERROR_EAGAIN) else { return [] }
            try await waitForLink(link, .login, until: deadline)
        }
    }
}
