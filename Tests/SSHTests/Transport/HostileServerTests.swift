import Foundation
import Synchronization
import Testing

@testable import SSH

/// Servers that are none: one must not hold up the others, which share a thread with it.
@Suite(.enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct HostileServerTests {
    @Test(arguments: [
        "hello\r\n", "hello", "\0", "SSH-2.0-x\r\n", "SSH-2.0-x\r\n\u{1}\u{1}\u{1}\u{1}",
    ])
    func doesNotHoldUpOthersThoughItNeverStopsTalking(text: String) async throws {
        let server = try ServerFixture()
        let hostile = try EndlessServer(saying: text)
        defer { hostile.stop() }
        var target = try server.target()
        target.port = hostile.port
        target.connectTimeout = .seconds(2)
        let connector = SSHConnector()
        async let failure = Self.failure(of: target, by: connector)
        await hostile.hasBegun()
        let session = try await connector.connect(to: server.target(), deadline: .now + .seconds(60))
        #expect(try await session.run("echo here").output == "here\n")
        await session.close()
        #expect(await failure != nil)
        #expect(!hostile.hasGivenUp, "only when it stopped by itself")
    }

    private static func failure(of target: SSHTarget, by connector: SSHConnector) async -> SSHFailure? {
        do throws(SSHFailure) {
            await (try connector.connect(to: target, deadline: .now + .seconds(60))).close()
            return nil
        } catch { return error }
    }
}

/// Says the same again and again to whoever connects, for half a minute at most, so that nothing waits for ever.
private final class EndlessServer: Sendable {
    private let listener = Mutex<Listener?>(nil)
    private let state = Mutex((hasBegun: false, isStopped: false, hasGivenUp: false))
    let port: Int

    init(saying text: String) throws {
        let listener = try Listener()
        port = listener.port
        self.listener.withLock { $0 = listener }
        let line = Array(String(repeating: text, count: 65536 / text.utf8.count).utf8)
        Thread.detachNewThread {
            let connection = accept(listener.descriptor, nil, nil)
            let end = ContinuousClock.now + .seconds(30)
            while !self.state.withLock(\.isStopped), send(connection, line, line.count, Int32(MSG_NOSIGNAL)) > 0 {
                self.state.withLock { $0.hasBegun = true }
                guard end < .now else { continue }
                self.state.withLock { $0.hasGivenUp = true }
                break
            }
            self.state.withLock { $0.hasBegun = true }
            close(connection)
        }
    }

    var hasGivenUp: Bool { state.withLock(\.hasGivenUp) }
    func stop() { state.withLock { $0.isStopped = true } }

    func hasBegun() async {
        while !state.withLock(\.hasBegun) { try? await Task.sleep(for: .milliseconds(20)) }
    }
}
