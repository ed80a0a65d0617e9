import CLibSSH2
import Engine

/// What one login has tried, for the error that a refusal becomes, and until when it may go on.
struct LoginTrail {
    var offered: [OfferedKey] = []
    var hints: [LoginHint] = []
    var deadline: ContinuousClock.Instant
    /// The methods that the server named last; nil when it was not asked.
    var methods: [String]?
    /// libssh2 has to be given the algorithm of the next key, see `renewMethod`.
    var hasStaleMethod = false
}

extension SSHSession {
    private enum Attempt {
        case accepted, refused
        /// No further key can help.
        case final
    }

    /// Logs in by public key, in the order of `LoginCandidates`, then by password where the target says so.
    func logIn(
        _ link: SSHLink, secrets: any LoginSecrets, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) {
        var trail = LoginTrail(deadline: deadline)
        let candidates = try await LoginCandidates.gather(for: target, on: reactor, until: deadline)
        trail.hints = candidates.hints
        // The first question is free, a later one counts as an attempt (MaxAuthTries). Without a password nobody asks.
        if target.login.usesPassword {
            if try await askMethods(link, &trail) { return }
            if link.isBroken { throw .connectionLost(stage: .login, reason: link.lastMessage) }
        }
        if trail.methods?.contains("publickey") ?? true {
            for (index, key) in candidates.keys.enumerated() {
                let attempt = try await offer(key, candidates.agent, link, secrets, &trail)
                if attempt == .accepted { return }
                if link.isBroken {
                    let rest = candidates.keys[(index + 1)...].map(\.shown)
                    trail.hints.append(.serverStoppedListening(afterKeys: trail.offered.count, notOffered: rest))
                }
                if attempt == .final || link.isBroken { break }
            }
        }
        // Of some formats nothing tells the type.
        let mayBeRSA = trail.offered.contains { $0.type == "ssh-rsa" || $0.type == OfferedKey.unknownType }
        if !LibSSH2.signsRSAWithSHA2 && mayBeRSA {
            trail.hints.append(.rsaNeedsNewerLibrary(version: LibSSH2.version))
        }
        if !link.isBroken && target.login.usesPassword, try await logInByPassword(link, secrets, &trail) { return }
        if !link.isBroken && trail.methods == nil, try await askMethods(link, &trail) { return }
        throw .loginRefused(
            user: target.user, offered: trail.offered, serverMethods: trail.methods ?? [], hints: trail.hints)
    }

    /// Asks somebody who may have to think: the time that takes is not the server's.
    func ask(
        _ trail: inout LoginTrail, _ question: () async -> Secret?
    ) async throws(SSHFailure) -> Secret? {
        let start = ContinuousClock.now
        let answer = await question()
        trail.deadline += start.duration(to: .now)
        if Task.isCancelled { throw .cancelled(stage: .login) }
        return answer
    }

    /// Asks for the login methods; true when the server asks for no proof at all. A connection that is gone is broken off.
    func askMethods(_ link: SSHLink, _ trail: inout LoginTrail) async throws(SSHFailure) -> Bool {
        let user = target.user
        while true {
            if let list = libssh2_userauth_list(link.session, user, UInt32(user.utf8.count)) {
                trail.methods = String(cString: list).split(separator: ",").map(String.init)
                return false
            }
            if libssh2_userauth_authenticated(link.session) != 0 { return true }
            let code = link.lastCode
            guard code == Int32(LIBSSH2_ERROR_EAGAIN) else {
                if meansConnectionLost(code) { link.breakOff() }
                return false
            }
            try await waitForLink(link, .login, until: trail.deadline)
        }
    }

    /// A server that ends the connection after a second key has had enough of them; before that it is just gone.
    private func breakOff(_ link: SSHLink, _ trail: LoginTrail) throws(SSHFailure) {
        let reason = link.lastMessage
        link.breakOff()
        if trail.offered.count < 2 { throw .connectionLost(stage: .login, reason: reason) }
    }

    // MARK: Keys

    private func offer(
        _ key: LoginCandidates.Key, _ agent: AgentClient?, _ link: SSHLink, _ secrets: any LoginSecrets,
        _ trail: inout LoginTrail
    ) async throws(SSHFailure) -> Attempt {
        trail.offered.append(key.shown)
        switch key.signer {
        case .file(let file):
            switch try await unlock(file, for: key, link, secrets, &trail) {
            case .open(let passphrase): return try await logIn(by: file, key, passphrase, link, &trail)
            case .ended(let attempt): return attempt
            }
        case .agent(let held):
            guard let agent, let blob = key.blob else { return .refused }
            switch try await query(blob, link, &trail) {
            case .ended(let status): return try await judge(status, link, &trail)
            case .wanted(let request):
                signer.state = try await signature(of: request, by: key.shown, held, agent, &trail)
                return try await judge(try await settle(blob, link, trail), link, &trail)
            }
        }
    }

    private enum Query {
        /// The server would take the key; libssh2 waits for a signature of this.
        case wanted([UInt8])
        case ended(Int32)
    }

    private func query(
        _ blob: [UInt8], _ link: SSHLink, _ trail: inout LoginTrail
    ) async throws(SSHFailure) -> Query {
        signer.state = .idle
        if trail.hasStaleMethod { Self.renewMethod(for: blob, user: target.user, link) }
        trail.hasStaleMethod = false
        while true {
            let status = signer.offer(blob, user: target.user, link.session)
            if status != Int32(LIBSSH2_ERROR_EAGAIN) { return .ended(status) }
            if case .asked(let request) = signer.state { return .wanted(request) }
            try await waitForLink(link, .login, until: trail.deadline)
        }
    }

    /// Ends an offer that the signer has signed or declined.
    private func settle(_ blob: [UInt8], _ link: SSHLink, _ trail: LoginTrail) async throws(SSHFailure) -> Int32 {
        let (signer, user) = (signer, target.user)
        return Int32(
            try await perform(.login, on: link, until: trail.deadline) { Int(signer.offer(blob, user: user, $0)) })
    }

    /// What the agent says to the request; a refusal becomes a hint.
    private func signature(
        of request: [UInt8], by shown: OfferedKey, _ held: [UInt8], _ agent: AgentClient, _ trail: inout LoginTrail
    ) async throws(SSHFailure) -> LoginSigner.State {
        do throws(AgentClient.Problem) {
            return .signed(try await agent.sign(request, with: held, until: trail.deadline))
        } catch {
            switch error {
            case .cancelled: throw .cancelled(stage: .login)
            case .deadline: throw .agentSilent(key: shown)
            case .unavailable(let reason): trail.hints.append(.agentUnavailable(reason: reason))
            case .refused: trail.hints.append(.agentRefusedToSign(shown))
            case .signedOtherwise(let algorithm):
                trail.hints.append(.agentSignedOtherwise(shown, algorithm: algorithm))
            }
            return .declined
        }
    }

    private func judge(
        _ status: Int32, _ link: SSHLink, _ trail: inout LoginTrail
    ) async throws(SSHFailure) -> Attempt {
        switch status {
        case 0: return .accepted
        case Int32(LIBSSH2_ERROR_AUTHENTICATION_FAILED): return .refused
        case Int32(LIBSSH2_ERROR_METHOD_NONE):
            // libssh2 has compared the server's list (server-sig-algs) and offered nothing.
            trail.hasStaleMethod = true
            if let key = trail.offered.popLast() { trail.hints.append(.signatureTypeRefused(key)) }
            return .refused
        default: break
        }
        if meansConnectionLost(status) {
            try breakOff(link, trail)
            return .refused
        }
        if case .declined = signer.state { return .refused }
        // libssh2 says the same for a wrong signature, a right one that is not enough, and a connection that ended.
        if try await askMethods(link, &trail) { return .accepted }
        if link.isBroken { try breakOff(link, trail) }
        guard let methods = trail.methods, !link.isBroken, !methods.contains("publickey") else { return .refused }
        if let key = trail.offered.last { trail.hints.append(.serverWantsMore(after: key, methods: methods)) }
        return .final
    }

    /// libssh2 1.11 keeps the algorithm of a key that it did not offer and takes it for the next key's; a public key
    /// that is too short replaces it and is not sent.
    private static func renewMethod(for blob: [UInt8], user: String, _ link: SSHLink) {
        let type = keyType(ofBlob: blob) ?? ""
        let tooShort = "\(type) AAA="
        _ = libssh2_userauth_publickey_frommemory(
            link.session, user, user.utf8.count, tooShort, tooShort.utf8.count, "", 0, nil)
    }

    // MARK: Files

    private enum Unlocking {
        case open(Secret?)
        case ended(Attempt)
    }

    /// Asks for the passphrase of an encrypted file, once the server has said that it would take the key.
    private func unlock(
        _ file: IdentityFile, for key: LoginCandidates.Key, _ link: SSHLink, _ secrets: any LoginSecrets,
        _ trail: inout LoginTrail
    ) async throws(SSHFailure) -> Unlocking {
        guard file.kind == .encrypted else { return .open(nil) }
        let isLocked = trail.hints.contains {
            $0 == .identityEncrypted(path: file.path) || $0 == .passphraseWrong(path: file.path)
        }
        if isLocked {
            trail.offered.removeLast()
            return .ended(.refused)
        }
        if let blob = key.blob {
            switch try await query(blob, link, &trail) {
            case .ended(let status): return .ended(try await judge(status, link, &trail))
            case .wanted:
                signer.state = .declined
                _ = try await settle(blob, link, trail)
            }
        }
        if let passphrase = try await ask(&trail, { await secrets.passphrase(forKey: file.path) }) {
            return .open(passphrase)
        }
        trail.offered.removeLast()
        trail.hints.append(.identityEncrypted(path: file.path))
        return .ended(.refused)
    }

    private func logIn(
        by file: IdentityFile, _ key: LoginCandidates.Key, _ passphrase: Secret?, _ link: SSHLink,
        _ trail: inout LoginTrail
    ) async throws(SSHFailure) -> Attempt {
        signer.state = .idle
        // With the public half given, libssh2 opens the private one only to sign: once instead of twice, and that is
        // slow on purpose where there is a passphrase. Without, it says whether it can be opened before it offers it.
        let isGiven = passphrase != nil || key.isCertificate
        var status = try await signFromMemory(file, isGiven ? key.blob : nil, passphrase, link, trail)
        if passphrase != nil && key.blob != nil && status == Int32(LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED) {
            status = try await signFromMemory(file, nil, passphrase, link, trail)
        }
        let answers = [
            0, LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED, LIBSSH2_ERROR_METHOD_NONE,
        ]
        if answers.contains(status) || meansConnectionLost(status) { return try await judge(status, link, &trail) }
        trail.offered.removeLast()
        let reason = link.lastMessage
        trail.hints.append(
            passphrase == nil
                ? .identityUnusable(path: file.path, reason: reason) : .passphraseWrong(path: file.path))
        return .refused
    }

    private func signFromMemory(
        _ file: IdentityFile, _ blob: [UInt8]?, _ passphrase: Secret?, _ link: SSHLink, _ trail: LoginTrail
    ) async throws(SSHFailure) -> Int32 {
        let user = target.user
        let open = blob.map { "\(keyType(ofBlob: $0) ?? "") \(Base64.encode($0))" }
        let text = String(decoding: file.text, as: UTF8.self)
        return Int32(
            try await perform(.login, on: link, until: trail.deadline) { session in
                Int(
                    libssh2_userauth_publickey_frommemory(
                        session, user, user.utf8.count, open, open?.utf8.count ?? 0, text, text.utf8.count,
                        passphrase?.reveal()))
            })
    }
}
