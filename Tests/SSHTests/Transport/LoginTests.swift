import Foundation
import Testing

@testable import SSH

@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct LoginTests {
    @Test(arguments: ["ed25519", "ecdsa"])
    func logsInByKeyFile(type: String) async throws {
        let server = try ServerFixture()
        let path = "\(server.directory)/other"
        try ServerFixture.makeKey(type, at: path)
        try FileManager.default.removeItem(atPath: "\(server.directory)/authorized")
        try FileManager.default.moveItem(atPath: path + ".pub", toPath: "\(server.directory)/authorized")
        let session = try await server.connect(server.target(identities: [path]))
        #expect(try await session.run("echo in").output == "in\n")
    }

    @Test func logsInByTheSecondFileWhenTheFirstIsRefused() async throws {
        let server = try ServerFixture()
        try ServerFixture.makeKey("ed25519", at: "\(server.directory)/stranger")
        let target = try server.target(identities: ["\(server.directory)/stranger", server.identity])
        #expect(await connectFailure(target) == nil)
    }

    @Test func tellsWhatWasOfferedAndWhatTheServerTakes() async throws {
        let server = try ServerFixture()
        let stranger = "\(server.directory)/stranger"
        try ServerFixture.makeKey("ed25519", at: stranger)
        let failure = await connectFailure(try server.target(identities: [stranger, "/nowhere/id"]))
        #expect(
            failure
                == .loginRefused(
                    user: server.user, offered: [OfferedKey(type: "ssh-ed25519", origin: stranger)],
                    serverMethods: ["publickey"], hints: [.identityMissing(path: "/nowhere/id")]))
    }

    @Test func tellsThatAKeyHasAPassphrase() async throws {
        let server = try ServerFixture()
        let locked = "\(server.directory)/locked"
        try ServerFixture.makeKey("ed25519", at: locked, passphrase: "open sesame")
        let failure = await connectFailure(try server.target(identities: [locked]))
        #expect(
            failure
                == .loginRefused(
                    user: server.user, offered: [], serverMethods: ["publickey"],
                    hints: [.identityEncrypted(path: locked)]))
    }

    @Test func tellsWhyRSAIsRefusedByAnOldLibrary() async throws {
        let server = try ServerFixture()
        let path = "\(server.directory)/id_rsa"
        try ServerFixture.makeKey("rsa", at: path)
        let authorized = "\(server.directory)/authorized"
        try FileManager.default.removeItem(atPath: authorized)
        try FileManager.default.copyItem(atPath: path + ".pub", toPath: authorized)
        let failure = await connectFailure(try server.target(identities: [path]))
        if LibSSH2.signsRSAWithSHA2 {
            #expect(failure == nil)
        } else {
            #expect(
                failure
                    == .loginRefused(
                        user: server.user, offered: [OfferedKey(type: "ssh-rsa", origin: path)],
                        serverMethods: ["publickey"], hints: [.rsaNeedsNewerLibrary(version: LibSSH2.version)]))
        }
    }

    // MARK: Agent

    @Test(arguments: ["ed25519", "ecdsa"])
    func logsInByTheAgentPastItsOtherKeys(type: String) async throws {
        let server = try ServerFixture()
        let agent = try AgentFixture(directory: server.directory)
        try ServerFixture.makeKey("ed25519", at: "\(server.directory)/stranger")
        try ServerFixture.makeKey(type, at: "\(server.directory)/held")
        let authorized = "\(server.directory)/authorized"
        try FileManager.default.removeItem(atPath: authorized)
        try FileManager.default.copyItem(atPath: "\(server.directory)/held.pub", toPath: authorized)
        try agent.add("\(server.directory)/stranger")
        try agent.add("\(server.directory)/held")
        let target = try server.target(identities: ["/nowhere/id"], agent: agent.socket)
        #expect(await connectFailure(target) == nil)
    }

    @Test func offersALockedKeyFileThroughTheAgentThatHoldsItsKey() async throws {
        let server = try ServerFixture(options: ["MaxAuthTries 2"])
        let agent = try AgentFixture(directory: server.directory)
        for index in 0..<4 {
            try ServerFixture.makeKey("ed25519", at: "\(server.directory)/stranger\(index)")
            try agent.add("\(server.directory)/stranger\(index)")
        }
        try agent.add(server.identity)
        try ServerFixture.run(
            "/usr/bin/ssh-keygen", ["-q", "-p", "-P", "", "-N", "open sesame", "-f", server.identity])
        #expect(await connectFailure(try server.target(agent: agent.socket)) == nil)
    }

    @Test func tellsThatTheServerStoppedListening() async throws {
        let server = try ServerFixture(options: ["MaxAuthTries 2"])
        let agent = try AgentFixture(directory: server.directory)
        for index in 0..<4 {
            try ServerFixture.makeKey("ed25519", at: "\(server.directory)/stranger\(index)")
            try agent.add("\(server.directory)/stranger\(index)")
        }
        let failure = await connectFailure(try server.target(identities: ["/nowhere/id"], agent: agent.socket))
        guard case .loginRefused(_, let offered, _, let hints) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(hints.contains(.serverStoppedListening(afterKeys: offered.count)))
    }

    @Test func tellsThatTheAgentIsGone() async throws {
        let server = try ServerFixture()
        let gone = "\(server.directory)/no-agent"
        let failure = await connectFailure(try server.target(identities: ["/nowhere/id"], agent: gone))
        guard case .loginRefused(_, [], ["publickey"], let hints) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(hints.contains(.agentUnavailable(reason: "No such file or directory")))
    }
}

/// An ssh-agent of the test's own.
final class AgentFixture: Sendable {
    let socket: String
    private let process: ChildProcess

    init(directory: String) throws {
        socket = directory + "/agent"
        process = try ChildProcess("/usr/bin/ssh-agent", ["-D", "-a", socket])
        for _ in 0..<200 where !FileManager.default.fileExists(atPath: socket) { usleep(10_000) }
    }

    deinit { process.end() }

    func add(_ path: String) throws {
        try ServerFixture.run("/usr/bin/ssh-add", ["-q", path], environment: ["SSH_AUTH_SOCK": socket])
    }
}
