// The words of SSHFailure. Branch on the cases, never on these.

extension SSHFailure: CustomStringConvertible {
    /// What happened, and after a line break each thing that can be done about it.
    public var description: String { ([summary] + advice).joined(separator: "\n") }

    /// One sentence: what was tried and what came back.
    public var summary: String {
        switch self {
        case .nameNotFound(let host, let reason, _): "the name '\(host)' has no address: \(reason)"
        case .refused(let host, let port): "\(host) refuses connections to port \(port)"
        case .unreachable(let host, let port, let reason): "\(host) port \(port) cannot be reached: \(reason)"
        case .sourceAddressUnusable(let address, let reason): "connections cannot come from '\(address)': \(reason)"
        case .proxyCommandFailed(let host, let status, let said):
            "the proxy command for \(host) ended \(status.words)" + (said.isEmpty ? "" : ": \(said)")
        case .deadline(let stage): "\(stage.activity) took longer than allowed"
        case .notAnSSHServer(let host, let port, let said):
            "\(host) port \(port) gave no SSH greeting, it said '\(said)'"
        case .noCommonAlgorithm(let reason): "the server and libssh2 agree on no key exchange: \(reason)"
        case .channelRefused(let reason): "the server opened no channel for a command: \(reason)"
        case .commandRefused(let reason): "the server started no command: \(reason)"
        case .becomeRefused(let program, let user, let refusal): refusal.summary(program, user: user)
        case .inputUnreadable(let path, let reason): "the input '\(path)' cannot be read: \(reason)"
        case .connectionLost(let stage, let reason): "the connection broke off during \(stage.noun): \(reason)"
        case .agentSilent(let key): "the SSH agent did not answer when it was asked to sign with \(key.words)"
        case .cancelled(let stage): "cancelled during \(stage.noun)"
        case .protocolError(let stage, let reason): "SSH went wrong during \(stage.noun): \(reason)"
        case .loginRefused(let user, let offered, let methods, let hints):
            Self.loginSummary(user: user, offered: offered, methods: methods, hints: hints)
        case .jump(let jump, let failure): "the way leads by the jump host \(jump): \(failure.summary)"
        case .forwardingRefused(let jump, let host, let port, let refusal):
            "the jump host \(jump) opens no connection to \(host) port \(port): \(refusal.words)"
        case .hostKeyUnknown, .hostKeyChanged, .hostKeyTypeChanged, .hostKeyRevoked, .hostKeyNotPinned,
            .pinUnreadable, .knownHostsUnreadable, .knownHostsNotWritten:
            hostKeySummary
        }
    }

    /// What the user can do, one line each; empty where the summary says all.
    public var advice: [String] {
        switch self {
        case .nameNotFound, .unreachable, .channelRefused, .commandRefused, .inputUnreadable, .protocolError,
            .cancelled, .knownHostsUnreadable, .knownHostsNotWritten:
            []
        case .sourceAddressUnusable: ["is it an address of this machine, and the bind address right?"]
        case .proxyCommandFailed(_, let status, _): status.mayPass ? [] : ["the shell could not start it"]
        case .jump(_, let failure): failure.advice
        case .forwardingRefused(let jump, let host, let port, let refusal):
            refusal.advice(jump: jump, host: host, port: port)
        case .becomeRefused(let program, let user, let refusal): refusal.advice(program, user: user)
        case .refused: ["is sshd running there, and is the port right?"]
        case .notAnSSHServer: ["is the port right, and is the server not overloaded (MaxStartups)?"]
        case .deadline(.answer), .connectionLost(.answer, _):
            ["the command may have run, in part or to its end"]
        case .agentSilent:
            ["where it asks for a confirmation, a PIN or a touch, that has to be given in time"]
        case .deadline(.connect): ["a firewall may be dropping packets"]
        case .deadline, .connectionLost: []
        case .noCommonAlgorithm:
            ["this is libssh2 \(LibSSH2.version); a newer one knows more algorithms"]
        case .hostKeyUnknown(let host, _, .firstContact(let file)):
            [
                "compare the fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_..._key.pub` on \(host)'s console",
                "then pin it in the inventory" + (file.map { ", add the key to \($0)" } ?? "")
                    + ", or use --accept-new-host-keys",
            ]
        case .hostKeyUnknown(_, _, .onlyCertificateAuthority(let source)):
            ["\(source) names a certificate authority, which libssh2 cannot check: pin the host's own key"]
        case .hostKeyChanged(let host, let expected, _):
            ["if \(host) was installed anew, remove \(Self.sources(expected)); otherwise somebody is in between"]
        case .hostKeyTypeChanged(let host, _, let got):
            [
                "if that key is \(host)'s too, add its \(got.type) key to the known hosts; "
                    + "otherwise somebody is in between",
                "libssh2 \(LibSSH2.version) cannot check every type: an ed25519 key always works",
            ]
        case .hostKeyRevoked: ["a known_hosts file marks this key as @revoked: do not trust that machine"]
        case .hostKeyNotPinned(let host, _, _):
            ["if \(host) was installed anew, pin its new key; otherwise somebody is in between"]
        case .pinUnreadable: ["write `SHA256:...` as `ssh-keygen -l` prints it, or `type base64` as in a .pub file"]
        case .loginRefused(let user, let offered, let methods, let hints):
            Self.loginAdvice(user: user, offered: offered, methods: methods, hints: hints)
        }
    }

    // MARK: Host keys

    private var hostKeySummary: String {
        switch self {
        case .hostKeyUnknown(let host, let got, _): "the host key of \(host) is not known: it showed \(got.words)"
        case .hostKeyChanged(let host, let expected, let got):
            "the host key of \(host) has changed: known is \(Self.list(expected)), it showed \(got.words)"
        case .hostKeyTypeChanged(let host, let known, let got):
            "\(host) shows a host key of another type than the known ones: known is \(Self.list(known)), "
                + "it showed \(got.words)"
        case .hostKeyRevoked(let host, let got): "\(host) shows a revoked host key: \(got.words)"
        case .hostKeyNotPinned(let host, let pinned, let got):
            "\(host) does not have the pinned host key: pinned is \(pinned), it showed \(got.words)"
        case .pinUnreadable(let host, let pinned): "the pinned host key of \(host) cannot be read: '\(pinned)'"
        case .knownHostsUnreadable(let path, let reason): "the known hosts in '\(path)' cannot be read: \(reason)"
        case .knownHostsNotWritten(let path, let reason):
            "the new host key could not be added to '\(path)': \(reason)"
        default: ""
        }
    }

    private static func list(_ keys: [HostKeyShown]) -> String { keys.map(\.words).joined(separator: ", ") }

    private static func sources(_ keys: [HostKeyShown]) -> String {
        keys.compactMap(\.source).joined(separator: ", ")
    }

    // MARK: Login

    /// More keys than these are counted in the summary and listed below it.
    private static let keysInSummary = 2

    private static func loginSummary(
        user: String, offered: [OfferedKey], methods: [String], hints: [LoginHint]
    ) -> String {
        let taken = methods.isEmpty ? "" : "; it takes \(methods.joined(separator: ", "))"
        var proofs = offered.count > keysInSummary ? ["\(offered.count) keys"] : offered.map(\.words)
        if hints.contains(where: \.isAboutSentPassword) { proofs.append("the password") }
        if proofs.isEmpty { return "no key could be offered to log in as '\(user)'" + taken }
        return "the server refuses the login as '\(user)' with \(proofs.joined(separator: ", "))" + taken
    }

    private static func loginAdvice(
        user: String, offered: [OfferedKey], methods: [String], hints: [LoginHint]
    ) -> [String] {
        var lines = offered.count > keysInSummary ? offered.map { "offered: \($0.words)" } : []
        lines += hints.map(\.words)
        if hints.contains(where: \.isAboutSentPassword) { return lines }
        let wantsMore = hints.contains { if case .serverWantsMore = $0 { true } else { false } }
        if !methods.isEmpty && !methods.contains("publickey") && !wantsMore {
            lines.append("the server takes no public keys from '\(user)'")
        } else if !offered.isEmpty && !wantsMore {
            lines.append("is one of the public keys in the authorized_keys of '\(user)' there?")
        }
        return lines
    }
}

extension HostKeyShown {
    var words: String { "\(type) \(fingerprint)" + (source.map { " (\($0))" } ?? "") }
}

extension ProxyStatus {
    var words: String {
        switch self {
        case .exited(let status): "with status \(status)"
        case .signalled(let signal): "by signal \(signal)"
        }
    }
}

extension ForwardingRefusal {
    /// By libssh2's words, because it gives no code.
    init(libssh2Words words: String) {
        switch words {
        case "Channel open failure (administratively prohibited)": self = .prohibited
        case "Channel open failure (connect failed)": self = .connectFailed
        case "Channel open failure (unknown channel type)": self = .unknownChannelType
        case "Channel open failure (resource shortage)": self = .resourceShortage
        default: self = .other(reason: words)
        }
    }

    var words: String {
        switch self {
        case .prohibited: "it is not allowed to"
        case .connectFailed: "it cannot connect itself"
        case .unknownChannelType: "it knows no forwarding"
        case .resourceShortage: "it is short of resources"
        case .other(let reason): reason
        }
    }

    func advice(jump: String, host: String, port: Int) -> [String] {
        switch self {
        case .prohibited, .unknownChannelType:
            ["does the sshd_config of \(jump) have AllowTcpForwarding, and PermitOpen for \(host):\(port)?"]
        case .connectFailed: ["does \(jump) know the name \(host), and is sshd running there?"]
        case .resourceShortage, .other: []
        }
    }
}

extension OfferedKey {
    var words: String { ([type, fingerprint] + ["(\(origin))"]).compactMap { $0 }.joined(separator: " ") }
}

extension LoginHint {
    var words: String {
        switch self {
        case .agentUnavailable(let reason): "the SSH agent cannot be asked: \(reason)"
        case .noAgentSocket: "there is no SSH agent (SSH_AUTH_SOCK is not set)"
        case .agentEmpty: "the SSH agent holds no keys, or is locked (`ssh-add` adds one, `ssh-add -X` unlocks)"
        case .agentRefusedToSign(let key):
            "the SSH agent refused to sign with \(key.words): not confirmed, locked, or bound to other hosts (ssh-add -h)"
        case .agentSignedOtherwise(let key, let algorithm):
            "the SSH agent signs with \(algorithm) alone, which was not asked for, with \(key.words)"
        case .identityMissing(let path): "the key file '\(path)' does not exist"
        case .identityUnreadable(let path, let reason): "the key file '\(path)' cannot be read: \(reason)"
        case .identityEncrypted(let path):
            "the key file '\(path)' has a passphrase: add it to the SSH agent with `ssh-add \(path)`"
        case .passphraseWrong(let path): "the passphrase of the key file '\(path)' is wrong"
        case .identityUnusable(let path, let reason): "the key file '\(path)' cannot be used: \(reason)"
        case .keyTypeUnsupported(let key, let version):
            "libssh2 \(LibSSH2.version) cannot log in with \(key.words): that takes \(version)"
        case .certificateUnusable(let path, let reason): "the certificate '\(path)' cannot be used: \(reason)"
        case .serverWantsMore(let key, let methods):
            "the server took \(key.words) and wants \(methods.joined(separator: " or ")) besides"
        case .signatureTypeRefused(let key): "the server takes no signatures of the kind that \(key.words) makes"
        case .rsaNeedsNewerLibrary(let version):
            "libssh2 \(version) signs RSA with SHA-1 alone, which OpenSSH 8.8 and newer refuse: "
                + "use an ed25519 or ecdsa key, or libssh2 1.11"
        case .serverStoppedListening(let count, let rest):
            "the server ended the connection after \(count) keys (MaxAuthTries): name the file of the right key, "
                + "or its .pub beside the agent"
                + (rest.isEmpty ? "" : "; not offered were \(rest.map(\.words).joined(separator: ", "))")
        case .passwordMissing: "a password is to be used, and there is none"
        case .passwordRefused(let method): "the server did not accept the password (\(method)); it is not tried again"
        case .passwordUnanswered(let method, let reason):
            "the server did not say whether the password (\(method)) is right: \(reason); it is not tried again"
        case .passwordExpired: "the password has expired: log in by hand and change it"
        case .passwordNotTaken: "the server takes no password"
        case .promptUnanswered(let prompt): "the server asked for more than a password: '\(prompt)'"
        }
    }

    /// Whether the server has seen the password.
    var isAboutSentPassword: Bool {
        switch self {
        case .passwordRefused, .passwordUnanswered, .passwordExpired: true
        default: false
        }
    }
}

extension SSHStage {
    /// "... took longer than allowed"
    var activity: String {
        switch self {
        case .resolve: "looking up the address"
        case .connect: "connecting"
        case .greeting: "waiting for the server's greeting"
        case .keyExchange: "the key exchange"
        case .hostKey: "checking the host key"
        case .login: "logging in"
        case .channel: "opening a channel"
        case .answer: "the answer of the command"
        }
    }

    /// "during ..."
    var noun: String {
        switch self {
        case .resolve: "the address lookup"
        case .connect: "the connection"
        case .greeting: "the greeting"
        case .keyExchange: "the key exchange"
        case .hostKey: "the check of the host key"
        case .login: "the login"
        case .channel: "the opening of a channel"
        case .answer: "the command"
        }
    }
}
