import Engine
import Inventory
import SSH
import Synchronization
import Testing

@testable import ClusterctlCLI

@Suite struct BecomeTests {
    private final class Reads: Sendable { let count = Mutex(0) }

    private static func password(_ reads: Reads = Reads()) -> SharedPassword {
        SharedPassword {
            reads.count.withLock { $0 += 1 }
            return Secret("geheim")
        }
    }

    /// What each of five more hosts gets while `body` settles things.
    private static func others(
        _ password: SharedPassword, _ body: @Sendable @escaping () async -> Void
    ) async -> [BecomeRefusal?] {
        await withTaskGroup(of: BecomeRefusal?.self) { group in
            for index in 2...6 {
                group.addTask {
                    do throws(BecomeRefusal) {
                        _ = try await password.password(on: "n\(index)")
                        await password.settle(.right, on: "n\(index)")
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            await body()
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test func aPasswordThatIsRightServesAllAndIsReadOnce() async throws {
        let reads = Reads()
        let password = Self.password(reads)
        #expect(try await password.password(on: "n1").reveal() == "geheim")
        let refusals = await Self.others(password) { await password.settle(.right, on: "n1") }
        #expect(refusals == [nil, nil, nil, nil, nil])
        #expect(reads.count.withLock { $0 } == 1)
    }

    @Test func aPasswordThatIsWrongIsTriedOnOneHostOnly() async throws {
        let password = Self.password()
        _ = try await password.password(on: "n1")
        let refusals = await Self.others(password) { await password.settle(.wrong, on: "n1") }
        #expect(refusals == Array(repeating: .passwordWrongElsewhere(host: "n1"), count: 5))
    }

    @Test func aPasswordThatWasRightOnceIsWrongForOneHostOnly() async throws {
        let password = Self.password()
        _ = try await password.password(on: "n0")
        await password.settle(.right, on: "n0")
        _ = try await password.password(on: "n1")
        let refusals = await Self.others(password) { await password.settle(.wrong, on: "n1") }
        #expect(refusals == [nil, nil, nil, nil, nil])
    }

    @Test func anotherHostTriesWhenTheFirstIsLost() async throws {
        let password = Self.password()
        _ = try await password.password(on: "n1")
        let refusals = await Self.others(password) { await password.settle(.unknown, on: "n1") }
        #expect(refusals == [nil, nil, nil, nil, nil])
    }

    @Test func aPasswordThatCannotBeHadIsAskedForOnce() async throws {
        let reads = Reads()
        let password = SharedPassword {
            reads.count.withLock { $0 += 1 }
            return nil
        }
        let refusals = await Self.others(password) {}
        for refusal in refusals {
            guard case .passwordUnavailable? = refusal else {
                Issue.record("\(String(describing: refusal))")
                continue
            }
        }
        #expect(reads.count.withLock { $0 } == 1)
    }

    @Test func aCancelledHostWaitsNoLonger() async throws {
        let password = Self.password()
        _ = try await password.password(on: "n1")
        let waiting = Task { try await password.password(on: "n2") }
        waiting.cancel()
        await #expect(throws: BecomeRefusal.passwordUnavailable(reason: "the run was cancelled")) {
            try await waiting.value
        }
    }

    @Test func rootNeedsNothingAndOthersWhatTheInventorySays() {
        var passwords = BecomePasswords(asks: false) { _, _ in nil }
        var settings = SSHSettings()
        #expect(passwords.rootAccess(settings, user: "root") == nil)
        #expect(passwords.rootAccess(settings, user: "walter")?.program == .sudo)
        settings.become = .doas
        #expect(passwords.rootAccess(settings, user: "walter")?.program == .doas)
        settings.become = .nothing
        #expect(passwords.rootAccess(settings, user: "walter") == nil)
    }
}
