#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// The keys that a login offers, in order.
struct LoginCandidates {
    enum Signer: Equatable {
        /// The agent, with the key that it lists so.
        case agent([UInt8])
        case file(IdentityFile)
    }

    struct Key: Equatable {
        var shown: OfferedKey
        /// The public key or certificate; nil when only libssh2 can work it out, from the private half.
        var blob: [UInt8]?
        var signer: Signer
    }

    var keys: [Key] = []
    var agent: AgentClient?
    var hints: [LoginHint] = []

    /// OpenSSH's, in its order. Where one of them does not exist nobody misses it.
    static let defaultFiles = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"].map {
        "~/.ssh/" + $0
    }

    /// Looks at files and agent; whatever cannot be offered becomes a hint.
    nonisolated(nonsending) static func gather(
        for target: SSHTarget, on reactor: SSHReactor, until deadline: ContinuousClock.Instant
    ) async throws(SSHFailure) -> LoginCandidates {
        var candidates = LoginCandidates()
        var identities: [AgentClient.Identity] = []
        if target.login.useAgent {
            do throws(AgentClient.Problem) {
                // Listing needs no confirmation: an agent that is slow here must not take the time of the whole login.
                let soon = min(deadline, ContinuousClock.now + target.connectTimeout)
                identities = try await candidates.askAgent(of: target, on: reactor, until: soon)
            } catch .cancelled {
                throw SSHFailure.cancelled(stage: .login)
            } catch .unavailable(let reason) {
                candidates.hints.append(.agentUnavailable(reason: reason))
            } catch {
                candidates.hints.append(.agentUnavailable(reason: "it does not answer"))
            }
        }
        candidates.arrange(target.login, identities)
        return candidates
    }

    private nonisolated(nonsending) mutating func askAgent(
        of target: SSHTarget, on reactor: SSHReactor, until deadline: ContinuousClock.Instant
    ) async throws(AgentClient.Problem) -> [AgentClient.Identity] {
        let path = target.login.agentSocketPath ?? getenv("SSH_AUTH_SOCK").map { String(cString: $0) }
        guard let path, !path.isEmpty else {
            hints.append(.noAgentSocket)
            return []
        }
        let agent = try await AgentClient.connect(to: LocalFile.expandHome(path), on: reactor, until: deadline)
        let identities = try await agent.identities(until: deadline)
        if identities.isEmpty { hints.append(.agentEmpty) }
        self.agent = agent
        return identities
    }

    /// OpenSSH's order: listed certificates; keys of the agent that a file names; other keys of the agent; files.
    ///
    /// One thing differs. A file that was named and needs no passphrase goes before the agent's other keys: servers
    /// listen to a few keys only (MaxAuthTries), and whoever names a file means that one.
    mutating func arrange(_ login: SSHLogin, _ identities: [AgentClient.Identity]) {
        let isDefault = login.identityFiles.isEmpty
        let paths = isDefault ? Self.defaultFiles : login.identityFiles
        let files = paths.map(LocalFile.expandHome).map(IdentityFile.read)

        let listed = certificates(login.certificateFiles, files, identities)
        var matched: [Key] = []
        for identity in identities {
            guard
                let file = files.first(where: { $0.publicKey == identity.key || $0.certificate?.blob == identity.key })
            else { continue }
            let own = Key(identity.key, origin: "agent: \(file.path)", .agent(identity.key))
            if let certificate = file.certificate, login.certificateFiles.isEmpty, certificate.blob != identity.key {
                matched.append(Key(certificate.blob, origin: "agent: \(file.path)", .agent(identity.key)))
            }
            matched.append(own)
        }
        let others =
            login.identitiesOnly ? [] : identities.map { Key($0.key, origin: "agent: \($0.comment)", .agent($0.key)) }
        var named: [Key] = []
        var last: [Key] = []
        for file in files where !identities.contains(where: { $0.key == file.publicKey }) {
            guard let keys = own(file, isDefault: isDefault, besideCertificate: login.certificateFiles.isEmpty) else {
                continue
            }
            if file.kind == .ready && !isDefault { named += keys } else { last += keys }
        }
        for group in [listed, matched, named, others, last] {
            let certified = group.filter(\.isCertificate)
            for key in certified + group.filter({ !$0.isCertificate }) { add(key) }
        }
        if !LibSSH2.signsRSAWithSHA2 {
            keys = keys.filter { $0.shown.type != "ssh-rsa" } + keys.filter { $0.shown.type == "ssh-rsa" }
        }
    }

    /// Each key once, and none that this libssh2 cannot log in with.
    private mutating func add(_ key: Key) {
        if let blob = key.blob, keys.contains(where: { $0.blob == blob }) { return }
        guard let version = LibSSH2.versionNeeded(forType: key.shown.type) else { return keys.append(key) }
        let hint = LoginHint.keyTypeUnsupported(key.shown, neededVersion: version)
        if !hints.contains(hint) { hints.append(hint) }
    }

    /// What a file offers by itself: the certificate beside it, then the key; nil, with a hint, when it offers nothing.
    private mutating func own(_ file: IdentityFile, isDefault: Bool, besideCertificate: Bool) -> [Key]? {
        switch file.kind {
        case .missing:
            if file.publicKey != nil {
                let reason = "there is only its .pub, and the SSH agent does not hold the key"
                hints.append(.identityUnusable(path: file.path, reason: reason))
            } else if !isDefault {
                hints.append(.identityMissing(path: file.path))
            }
        case .unreadable(let reason): hints.append(.identityUnreadable(path: file.path, reason: reason))
        case .unusable(let reason): hints.append(.identityUnusable(path: file.path, reason: reason))
        case .ready, .encrypted:
            if let type = file.type, type.hasPrefix("sk-") {
                let reason = "libssh2 uses security keys through the SSH agent alone: `ssh-add \(file.path)`"
                hints.append(.identityUnusable(path: file.path, reason: reason))
                return nil
            }
            var keys: [Key] = []
            if besideCertificate, let certificate = file.certificate {
                keys.append(Key(certificate.blob, origin: file.path, .file(file)))
            }
            keys.append(Key(file.publicKey, type: file.type, origin: file.path, .file(file)))
            return keys
        }
        return nil
    }

    /// The listed certificates, each with whoever has its private key.
    private mutating func certificates(
        _ paths: [String], _ files: [IdentityFile], _ identities: [AgentClient.Identity]
    ) -> [Key] {
        var keys: [Key] = []
        for path in paths.map(LocalFile.expandHome) {
            guard let blob = IdentityFile.readPublic(path) else {
                hints.append(.certificateUnusable(path: path, reason: "it cannot be read"))
                continue
            }
            do throws(UserCertificate.Problem) {
                let certificate = try UserCertificate(blob)
                if let held = identities.first(where: { $0.key == blob || $0.key == certificate.key }) {
                    keys.append(Key(blob, origin: path, .agent(held.key)))
                } else if let file = files.first(where: { $0.holds(certificate, at: path) }) {
                    keys.append(Key(blob, origin: path, .file(file)))
                } else {
                    let reason = "neither the identity files nor the SSH agent hold its private key"
                    hints.append(.certificateUnusable(path: path, reason: reason))
                }
            } catch .ofAHost {
                hints.append(.certificateUnusable(path: path, reason: "it is the certificate of a host"))
            } catch {
                hints.append(.certificateUnusable(path: path, reason: "it is no certificate of OpenSSH's format"))
            }
        }
        return keys
    }
}

extension IdentityFile {
    /// Whether this is the private key of the certificate; without a public half the names decide, as in OpenSSH.
    fileprivate func holds(_ certificate: UserCertificate, at certificatePath: String) -> Bool {
        guard kind == .ready || kind == .encrypted else { return false }
        return publicKey.map { $0 == certificate.key } ?? (certificatePath == path + "-cert.pub")
    }
}

extension OfferedKey {
    static let unknownType = "a key of unknown type"
}

extension LoginCandidates.Key {
    fileprivate init(_ blob: [UInt8]?, type: String? = nil, origin: String, _ signer: LoginCandidates.Signer) {
        let plain = blob.map { (try? UserCertificate($0))?.key ?? $0 }
        shown = OfferedKey(
            type: blob.flatMap(keyType) ?? type ?? OfferedKey.unknownType, origin: origin,
            fingerprint: plain.map(fingerprintSHA256))
        self.blob = blob
        self.signer = signer
    }

    var isCertificate: Bool { UserCertificate.isCertificate(type: shown.type) }
}
