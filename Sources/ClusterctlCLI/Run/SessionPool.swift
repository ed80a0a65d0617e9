import Engine
import SSH

/// Open sessions, a few a node: one command at a time on each, used again while they are whole.
actor SessionPool {
    struct Access: Sendable {
        let target: SSHTarget
        /// nil: the user that logs in is root already.
        let root: RootAccess?
    }

    private let connector: SSHConnector
    private let access: [NodeName: Access]
    private var idle: [NodeName: [SSHSession]] = [:]
    private var closing: [Task<Void, Never>] = []
    /// Nodes that have let us in with a key during this run: when they do not later, they are starting or stopping.
    private var known: Set<NodeName> = []
    /// Logins under way at once in all; more only queue on the machine's own cores.
    private var loginsFree: Int
    private var loginQueue: [CheckedContinuation<Void, Never>] = []

    init(access: [NodeName: Access], connector: SSHConnector, loginsAtOnce: Int = 64) {
        self.connector = connector
        self.access = access
        self.loginsFree = loginsAtOnce
    }

    /// Whether the login itself is root's, so that no sudo stands before a command and logs it.
    nonisolated func isRootsAlready(_ node: NodeName) -> Bool { access[node].map { $0.root == nil } ?? false }

    /// Runs one simple command as root: the one way in which anything is run on a node.
    nonisolated func execute(
        _ command: String, on session: SSHSession, of node: NodeName, input: SSHInput,
        deadline: ContinuousClock.Instant, silence: Duration? = nil,
        onOutput: @Sendable (ArraySlice<UInt8>) -> OutputDecision
    ) async throws(SSHFailure) -> ExecResult {
        guard let root = access[node]?.root else {
            return try await session.execute(
                command, input: input, deadline: deadline, silence: silence, onOutput: onOutput)
        }
        return try await root.execute(
            command, on: session, input: input, deadline: deadline, silence: silence, onOutput: onOutput)
    }

    /// A session that nobody else uses; made when none is idle, and always made when `fresh`.
    func session(_ node: NodeName, fresh: Bool) async throws(LinkFailure) -> SSHSession {
        if !fresh, let session = await takeIdle(node) { return session }
        guard let target = access[node]?.target else {
            throw LinkFailure(kind: .refused, message: "\(node) has no SSH address")
        }
        await takeLogin()
        defer { giveLogin() }
        do {
            let session = try await connector.connect(to: target, deadline: .now + target.connectTimeout * 3)
            if !target.login.usesPassword { known.insert(node) }
            return session
        } catch {
            switch error {
            case .loginRefused where known.contains(node), .notAnSSHServer where known.contains(node):
                throw LinkFailure(kind: .unreachable, message: error.description)
            default: throw LinkFailure(error)
            }
        }
    }

    /// A session that nobody uses and whose connection stands, as far as the operating system knows; nil when there is none.
    func takeIdle(_ node: NodeName) async -> SSHSession? {
        while let session = idle[node]?.popLast() {
            if await session.isWhole { return session }
            retire(session)
        }
        return nil
    }

    func hasIdle(_ node: NodeName) -> Bool { idle[node]?.isEmpty == false }

    func putBack(_ session: SSHSession, of node: NodeName) { idle[node, default: []].append(session) }

    /// Closes a session that nobody uses any more, without waiting for it here.
    func retire(_ session: SSHSession) {
        closing.append(Task { await session.close() })
    }

    /// Closes everything and waits for it: a thread that still speaks SSH while the process exits meets a crypto library that is gone.
    func closeAll() async {
        let sessions = idle.values.joined()
        idle = [:]
        await withDiscardingTaskGroup { group in
            for session in sessions { group.addTask { await session.close() } }
        }
        for task in closing { await task.value }
        closing = []
        await connector.close()
    }

    private func takeLogin() async {
        if loginsFree > 0 {
            loginsFree -= 1
        } else {
            await withCheckedContinuation { loginQueue.append($0) }
        }
    }

    private func giveLogin() {
        if loginQueue.isEmpty { loginsFree += 1 } else { loginQueue.removeFirst().resume() }
    }
}

extension LinkFailure {
    init(_ failure: SSHFailure) {
        let kind: Kind
        switch failure {
        case .jump(_, let cause): kind = LinkFailure(cause).kind
        case .forwardingRefused, .proxyCommandFailed: kind = failure.mayRetry ? .unreachable : .refused
        case .nameNotFound(_, _, let temporary): kind = temporary ? .unreachable : .refused
        case .refused, .unreachable, .deadline, .connectionLost, .channelRefused, .cancelled: kind = .unreachable
        case .protocolError(let stage, _): kind = stage.precedesCommand ? .unreachable : .garbled
        case .notAnSSHServer, .noCommonAlgorithm, .hostKeyUnknown, .hostKeyChanged, .hostKeyTypeChanged,
            .hostKeyRevoked, .hostKeyNotPinned, .pinUnreadable, .knownHostsUnreadable, .knownHostsNotWritten,
            .loginRefused, .agentSilent, .commandRefused, .becomeRefused, .inputUnreadable, .sourceAddressUnusable:
            kind = .refused
        }
        self.init(kind: kind, message: failure.description)
    }
}
