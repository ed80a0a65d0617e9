import Foundation

/// Runs programs on this machine, with a folder of stand-in commands in front of the search path.
enum Shell {
    struct Result {
        let status: Int32
        let output: String
        let error: String
    }

    static func run(_ arguments: [String], commands: URL? = nil) throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        let path = "/usr/sbin:/usr/bin:/sbin:/bin"
        process.environment = ["PATH": commands.map { "\($0.path):\(path)" } ?? path, "LC_ALL": "C.UTF-8"]
        let output = Pipe()
        let error = Pipe()
        process.standardOutput = output
        process.standardError = error
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        let errors = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: String(decoding: data, as: UTF8.self),
            error: String(decoding: errors, as: UTF8.self))
    }
}

/// A folder of stand-in commands that is removed afterwards.
final class Stage {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "clusterctl-phases-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder.appending(path: "bin"), withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var commands: URL { folder.appending(path: "bin") }

    func write(_ text: String, to name: String) throws {
        let url = folder.appending(path: name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    /// A command whose words are noted in `calls`, and which then runs `body`.
    func command(_ name: String, _ body: String) throws {
        let text = "#!/bin/sh\necho \"\(name) $*\" >>'\(folder.path)/calls'\n\(body)\n"
        try write(text, to: "command")
        // Not written by this program: another thread's child could still hold it open, and it would be busy.
        let made = try Shell.run(
            ["install", "-m", "755", folder.appending(path: "command").path, commands.appending(path: name).path])
        guard made.status == 0 else { throw POSIXError(.EIO, userInfo: [NSLocalizedDescriptionKey: made.error]) }
    }

    var calls: [String] {
        let text = (try? Repository.text(folder.appending(path: "calls"))) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}
