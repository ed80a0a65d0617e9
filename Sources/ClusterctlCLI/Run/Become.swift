import Engine
import Inventory
import SSH

/// The passwords by which nodes let users become root, one for all nodes that refer to the same.
struct BecomePasswords {
    private struct Key: Hashable {
        let user: String
        let origin: SecretOrigin
    }

    /// Whether there is one for every node, asked for on the terminal where the inventory names none.
    private let asks: Bool
    private let read: @Sendable (_ user: String, SecretOrigin) async -> Secret?
    private var known: [Key: SharedPassword] = [:]

    /// - Parameter read: has the password, from a person or from what the inventory refers to; nil where it cannot.
    init(asks: Bool, read: @escaping @Sendable (_ user: String, SecretOrigin) async -> Secret?) {
        self.asks = asks
        self.read = read
    }

    /// nil where the user that logs in needs nothing to be root.
    mutating func rootAccess(_ settings: SSHSettings, user: String) -> RootAccess? {
        let program: BecomeProgram
        switch settings.become(as: user) {
        case .nothing: return nil
        case .sudo: program = .sudo
        case .doas: program = .doas
        }
        guard let origin = settings.becomePassword ?? (asks ? .ask : nil) else { return RootAccess(program) }
        let key = Key(user: user, origin: origin)
        let password = known[key] ?? SharedPassword { [read] in await read(user, origin) }
        known[key] = password
        return RootAccess(program, secrets: password)
    }
}

/// A password that several nodes share: had once, when the first of them asks, and tried on that one before the others.
///
/// Once it is known to be wrong, no further node is tried with it: where the account is the same everywhere, each try
/// would count towards its being locked. Once it is known to be right somewhere, nobody waits.
actor SharedPassword: BecomeSecrets {
    private enum Standing {
        case untried
        case trying(on: String)
        case right
        case wrong(on: String)
        case unavailable
    }

    private let read: @Sendable () async -> Secret?
    private var secret: Secret?
    private var standing = Standing.untried
    private var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    private var lastWait = 0

    init(read: @escaping @Sendable () async -> Secret?) { self.read = read }

    func password(on host: String) async throws(BecomeRefusal) -> Secret {
        while true {
            switch standing {
            case .wrong(let other): throw .passwordWrongElsewhere(host: other)
            case .unavailable: throw Self.unavailable
            case .trying:
                await change()
                if Task.isCancelled { throw .passwordUnavailable(reason: "the run was cancelled") }
            case .untried, .right:
                if let secret, case .right = standing { return secret }
                standing = .trying(on: host)
                return try await had()
            }
        }
    }

    func settle(_ outcome: BecomeOutcome, on host: String) {
        switch (outcome, standing) {
        case (.right, _): standing = .right
        case (.wrong, .right): break
        case (.wrong, _): standing = .wrong(on: host)
        case (.unknown, .trying(host)): standing = .untried
        case (.unknown, _): break
        }
        wake()
    }

    private static let unavailable = BecomeRefusal.passwordUnavailable(
        reason: "there is no terminal to ask on, or what the inventory refers to cannot be read")

    private func had() async throws(BecomeRefusal) -> Secret {
        if let secret { return secret }
        guard let secret = await read() else {
            standing = .unavailable
            wake()
            throw Self.unavailable
        }
        self.secret = secret
        return secret
    }

    /// Waits until something is settled, or the task is cancelled.
    private func change() async {
        lastWait += 1
        let id = lastWait
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { return continuation.resume() }
                waiting[id] = continuation
            }
        } onCancel: {
            Task { await self.stop(id) }
        }
    }

    private func stop(_ id: Int) { waiting.removeValue(forKey: id)?.resume() }

    private func wake() {
        let all = waiting.values
        waiting = [:]
        for continuation in all { continuation.resume() }
    }
}
