/// Why a session or a command came to nothing; the words are in SSHFailure+Message.swift.
///
/// No case carries key material, commands or their input.
public enum SSHFailure: Error, Sendable, Equatable {
    case nameNotFound(host: String, reason: String, temporary: Bool)
    case refused(host: String, port: Int)
    /// The network gave an error before or during the connection.
    case unreachable(host: String, port: Int, reason: String)
    /// No connection can come from the address that the target names.
    case sourceAddressUnusable(address: String, reason: String)
    /// The command that is to carry the connection ended.
    case proxyCommandFailed(host: String, status: ProxyStatus, said: String)
    /// The stage did not end before its deadline. In `.answer` the command may have run.
    case deadline(stage: SSHStage)
    /// A line came instead of a greeting. OpenSSH does so too while it has too many logins pending (MaxStartups).
    case notAnSSHServer(host: String, port: Int, said: String)
    case noCommonAlgorithm(reason: String)
    case hostKeyUnknown(host: String, got: HostKeyShown, hint: HostKeyHint)
    case hostKeyChanged(host: String, expected: [HostKeyShown], got: HostKeyShown)
    /// The host is known, but only by keys of other types: never taken for a new host.
    case hostKeyTypeChanged(host: String, known: [HostKeyShown], got: HostKeyShown)
    case hostKeyRevoked(host: String, got: HostKeyShown)
    case hostKeyNotPinned(host: String, pinned: String, got: HostKeyShown)
    case pinUnreadable(host: String, pinned: String)
    case knownHostsUnreadable(path: String, reason: String)
    case knownHostsNotWritten(path: String, reason: String)
    case loginRefused(user: String, offered: [OfferedKey], serverMethods: [String], hints: [LoginHint])
    /// The agent was asked to sign with that key and had not answered when the time for the login was up.
    case agentSilent(key: OfferedKey)
    /// The connection broke, or was closed on our side. In `.answer` the command may have run.
    case connectionLost(stage: SSHStage, reason: String)
    case channelRefused(reason: String)
    case commandRefused(reason: String)
    /// The command did not become root's, and has not run.
    case becomeRefused(program: BecomeProgram, user: String, BecomeRefusal)
    case inputUnreadable(path: String, reason: String)
    case cancelled(stage: SSHStage)
    case protocolError(stage: SSHStage, reason: String)
    /// The way led by that jump host, and came to an end there.
    indirect case jump(host: String, SSHFailure)
    /// The jump host opens no connection to the target.
    case forwardingRefused(jump: String, host: String, port: Int, ForwardingRefusal)

    /// Whether the command may have been begun on the node, so that only the node can tell what came of it.
    public var mayHaveRun: Bool {
        switch self {
        case .deadline(let stage), .connectionLost(let stage, _), .cancelled(let stage), .protocolError(let stage, _):
            !stage.precedesCommand
        case .jump(_, let failure): failure.mayHaveRun
        case .nameNotFound, .refused, .unreachable, .notAnSSHServer, .noCommonAlgorithm, .hostKeyUnknown,
            .hostKeyChanged, .hostKeyTypeChanged, .hostKeyRevoked, .hostKeyNotPinned, .pinUnreadable,
            .knownHostsUnreadable, .knownHostsNotWritten, .loginRefused, .agentSilent, .channelRefused, .commandRefused,
            .becomeRefused, .inputUnreadable, .forwardingRefused, .sourceAddressUnusable, .proxyCommandFailed:
            false
        }
    }

    /// Whether the same attempt may succeed later, and repeating it cannot run a command twice.
    public var mayRetry: Bool {
        switch self {
        case .nameNotFound(_, _, let temporary): temporary
        case .refused, .unreachable, .channelRefused, .notAnSSHServer: true
        case .deadline(let stage), .connectionLost(let stage, _): stage.precedesCommand
        case .noCommonAlgorithm, .hostKeyUnknown, .hostKeyChanged, .hostKeyTypeChanged,
            .hostKeyRevoked, .hostKeyNotPinned, .pinUnreadable, .knownHostsUnreadable, .knownHostsNotWritten,
            .loginRefused, .agentSilent, .commandRefused, .becomeRefused, .inputUnreadable, .cancelled, .protocolError,
            .sourceAddressUnusable:
            false
        case .proxyCommandFailed(_, let status, _): status.mayPass
        case .jump(_, let failure): failure.mayRetry
        case .forwardingRefused(_, _, _, let refusal): refusal == .connectFailed || refusal == .resourceShortage
        }
    }
}

/// How a proxy command ended.
public enum ProxyStatus: Sendable, Hashable {
    case exited(Int32)
    case signalled(Int32)

    /// Not for a command that the shell could not start.
    var mayPass: Bool { self != .exited(126) && self != .exited(127) }
}

/// Why a jump host opens no connection (RFC 4254, section 5.1).
public enum ForwardingRefusal: Sendable, Hashable {
    case prohibited, connectFailed, unknownChannelType, resourceShortage
    case other(reason: String)
}

/// A host key as errors show it: never the key, always its type and OpenSSH's fingerprint.
public struct HostKeyShown: Sendable, Hashable {
    public var type: String
    /// `SHA256:` and unpadded base64.
    public var fingerprint: String
    /// `file:line` of a stored key; nil for the one that the server showed.
    public var source: String?

    public init(type: String, fingerprint: String, source: String? = nil) {
        self.type = type
        self.fingerprint = fingerprint
        self.source = source
    }
}

/// What is particular about an unknown host.
public enum HostKeyHint: Sendable, Hashable {
    /// No file knows the host; the first file that was looked at, if any.
    case firstContact(knownHostsFile: String?)
    /// Only a certificate authority vouches for the host, and libssh2 takes no host certificates.
    case onlyCertificateAuthority(source: String)
}

/// A key that was offered to the server, or that could not be.
public struct OfferedKey: Sendable, Hashable {
    /// `ssh-ed25519` and so on.
    public var type: String
    /// The file, or `agent: comment`.
    public var origin: String
    /// `SHA256:` and unpadded base64; nil when only the private half is there to be read.
    public var fingerprint: String?

    public init(type: String, origin: String, fingerprint: String? = nil) {
        self.type = type
        self.origin = origin
        self.fingerprint = fingerprint
    }
}

/// Why a login had less to offer than the user may think.
public enum LoginHint: Sendable, Hashable {
    case agentUnavailable(reason: String)
    case noAgentSocket
    case agentEmpty
    case agentRefusedToSign(OfferedKey)
    /// The agent used another algorithm than the one that was agreed on with the server.
    case agentSignedOtherwise(OfferedKey, algorithm: String)
    case identityMissing(path: String)
    case identityUnreadable(path: String, reason: String)
    /// The server would take the key, but nobody gave the passphrase.
    case identityEncrypted(path: String)
    case passphraseWrong(path: String)
    case identityUnusable(path: String, reason: String)
    /// This libssh2 is too old for keys or certificates of that type.
    case keyTypeUnsupported(OfferedKey, neededVersion: String)
    case certificateUnusable(path: String, reason: String)
    /// The server took the key and wants one of these methods besides.
    case serverWantsMore(after: OfferedKey, methods: [String])
    /// The server takes no signatures of the kind that this key makes.
    case signatureTypeRefused(OfferedKey)
    /// This libssh2 signs RSA with SHA-1 alone, which OpenSSH 8.8 and newer refuse.
    case rsaNeedsNewerLibrary(version: String)
    /// The server ended the connection before all keys were offered (MaxAuthTries).
    case serverStoppedListening(afterKeys: Int, notOffered: [OfferedKey])
    case passwordMissing
    /// Said once and never tried again: accounts are locked after a few wrong passwords.
    case passwordRefused(method: String)
    /// The password was sent; the connection broke off or the time was up before the server judged it.
    case passwordUnanswered(method: String, reason: String)
    case passwordExpired
    case passwordNotTaken
    /// The server asked for something that no password answers; printable and cut.
    case promptUnanswered(String)
}
