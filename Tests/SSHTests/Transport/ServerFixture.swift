import Foundation
import Synchronization
import Testing

@testable import SSH

/// A real sshd on a loopback port of its own, with host keys and a user key made for it; ended with the fixture.
final class ServerFixture: Sendable {
    /// Why the tests with a real server cannot run here; nil when they can.
    static let missing: String? = {
        for program in ["/usr/sbin/sshd", "/usr/bin/ssh-keygen", "/usr/bin/ssh-agent", "/usr/bin/ssh-add"]
        where !FileManager.default.isExecutableFile(atPath: program) {
            return "\(program) is not installed"
        }
        return geteuid() == 0 ? nil : "sshd needs root"
    }()

    let directory: String
    let port: Int
    private let server: Mutex<ChildProcess?>

    /// `options` are lines of sshd_config. With `setUp`, a shell text, the server runs in a mount namespace of its own
    /// that the text has changed before; its `$1` is the server's directory.
    init(hostKeyTypes: [String] = ["ed25519"], options: [String] = [], setUp: String? = nil) throws {
        let directory = try Self.makeDirectory()
        let port = try Self.freePort()
        self.directory = directory
        self.port = port
        for type in hostKeyTypes { try Self.makeKey(type, at: "\(directory)/host_\(type)") }
        try Self.makeKey("ed25519", at: "\(directory)/id_ed25519")
        try FileManager.default.copyItem(atPath: "\(directory)/id_ed25519.pub", toPath: "\(directory)/authorized")
        try? FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        let lines =
            options + hostKeyTypes.map { "HostKey \(directory)/host_\($0)" } + [
                "Port \(port)", "ListenAddress 127.0.0.1", "PidFile none", "AuthorizedKeysFile \(directory)/authorized",
                "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
            ] + (options.contains { $0.hasPrefix("MaxStartups") } ? [] : ["MaxStartups 500"])
            // Bash reads the .bashrc of whoever runs the tests for each command, unless it takes itself for a subshell.
            + (setUp == nil ? ["SetEnv SHLVL=2"] : [])
        try lines.joined(separator: "\n").appending("\n")
            .write(toFile: "\(directory)/config", atomically: true, encoding: .utf8)
        let arguments = ["-D", "-f", "\(directory)/config", "-E", "\(directory)/log"]
        let child =
            if let setUp {
                try ChildProcess(
                    "/usr/bin/unshare",
                    ["-m", "--propagation", "private", "sh", "-c"]
                        + ["set -e\n\(setUp)\nshift\nexec /usr/sbin/sshd \"$@\"", "sh", directory] + arguments)
            } else {
                try ChildProcess("/usr/sbin/sshd", arguments)
            }
        server = Mutex(child)
        try waitUntilItListens()
    }

    var log: String { get throws { try String(contentsOfFile: "\(directory)/log", encoding: .utf8) } }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func stop() {
        server.withLock { process in
            process?.end()
            process = nil
        }
    }

    var user: String { NSUserName() }
    var identity: String { "\(directory)/id_ed25519" }
    var knownHosts: String { "\(directory)/known_hosts" }

    /// How many logins the server has accepted so far.
    var logins: Int {
        get throws {
            try String(contentsOfFile: "\(directory)/log", encoding: .utf8).split(whereSeparator: \.isNewline)
                .count { $0.contains("Accepted publickey ") }
        }
    }

    /// The processes that serve a connection each.
    var connectionProcesses: [pid_t] {
        guard let parent = server.withLock({ $0?.id }) else { return [] }
        let children = try? String(contentsOfFile: "/proc/\(parent)/task/\(parent)/children", encoding: .utf8)
        return (children ?? "").split(separator: " ").compactMap { pid_t($0) }
    }

    /// Ends the connections that are open, without a word to the clients.
    func cutConnections() {
        for process in connectionProcesses { kill(process, SIGKILL) }
    }

    /// Lets the connections that are open stand, but nobody serve them.
    func pauseConnections() {
        for process in connectionProcesses { kill(process, SIGSTOP) }
    }

    func publicHostKey(_ type: String = "ed25519") throws -> String {
        let text = try String(contentsOfFile: "\(directory)/host_\(type).pub", encoding: .utf8)
        return text.split(separator: " ").prefix(2).joined(separator: " ")
    }

    /// The first login of each test pins the key, unless the test is about something else. A busy machine is not taken for a
    /// dead one: a test that is about deadlines sets its own.
    func target(
        identities: [String]? = nil, agent: String? = nil, hostKeys: HostKeyPolicy? = nil
    ) throws -> SSHTarget {
        SSHTarget(
            host: "127.0.0.1", port: port, user: user,
            login: SSHLogin(
                identityFiles: identities ?? [identity], useAgent: agent != nil, agentSocketPath: agent),
            hostKeys: try hostKeys ?? HostKeyPolicy(pinned: [publicHostKey()]), connectTimeout: .seconds(60))
    }

    func connect(_ target: SSHTarget? = nil) async throws -> SSHSession {
        try await SSHConnector().connect(to: target ?? self.target(), deadline: .now + .seconds(60))
    }

    static func makeKey(
        _ type: String, at path: String, passphrase: String = "", format: String = "RFC4716"
    ) throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        let size = type == "rsa" ? ["-b", "2048"] : []
        try run(
            "/usr/bin/ssh-keygen",
            ["-q", "-t", type] + size + ["-m", format, "-N", passphrase, "-C", "test", "-f", path])
    }

    /// A new key, which from now on is the only one that may log in.
    func makeAuthorizedKey(_ type: String, format: String = "RFC4716", passphrase: String = "") throws -> String {
        let path = "\(directory)/authorized_\(type)_\(format)"
        try Self.makeKey(type, at: path, passphrase: passphrase, format: format)
        try authorize(path)
        return path
    }

    /// From now on this key may log in, alone or beside those that could before.
    func authorize(_ path: String, keeping: Bool = false) throws {
        let authorized = "\(directory)/authorized"
        let before = keeping ? try String(contentsOfFile: authorized, encoding: .utf8) : ""
        let key = try String(contentsOfFile: path + ".pub", encoding: .utf8)
        try (before + key).write(toFile: authorized, atomically: true, encoding: .utf8)
    }

    @discardableResult
    static func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> String {
        let output = NSTemporaryDirectory() + "clusterctl-output-\(UUID().uuidString.prefix(8))"
        defer { unlink(output) }
        let child = try ChildProcess(program, arguments, environment: environment, output: output)
        let status = child.wait()
        try #require(status == 0, "\(program) \(arguments) failed with \(status)")
        return try String(contentsOfFile: output, encoding: .utf8)
    }

    static func makeDirectory() throws -> String {
        let path = NSTemporaryDirectory() + "clusterctl-ssh-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    static func freePort() throws -> Int {
        let listener = try Listener()
        return listener.port
    }

    private func waitUntilItListens() throws {
        for _ in 0..<400 {
            if Listener.canConnect(to: port) { return }
            usleep(25_000)
        }
        Issue.record("sshd does not listen on port \(port)")
    }
}

/// A program that the test started, ended by its own id.
///
/// Not Foundation's Process: its bookkeeping descriptors leak into programs that are started at the same time.
struct ChildProcess: Sendable {
    let id: pid_t

    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], output: String = "/dev/null"
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // Threads of the pool block signals, and children would inherit that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        var settings = variables.map { strdup($0) } + [nil]
        defer { for text in words + settings { free(text) } }
        var id = pid_t()
        let status = posix_spawn(&id, program, &actions, &attributes, &words, &settings)
        try #require(status == 0, "\(program) did not start")
        self.id = id
    }

    /// The exit status, or minus the signal.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
    }

    func end() {
        kill(id, SIGTERM)
        _ = wait()
    }
}

/// A listening socket that never speaks.
final class Listener: Sendable {
    let descriptor: Int32
    let port: Int

    init(backlog: Int32 = 16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, length) == 0 && listen(descriptor, backlog) == 0
                    && getsockname(descriptor, raw, &length) == 0
            }
        }
        try #require(status)
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    /// Takes one connection, says `text` and closes it.
    func answerOnce(_ text: String) {
        let descriptor = descriptor
        Thread.detachNewThread {
            let connection = accept(descriptor, nil, nil)
            _ = send(connection, text, text.utf8.count, Int32(MSG_NOSIGNAL))
            shutdown(connection, Int32(SHUT_WR))
            usleep(200_000)
            close(connection)
        }
    }

    static func canConnect(to port: Int) -> Bool {
        guard let connection = try? connect(to: port) else { return false }
        close(connection)
        return true
    }

    /// A connection on which nothing is said, or that is only begun; the caller closes it.
    static func connect(to port: Int, waiting: Bool = true) throws -> Int32 {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if !waiting { _ = fcntl(probe, F_SETFL, O_NONBLOCK) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = in_port_t(port).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(probe, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status != 0 && errno == EINPROGRESS { return probe }
        if status != 0 { close(probe) }
        guard status == 0 else { throw POSIXError(.ECONNREFUSED) }
        return probe
    }
}

/// Collects what a command wrote.
final class Collector: Sendable {
    private let kept = Mutex<[UInt8]>([])

    func take(_ bytes: ArraySlice<UInt8>) -> OutputDecision {
        kept.withLock { $0 += bytes }
        return .goOn
    }

    var bytes: [UInt8] { kept.withLock { $0 } }
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension SSHSession {
    /// Runs a command with a minute's time and collects its output.
    func run(_ command: String, input: SSHInput = .none) async throws -> (result: ExecResult, output: String) {
        let collector = Collector()
        let result = try await execute(command, input: input, deadline: .now + .seconds(60), onOutput: collector.take)
        return (result, collector.text)
    }
}

/// The failure that connecting ends with.
func connectFailure(
    _ target: SSHTarget, within limit: Duration = .seconds(60), secrets: any LoginSecrets = NoLoginSecrets()
) async -> SSHFailure? {
    do throws(SSHFailure) {
        let session = try await SSHConnector(secrets: secrets).connect(to: target, deadline: .now + limit)
        await session.close()
        return nil
    } catch {
        return error
    }
}
