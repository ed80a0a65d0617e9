import Foundation
import Testing

@testable import SSH

/// Servers that cannot be reached, do not speak, or speak something else; none of them needs an sshd.
struct ReachTests {
    private func target(port: Int, host: String = "127.0.0.1", timeout: Duration = .seconds(10)) -> SSHTarget {
        SSHTarget(
            host: host, port: port, user: "nobody", login: SSHLogin(identityFiles: ["/nowhere/id"], useAgent: false),
            hostKeys: HostKeyPolicy(knownHostsFiles: []), connectTimeout: timeout)
    }

    @Test func tellsARefusal() async throws {
        let port = try ServerFixture.freePort()
        #expect(await connectFailure(target(port: port)) == .refused(host: "127.0.0.1", port: port))
    }

    @Test func tellsANameWithoutAddress() async {
        let failure = await connectFailure(target(port: 22, host: "no-such-host.invalid"))
        guard case .nameNotFound(host: "no-such-host.invalid", _, _) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }

    @Test func namesTheGreetingThatASilentServerDoesNotGive() async throws {
        let listener = try Listener()
        let byTimeout = await connectFailure(target(port: listener.port, timeout: .milliseconds(300)))
        #expect(byTimeout == .deadline(stage: .greeting))
        let byDeadline = await connectFailure(target(port: listener.port), within: .milliseconds(300))
        #expect(byDeadline == .deadline(stage: .greeting))
        withExtendedLifetime(listener) {}
    }

    @Test func namesTheKeyExchangeThatDoesNotEnd() async throws {
        let listener = try Listener()
        listener.answerOnce("SSH-2.0-nothing_more\r\n")
        let failure = await connectFailure(target(port: listener.port))
        guard case .connectionLost(.keyExchange, _) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }

    @Test func tellsAServerOfAnotherProtocol() async throws {
        let listener = try Listener()
        listener.answerOnce("HTTP/1.0 400 Bad Request\r\n\r\n")
        let failure = await connectFailure(target(port: listener.port))
        let said = "HTTP/1.0 400 Bad Request"
        #expect(failure == .notAnSSHServer(host: "127.0.0.1", port: listener.port, said: said))
    }

    @Test(.enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
    func triesAgainWhenTheServerHasTooManyLoginsPending() async throws {
        let server = try ServerFixture(options: ["MaxStartups 1:100:1"])
        // The fixture's own look at the port is over by then.
        try await Task.sleep(for: .milliseconds(500))
        let pending = try Listener.connect(to: server.port)
        defer { close(pending) }
        try await Task.sleep(for: .milliseconds(200))
        let failure = await connectFailure(try server.target())
        #expect(failure?.mayRetry == true, "\(String(describing: failure))")
    }

    @Test func cancelsAConnectionThatIsBeingMade() async throws {
        let listener = try Listener()
        let target = target(port: listener.port)
        let task = Task { await connectFailure(target) }
        try await Task.sleep(for: .milliseconds(200))
        task.cancel()
        let failure = await task.value
        #expect(failure == .cancelled(stage: .greeting) || failure == .cancelled(stage: .connect))
        withExtendedLifetime(listener) {}
    }

    @Test(.enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
    func tellsThatNoAlgorithmIsShared() async throws {
        let server = try ServerFixture(options: ["KexAlgorithms sntrup761x25519-sha512@openssh.com"])
        let failure = await connectFailure(try server.target())
        guard case .noCommonAlgorithm = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }
}
