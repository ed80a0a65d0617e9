import Foundation
import Testing

@testable import SSH

/// Servers that fall silent while their machine, as the network sees it, still stands.
@Suite(.enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct KeepAliveTests {
    private let brisk = SSHTarget.KeepAlive(interval: .seconds(2), tolerated: 2)

    private func failureOfACommand(
        _ target: SSHTarget, whenBegun: @escaping @Sendable () -> Void
    ) async throws -> SSHFailure? {
        let connector = SSHConnector()
        let session = try await connector.connect(to: target, deadline: .now + .seconds(60))
        do throws(SSHFailure) {
            _ = try await session.execute("echo begun; sleep 600", deadline: .now + .seconds(300)) { _ in
                whenBegun()
                return .goOn
            }
            return nil
        } catch {
            return error
        }
    }

    @Test func noticesAServerThatStops() async throws {
        let server = try ServerFixture()
        defer { server.cutConnections() }
        var target = try server.target()
        target.keepAlive = brisk
        let failure = try await failureOfACommand(target) { server.pauseConnections() }
        guard case .connectionLost(.answer, let reason) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(reason.hasPrefix("no sign of life for "))
    }

    @Test func noticesAJumpHostThatStops() async throws {
        let (jump, node) = (try ServerFixture(), try ServerFixture())
        defer { jump.cutConnections() }
        var by = try jump.target()
        by.keepAlive = brisk
        var target = try node.target()
        target.keepAlive = .none
        target.route = .jump(by)
        let failure = try await failureOfACommand(target) { jump.pauseConnections() }
        guard case .connectionLost(.answer, let reason) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(reason.hasPrefix("the connection to the jump host 127.0.0.1 is gone, no sign of life for "))
    }

    @Test func leavesACommandAloneThatOnlySaysNothing() async throws {
        let server = try ServerFixture()
        var target = try server.target()
        target.keepAlive = brisk
        let session = try await server.connect(target)
        let (result, output) = try await session.run("sleep 9; echo done")
        #expect(output == "done\n" && result.exitStatus == 0)
        await session.close()
    }

    @Test func asksAndGivesUpInTime() {
        let start = ContinuousClock.now
        var pulse = Pulse(SSHTarget.KeepAlive(interval: .seconds(10), tolerated: 3), now: start)
        #expect(pulse.nextLook == start + .seconds(10))
        #expect(pulse.look(at: start + .seconds(5)) == .alive)
        #expect(pulse.look(at: start + .seconds(10)) == .ask)
        #expect(pulse.look(at: start + .seconds(11)) == .alive)
        #expect(pulse.look(at: start + .seconds(20)) == .ask)
        pulse.beat(at: start + .seconds(21))
        // Who has slept for an hour asks before it judges.
        #expect(pulse.look(at: start + .seconds(3600)) == .ask)
        #expect(pulse.look(at: start + .seconds(3610)) == .ask)
        #expect(pulse.look(at: start + .seconds(3620)) == .gone(silence: .seconds(3599)))
        #expect(Pulse(.none, now: start).nextLook == nil)
    }
}
