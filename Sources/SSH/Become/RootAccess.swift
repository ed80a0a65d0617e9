import Engine
import Synchronization

/// Where the password for sudo or doas comes from, when a node asks for it.
public protocol BecomeSecrets: Sendable {
    /// The password. After it was given, `settle` is called once for the same host.
    ///
    /// It may wait for what becomes of the same password on another host; it throws where the answer is known.
    func password(on host: String) async throws(BecomeRefusal) -> Secret
    func settle(_ outcome: BecomeOutcome, on host: String) async
}

/// What became of a password.
public enum BecomeOutcome: Sendable, Equatable {
    case right, wrong
    /// The connection broke, or the account is locked.
    case unknown

    init(of failure: SSHFailure) {
        switch failure {
        case .becomeRefused(_, _, .passwordWrong): self = .wrong
        case .becomeRefused(_, _, .notAllowed): self = .right
        default: self = .unknown
        }
    }
}

/// Makes the commands of one login root's, and remembers what the node showed to need.
///
/// Without a password, and where the last command was not asked for one, a command costs what it costs without root.
/// Where a password is asked for, the command gets its input only after the node said that root's shell was reached.
public final class RootAccess: Sendable {
    private struct Memory {
        var asks: Bool
        var needsTerminal = false
    }

    public let program: BecomeProgram
    private let secrets: (any BecomeSecrets)?
    private let patience: Duration
    private let memory: Mutex<Memory>

    /// - Parameter patience: bounds the time to a question, and from its answer to the command's start.
    public init(_ program: BecomeProgram, secrets: (any BecomeSecrets)? = nil, patience: Duration = .seconds(30)) {
        self.program = program
        self.secrets = secrets
        self.patience = patience
        memory = Mutex(Memory(asks: secrets != nil))
    }

    /// Runs one simple command (words, no pipes) as root; otherwise as `SSHSession.execute`.
    ///
    /// Throws `.becomeRefused` when it did not become root's; it has not run then.
    public func execute(
        _ command: String, on session: SSHSession, input: SSHInput = .none, deadline: ContinuousClock.Instant,
        silence: Duration? = nil, onOutput: @Sendable (ArraySlice<UInt8>) -> OutputDecision
    ) async throws(SSHFailure) -> ExecResult {
        let known = memory.withLock { ($0.asks, $0.needsTerminal) }
        if known == (false, false),
            let result = try await unasked(
                command, on: session, input: input, deadline: deadline, silence: silence, onOutput: onOutput)
        {
            return result
        }
        if !memory.withLock(\.needsTerminal) {
            do throws(SSHFailure) {
                return try await attended(
                    command, on: session, input: input, deadline: deadline, silence: silence, onOutput: onOutput)
            } catch {
                guard case .becomeRefused(_, _, .terminalNeeded) = error else { throw error }
                memory.withLock { $0.needsTerminal = true }
            }
        }
        return try await attended(
            command, on: session, input: input, deadline: deadline, silence: silence, onOutput: onOutput)
    }

    /// nil when it did not begin, and another way may lead further.
    private func unasked(
        _ command: String, on session: SSHSession, input: SSHInput, deadline: ContinuousClock.Instant,
        silence: Duration?, onOutput: @Sendable (ArraySlice<UInt8>) -> OutputDecision
    ) async throws(SSHFailure) -> ExecResult? {
        let hasBegun = Mutex(false)
        let result = try await session.execute(
            BecomeCommand.unasked(program, command), input: input, deadline: deadline,
            silence: silence
        ) { bytes in
            hasBegun.withLock { $0 = true }
            return onOutput(bytes)
        }
        guard !hasBegun.withLock({ $0 }), let refusal = BecomeRefusal(unasked: program, result) else { return result }
        switch refusal {
        case .terminalNeeded: memory.withLock { $0.needsTerminal = true }
        case .passwordNeeded where secrets != nil: memory.withLock { $0.asks = true }
        default: throw .becomeRefused(program: program, user: session.target.user, refusal)
        }
        return nil
    }

    private func attended(
        _ command: String, on session: SSHSession, input: SSHInput, deadline: ContinuousClock.Instant,
        silence: Duration?, onOutput: @Sendable (ArraySlice<UInt8>) -> OutputDecision
    ) async throws(SSHFailure) -> ExecResult {
        let command = BecomeCommand(program: program, command: command, nonce: ShellProgram.makeNonce())
        let asks = secrets != nil
        // doas reads a password from nothing but a terminal.
        let onTerminal = memory.withLock(\.needsTerminal) || (asks && program == .doas)
        let line =
            onTerminal
            ? command.onTerminal(inputBytes: try input.sizeBytes(), asks: asks) : command.overPipes(asks: asks)
        let attendance = Attendance(
            command: command,
            terminal: onTerminal
                ? TerminalOutput(marker: command.errors, errorLimitBytes: SSHSession.stderrLimitBytes) : nil,
            secrets: secrets, patience: patience,
            onBegin: { wasAsked in self.memory.withLock { $0.asks = wasAsked } })
        return try await session.execute(
            line, attendance: attendance, input: input, deadline: deadline, silence: silence, onOutput: onOutput)
    }
}
