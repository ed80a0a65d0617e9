import Engine
import Foundation
import Inventory
import Subprocess

/// Secrets that the inventory refers to, read once when the run starts and kept in memory alone.
struct Secrets {
    /// The secret that the inventory refers to under `key`; `problem` says what is wrong with one for its use.
    static func read(
        _ reference: SecretReference, key: String, problem: (String) -> String? = { _ in nil }
    ) async throws -> Secret {
        switch reference {
        case .environment(let name):
            guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
                throw SecretError(what: "the environment variable \(name) (\(key).env) is not set")
            }
            return try checked(value, from: "the environment variable \(name)", key, problem)
        case .file(let path):
            guard let value = try? String(contentsOfFile: (path as NSString).expandingTildeInPath, encoding: .utf8)
            else {
                throw SecretError(what: "\(path) (\(key).file) cannot be read")
            }
            return try checked(value, from: path, key, problem)
        case .command(let arguments):
            guard let program = arguments.first else { throw SecretError(what: "\(key).command is empty") }
            let result = try await Subprocess.run(
                program.contains("/") ? .path(.init(program)) : .name(program),
                arguments: Arguments(Array(arguments.dropFirst())), output: .string(limit: 65536), error: .discarded)
            guard result.terminationStatus.isSuccess else {
                throw SecretError(what: "the command \(program) (\(key).command) failed")
            }
            let first = result.standardOutput.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
            return try checked(first, from: "the command \(program)", key, problem)
        }
    }

    private static func checked(
        _ value: String, from origin: String, _ key: String, _ problem: (String) -> String?
    ) throws -> Secret {
        // Spaces may belong to a password; ends of lines belong to the file.
        let secret = value.trimmingCharacters(in: .newlines)
        guard !secret.isEmpty, !secret.contains(where: \.isNewline) else {
            throw SecretError(what: "the secret from \(origin) must be one line that is not empty")
        }
        if let problem = problem(secret) { throw SecretError(what: "the secret from \(origin) (\(key)) \(problem)") }
        return Secret(secret)
    }
}

struct SecretError: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
