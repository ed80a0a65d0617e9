@testable import SSH

/// Where the tests run that wait for shells: a thread of their own, so that they do not hold up those of others, whose
/// logins have deadlines.
@globalActor
actor ShellThread {
    static let shared = ShellThread()
    private let reactor = SSHReactor()

    nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }
}
