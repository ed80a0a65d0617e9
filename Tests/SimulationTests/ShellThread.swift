@testable import SSH

// Where the tests run that wait for shells, or that compute for long: threads of their own, so that they do not hold up
// those of others, whose logins have deadlines.

@globalActor
actor ShellThread {
    static let shared = ShellThread()
    private let reactor = SSHReactor()

    nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }
}

/// The guard's tests mostly wait for its timers: beside the other shells, not after them.
@globalActor
actor GuardThread {
    static let shared = GuardThread()
    private let reactor = SSHReactor()

    nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }
}

@globalActor
actor ClimbThread {
    static let shared = ClimbThread()
    private let reactor = SSHReactor()

    nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }
}
