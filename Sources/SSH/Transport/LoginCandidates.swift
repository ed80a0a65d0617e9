#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// The keys that a login offers, in order.
struct LoginCandidates {
    enum Source: Equatable {
        case file(String)
        /// The public key, as the agent lists it.
        case agent([UInt8])
    }

    struct Key: Equatable {
        var shown: OfferedKey
        var source: Source
    }

    var keys: [Key] = []
    var agent: AgentClient?

    private static let defaultFiles = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"]

    /// Looks at files and agent; whatever cannot be offered becomes a hint.
    nonisolated(nonsending) static func gather(
        for target: SSHTarget, on reactor: SSHReactor, until deadline: ContinuousClock.Instant, hints: inout [LoginHint]
    ) async throws(SSHFailure) -> LoginCandidates {
        var candidates = LoginCandidates()
        var identities: [AgentClient.Identity] = []
        if target.login.useAgent {
            do {
                (candidates.agent, identities) = try await askAgent(of: target, on: reactor, until: deadline, &hints)
            } catch .cancelled {
                throw SSHFailure.cancelled(stage: .login)
            } catch .unavailable(let reason) {
                hints.append(.agentUnavailable(reason: reason))
            } catch {
                hints.append(.agentUnavailable(reason: "it does not answer"))
            }
        }
        let configured = !target.login.identityFiles.isEmpty
        let files = fromFiles(configured ? target.login.identityFiles : defaultFiles, configured, identities, &hints)
        let held = fromAgent(identities, without: files, &hints)
        candidates.keys = order(configured ? files + held : held + files)
        return candidates
    }

    private nonisolated(nonsending) static func askAgent(
        of target: SSHTarget, on reactor: SSHReactor, until deadline: ContinuousClock.Instant,
        _ hints: inout [LoginHint]
    ) async throws(AgentClient.Problem) -> (AgentClient?, [AgentClient.Identity]) {
        guard let path = target.login.agentSocketPath ?? getenv("SSH_AUTH_SOCK").map({ String(cString: $0) }), !path.isEmpty
        else {
            hints.append(.noAgentSocket)
            return (nil, [])
        }
        let agent = try await AgentClient.connect(to: LocalFile.expandHome(path), on: reactor, until: deadline)
        let identities = try await agent.identities(until: deadline)
        if identities.isEmpty { hints.append(.agentEmpty) }
        return (agent, identities)
    }

    /// An encrypted file whose key the agent holds is offered through the agent.
    private static func fromFiles(
        _ paths: [String], _ configured: Bool, _ identities: [AgentClient.Identity], _ hints: inout [LoginHint]
    ) -> [Key] {
        var keys: [Key] = []
        for path in paths.map(LocalFile.expandHome) {
            switch IdentityFile.read(path) {
            case nil:
                if configured { hints.append(.identityMissing(path: path)) }
            case .failure(let problem)?:
                hints.append(.identityUnreadable(path: path, reason: problem.reason))
            case .success(let file)?:
                switch file.kind {
                case .ready(let type):
                    let shown = OfferedKey(type: type ?? "unknown type", origin: path)
                    keys.append(Key(shown: shown, source: .file(path)))
                case .encrypted(let type):
                    if let key = file.publicKey, identities.contains(where: { $0.key == key }) {
                        let shown = OfferedKey(type: type ?? "unknown type", origin: "agent: \(path)")
                        keys.append(Key(shown: shown, source: .agent(key)))
                    } else {
                        hints.append(.identityEncrypted(path: path))
                    }
                case .unusable(let reason):
                    hints.append(.identityUnusable(path: path, reason: reason))
                }
            }
        }
        return keys
    }

    private static func fromAgent(
        _ identities: [AgentClient.Identity], without files: [Key], _ hints: inout [LoginHint]
    ) -> [Key] {
        var keys: [Key] = []
        for identity in identities where !files.contains(where: { $0.source == .agent(identity.key) }) {
            let type = keyType(ofBlob: identity.key) ?? "unknown type"
            let shown = OfferedKey(type: type, origin: "agent: \(identity.comment)")
            // Security keys and certificates carry signatures that libssh2 does not pass on everywhere.
            if shown.type.hasPrefix("sk-") || shown.type.contains("-cert-") {
                hints.append(.keyTypeUnsupported(shown))
            } else {
                keys.append(Key(shown: shown, source: .agent(identity.key)))
            }
        }
        return keys
    }

    private static func order(_ keys: [Key]) -> [Key] {
        if LibSSH2.signsRSAWithSHA2 { return keys }
        return keys.filter { $0.shown.type != "ssh-rsa" } + keys.filter { $0.shown.type == "ssh-rsa" }
    }
}
