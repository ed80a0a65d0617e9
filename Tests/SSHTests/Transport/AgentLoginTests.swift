import Foundation
import Testing

@testable import SSH

/// Logins by keys that an agent holds, with real servers and agents, and with agents that behave badly.
@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct AgentLoginTests {
    @Test(arguments: ["ed25519", "ecdsa"])
    func logsInByTheAgentPastItsOtherKeys(type: String) async throws {
        let server = try ServerFixture()
        let agent = try AgentFixture(directory: server.directory)
        try ServerFixture.makeKey("ed25519", at: "\(server.directory)/stranger")
        try ServerFixture.makeKey(type, at: "\(server.directory)/held")
        try server.authorize("\(server.directory)/held")
        try agent.add("\(server.directory)/stranger")
        try agent.add("\(server.directory)/held")
        let target = try server.target(identities: ["/nowhere/id"], agent: agent.socket)
        #expect(await connectFailure(target) == nil)
    }

    /// Ten keys in the agent and a server that listens to three: the named one is found, wherever its halves are.
    @Test(arguments: ["both halves", "public half", "private half", "encrypted", "not in the agent"])
    func findsTheNamedKeyAmongTen(what: String) async throws {
        let server = try ServerFixture(options: ["MaxAuthTries 3"])
        let agent = try AgentFixture(directory: server.directory)
        try agent.addStrangers(9, in: server.directory)
        if what != "not in the agent" { try agent.add(server.identity) }
        switch what {
        case "public half": try FileManager.default.removeItem(atPath: server.identity)
        case "private half": try FileManager.default.removeItem(atPath: server.identity + ".pub")
        case "encrypted":
            try ServerFixture.run("/usr/bin/ssh-keygen", ["-q", "-p", "-P", "", "-N", "sesame", "-f", server.identity])
        default: break
        }
        #expect(await connectFailure(try server.target(agent: agent.socket)) == nil)
    }

    @Test func takesThePublicHalfByItsOwnName() async throws {
        let server = try ServerFixture(options: ["MaxAuthTries 3"])
        let agent = try AgentFixture(directory: server.directory)
        try agent.addStrangers(9, in: server.directory)
        try agent.add(server.identity)
        let target = try server.target(identities: [server.identity + ".pub"], agent: agent.socket)
        #expect(await connectFailure(target) == nil)
    }

    @Test func tellsThatTheServerStoppedListening() async throws {
        let server = try ServerFixture(options: ["MaxAuthTries 3"])
        let agent = try AgentFixture(directory: server.directory)
        try agent.addStrangers(9, in: server.directory)
        try agent.add(server.identity)
        let failure = await connectFailure(try server.target(identities: ["/nowhere/id"], agent: agent.socket))
        guard case .loginRefused(_, let offered, [], let hints) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(hints.count == 2)
        guard case .serverStoppedListening(let count, let rest) = hints.last else {
            Issue.record("\(hints)")
            return
        }
        #expect(count == offered.count && count + rest.count == 10)
        let right = try SSHTests.offered(server.identity).fingerprint
        #expect(rest.contains { $0.fingerprint == right })
    }

    @Test func offersNoOtherKeysOfTheAgentWhenOnlyFilesCount() async throws {
        let server = try ServerFixture()
        let agent = try AgentFixture(directory: server.directory)
        try agent.add(server.identity)
        var target = try server.target(identities: ["/nowhere/id"], agent: agent.socket)
        target.login.identitiesOnly = true
        let failure = await connectFailure(target)
        #expect(
            failure
                == .loginRefused(
                    user: server.user, offered: [], serverMethods: ["publickey"],
                    hints: [.identityMissing(path: "/nowhere/id")]))
    }

    @Test func tellsThatTheAgentIsLocked() async throws {
        let server = try ServerFixture()
        let agent = try AgentFixture(directory: server.directory)
        try agent.add(server.identity)
        try agent.lock()
        let failure = await connectFailure(try server.target(identities: ["/nowhere/id"], agent: agent.socket))
        #expect(failure?.hints == [.agentEmpty, .identityMissing(path: "/nowhere/id")])
    }

    // MARK: Agents that behave badly

    @Test func goesOnToTheFileWhenTheAgentRefusesToSign() async throws {
        let server = try ServerFixture(options: ["MaxAuthTries 1"])
        let key = try #require(IdentityFile.readPublic(server.identity + ".pub"))
        let agent = try BadAgent(directory: server.directory, lists: key) { _ in [5] }
        var target = try server.target(agent: agent.socket)
        let shown = try offered(server.identity, origin: "agent: \(server.identity)")
        #expect(await connectFailure(target)?.hints == [.agentRefusedToSign(shown)])
        let copy = "\(server.directory)/copy"
        try ServerFixture.makeKey("ecdsa", at: copy)
        try server.authorize(copy, keeping: true)
        target.login.identityFiles.append(copy)
        #expect(await connectFailure(target) == nil)
    }

    @Test func tellsThatTheAgentIsSilent() async throws {
        let server = try ServerFixture()
        let key = try #require(IdentityFile.readPublic(server.identity + ".pub"))
        let agent = try BadAgent(directory: server.directory, lists: key) { _ in nil }
        let failure = await connectFailure(try server.target(agent: agent.socket), within: .seconds(2))
        #expect(failure == .agentSilent(key: try offered(server.identity, origin: "agent: \(server.identity)")))
    }

    @Test func logsInByFileWhenTheAgentDoesNotEvenListItsKeys() async throws {
        let server = try ServerFixture()
        let agent = try BadAgent(directory: server.directory, lists: nil) { _ in nil }
        var target = try server.target(agent: agent.socket)
        target.connectTimeout = .seconds(1)
        #expect(await connectFailure(target) == nil)
    }

    @Test(.enabled(if: LibSSH2.signsRSAWithSHA2, "this libssh2 asks for SHA-1"))
    func tellsThatTheAgentSignsWithSHA1() async throws {
        let server = try ServerFixture()
        let path = try server.makeAuthorizedKey("rsa")
        let key = try #require(IdentityFile.readPublic(path + ".pub"))
        let agent = try BadAgent(directory: server.directory, lists: key) { _ in
            var signature = WireWriter()
            signature.string(Array("ssh-rsa".utf8))
            signature.string([UInt8](repeating: 7, count: 384))
            var answer = WireWriter()
            answer.byte(14)
            answer.string(signature.bytes)
            return answer.bytes
        }
        let failure = await connectFailure(try server.target(identities: [path], agent: agent.socket))
        let shown = try offered(path, origin: "agent: \(path)")
        #expect(failure?.hints == [.agentSignedOtherwise(shown, algorithm: "ssh-rsa")])
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
        for _ in 0..<400 where !isListening { usleep(10_000) }
    }

    deinit { process.end() }

    private var isListening: Bool {
        let probe = LocalSocket.make()
        defer { close(probe) }
        return LocalSocket.at(socket) { connect(probe, $0, $1) } == 0
    }

    func add(_ path: String) throws {
        try ServerFixture.run("/usr/bin/ssh-add", ["-q", path], environment: ["SSH_AUTH_SOCK": socket])
    }

    /// Adds keys that no server knows.
    func addStrangers(_ count: Int, in directory: String) throws {
        for index in 0..<count {
            try ServerFixture.makeKey("ed25519", at: "\(directory)/stranger\(index)")
            try add("\(directory)/stranger\(index)")
        }
    }

    /// As `ssh-add -x`, which reads the passphrase from a terminal.
    func lock() throws {
        var request = WireWriter()
        request.byte(22)
        request.string(Array("sesame".utf8))
        var message = WireWriter()
        message.string(request.bytes)
        let connection = LocalSocket.make()
        defer { close(connection) }
        try #require(LocalSocket.at(socket) { connect(connection, $0, $1) } == 0)
        try #require(write(connection, message.bytes, message.bytes.count) == message.bytes.count)
        var end = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
        try #require(poll(&end, 1, 10_000) == 1)
        var answer = [UInt8](repeating: 0, count: 5)
        try #require(read(connection, &answer, 5) == 5 && answer[4] == 6)
    }
}

/// Unix sockets by Foundation alone: with CLibSSH2 beside it the compiler now and then does not find what both have.
private enum LocalSocket {
    static func make() -> Int32 { socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0) }

    static func at(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// An agent that lists one key, or nothing ever, and answers requests to sign as it is told: nil means not at all.
final class BadAgent: Sendable {
    let socket: String
    private let listener: Int32

    init(
        directory: String, lists key: [UInt8]?, sign: @escaping @Sendable (_ request: [UInt8]) -> [UInt8]?
    ) throws {
        let path = directory + "/bad-agent"
        let listener = LocalSocket.make()
        let status = LocalSocket.at(path) { bind(listener, $0, $1) }
        try #require(status == 0 && listen(listener, 8) == 0)
        self.socket = path
        self.listener = listener
        Thread.detachNewThread {
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                Self.serve(connection, key, sign)
                close(connection)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func serve(_ connection: Int32, _ key: [UInt8]?, _ sign: ([UInt8]) -> [UInt8]?) {
        while let request = receive(connection) {
            var answer: [UInt8]?
            if request.first == 11, let key {
                var list = WireWriter()
                list.byte(12)
                list.uint32(1)
                list.string(key)
                list.string(Array("bad".utf8))
                answer = list.bytes
            } else if request.first == 13 {
                answer = sign(request)
            }
            guard let answer else { continue }
            var message = WireWriter()
            message.string(answer)
            _ = message.bytes.withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
        }
    }

    private static func receive(_ connection: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            var reader = WireReader(bytes)
            if let message = reader.string() { return message }
            let count = read(connection, &chunk, chunk.count)
            guard count > 0 else { return nil }
            bytes += chunk.prefix(count)
        }
    }
}
