import Foundation
import Testing

@testable import SSH

/// Connections over a local command: here an sshd that speaks on its standard input and output.
@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct ProxyCommandTests {
    private func target(_ server: ServerFixture, _ command: String) throws -> SSHTarget {
        var target = try server.target()
        target.route = .command(command)
        return target
    }

    /// Notes its id and its descriptors, and becomes an sshd.
    private func command(_ server: ServerFixture) -> String {
        let directory = server.directory
        return "sh -c 'echo $$ > \(directory)/id; ls /proc/self/fd > \(directory)/descriptors; "
            + "exec /usr/sbin/sshd -i -f \(directory)/config -E \(directory)/log'"
    }

    private func id(_ server: ServerFixture) throws -> pid_t {
        let text = try String(contentsOfFile: "\(server.directory)/id", encoding: .utf8)
        return try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    @Test func speaksOverACommandAndEndsIt() async throws {
        let server = try ServerFixture()
        server.stop()
        let connector = SSHConnector()
        let session = try await connector.connect(
            to: target(server, command(server)), deadline: .now + .seconds(60))
        let sent = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let collector = Collector()
        _ = try await session.execute(
            "cat", input: .bytes(sent), deadline: .now + .seconds(60), onOutput: collector.take)
        #expect(collector.bytes == sent)
        let process = try id(server)
        #expect(kill(process, 0) == 0)
        await session.close()
        await connector.close()
        #expect(kill(process, 0) != 0 && errno == ESRCH, "the command is left, or a zombie of it")
        let descriptors = try String(contentsOfFile: "\(server.directory)/descriptors", encoding: .utf8)
        // The last one is what the listing itself has open.
        #expect(descriptors.split(whereSeparator: \.isNewline) == ["0", "1", "2", "3"])
    }

    @Test(arguments: [
        ("sh -c 'echo no way >&2; exit 3'", ProxyStatus.exited(3), "no way"),
        ("sh -c 'kill -KILL $$'", .signalled(9), ""),
    ])
    func tellsHowACommandEnded(command: String, status: ProxyStatus, said: String) async throws {
        let server = try ServerFixture()
        #expect(
            await connectFailure(try target(server, command))
                == .proxyCommandFailed(host: "127.0.0.1", status: status, said: said))
    }

    @Test func tellsACommandThatIsNotThere() async throws {
        let failure = await connectFailure(try target(try ServerFixture(), "no-such-program-anywhere"))
        guard case .proxyCommandFailed("127.0.0.1", .exited(127), let said) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(said.contains("no-such-program-anywhere"))
    }

    @Test func doesNotBlameACommandForAServerThatRefuses() async throws {
        let server = try ServerFixture()
        var target = try target(server, command(server))
        target.hostKeys = HostKeyPolicy(knownHostsFiles: [])
        guard case .hostKeyUnknown = await connectFailure(target) else {
            Issue.record("another failure")
            return
        }
    }

    @Test func namesACommandThatEndsInTheMiddle() async throws {
        let server = try ServerFixture()
        let connector = SSHConnector()
        let session = try await connector.connect(
            to: target(server, command(server)), deadline: .now + .seconds(60))
        let process = try id(server)
        await #expect(
            throws: SSHFailure.connectionLost(
                stage: .answer, reason: "the proxy command for 127.0.0.1 ended by signal 9")
        ) {
            try await session.execute("echo begun; sleep 300", deadline: .now + .seconds(600)) { _ in
                kill(process, SIGKILL)
                return .goOn
            }
        }
        await session.close()
        await connector.close()
    }
}
