import Engine
import Foundation
import Testing

@testable import SSH

/// A shell that stands for a kind of node.
struct TestShell: Sendable, CustomTestStringConvertible {
    let name: String
    let command: [String]
    var testDescription: String { name }

    static let all: [TestShell] = [
        TestShell(name: "dash", command: ["/usr/bin/dash"]),
        TestShell(name: "busybox ash", command: ["/usr/bin/busybox", "sh"]),
        TestShell(name: "bash as sh", command: ["/bin/bash", "--posix"]),
    ].filter { FileManager.default.isExecutableFile(atPath: $0.command[0]) }

    static let canRun = geteuid() == 0 && !all.isEmpty
}

/// A directory of its own and a way to run programs against it as a node would.
final class ShellBox {
    static let nonce = "0123456789abcdef"
    let directory: String
    let shell: TestShell
    private let environment: [String: String]

    init(_ shell: TestShell) throws {
        self.shell = shell
        let memory = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
        directory = "\(memory)/clusterctl-shell-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: "\(directory)/bin", withIntermediateDirectories: true)
        environment = [
            "CLUSTERCTL_STATE": "\(directory)/state", "CLUSTERCTL_RUN": "\(directory)/run", "BOX": directory,
            "PATH": "\(directory)/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        ]
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// A program found before the machine's own.
    func stub(_ name: String, _ text: String) throws {
        try "#!/bin/sh\n\(text)\n".write(toFile: path("stub"), atomically: true, encoding: .utf8)
        // Not written by this program: another thread's child could still hold it open, and it would be busy.
        let made = try run(#"install -m 755 "$BOX/stub" "$BOX/bin/\#(name)" && rm "$BOX/stub""#)
        guard made.status == 0 else { throw POSIXError(.EIO, userInfo: [NSLocalizedDescriptionKey: made.error]) }
    }

    func text(_ name: String) -> String? { try? String(contentsOfFile: path(name), encoding: .utf8) }

    func mode(_ name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path(name))
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }

    /// Runs a text as `sh -s` with it on standard input, and gives the bytes of its output.
    func run(_ text: String, in command: [String]? = nil) throws -> (output: Data, error: String, status: Int32) {
        try start(text, in: command).end()
    }

    /// A shell at work, and where what it says goes.
    struct Started {
        let process: pid_t
        let files: String
        let isHeard: Bool

        /// Waits for the shell, not for what it has left behind.
        func end() throws -> (output: Data, error: String, status: Int32) {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
            let output = isHeard ? try Data(contentsOf: URL(fileURLWithPath: "\(files).out")) : Data()
            let error = try String(contentsOfFile: "\(files).err", encoding: .utf8)
            return (output, error, status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f))
        }
    }

    /// As `run`, without waiting; a shell that nobody hears writes into a pipe that is closed at the other end.
    func start(_ text: String, in command: [String]? = nil, isHeard: Bool = true) throws -> Started {
        let name = "run-\(UUID().uuidString)"
        try text.write(toFile: path("\(name).in"), atomically: true, encoding: .utf8)
        return try spawn(command ?? shell.command + ["-s"], files: path(name), isHeard: isHeard)
    }

    /// Not Foundation's Process: that one waits until every descendant has let go of a descriptor of its own, and a
    /// program's sign of life leaves a `sleep` of two seconds behind.
    private func spawn(_ command: [String], files: String, isHeard: Bool) throws -> Started {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let create = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 0, "\(files).in", O_RDONLY, 0)
        if !isHeard { mkfifo("\(files).out", 0o600) }
        let reader = isHeard ? -1 : open("\(files).out", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { if reader >= 0 { close(reader) } }
        posix_spawn_file_actions_addopen(&actions, 1, "\(files).out", isHeard ? create : O_WRONLY, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "\(files).err", create, 0o600)
        // Threads of the pool block signals; a shell that inherits that never hears of a child's end.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var arguments = command.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for word in arguments + variables { free(word) } }
        var child: pid_t = 0
        let failure = posix_spawn(&child, command[0], &actions, &attributes, &arguments, &variables)
        guard failure == 0 else { throw POSIXError(POSIXErrorCode(rawValue: failure) ?? .EINVAL) }
        return Started(process: child, files: files, isHeard: isHeard)
    }

    struct Cut: Error { let said: String }

    /// The frames of a program that must end properly.
    func frames(_ program: ShellProgram) throws -> [Frame] {
        // A test uses one nonce for many programs, of which a node would run the first alone.
        try? FileManager.default.removeItem(atPath: path("run/clusterctl/runs/\(program.nonce)"))
        return try frames(of: program, in: run(program.text))
    }

    func frames(of program: ShellProgram, in result: (output: Data, error: String, status: Int32)) throws -> [Frame] {
        var parser = FrameParser(nonce: program.nonce)
        let frames = try parser.feed([UInt8](result.output)[...])
        guard parser.ended else { throw Cut(said: result.error) }
        var expected = program.expected
        for frame in frames { try expected.take(frame) }
        try expected.end()
        return frames.filter { $0.kind != .beat }
    }

    func apply(_ steps: [Engine.Operation], secrets: [SecretSource: Secret] = [:]) throws -> [Frame] {
        try frames(ShellCompiler.apply(steps: steps.map(ShellBox.step), secrets: secrets, nonce: ShellBox.nonce))
    }

    func survey(_ steps: [Engine.Operation], secrets: [SecretSource: Secret] = [:]) throws -> [StepState?] {
        let steps = steps.map(ShellBox.step)
        return try frames(ShellCompiler.survey(probes: [], steps: steps, secrets: secrets, nonce: ShellBox.nonce))
            .map(\.stepState)
    }

    func ask(_ probes: [Probe]) throws -> [Frame] {
        try frames(ShellCompiler.survey(probes: probes, steps: [], nonce: ShellBox.nonce))
    }

    static func step(_ operation: Engine.Operation) -> Step { Step(operation, because: "a test") }
}
