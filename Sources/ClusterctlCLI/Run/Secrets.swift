import Engine
import Foundation
import Inventory
import Subprocess

/// Secrets that the inventory refers to, read once when the run starts and kept in memory alone.
struct Secrets {
    /// The cluster's token as the inventory refers to it; nil where the primary makes it.
    static func token(_ reference: TokenReference) async throws -> Secret? {
        switch reference {
        case .generated: return nil
        case .environment(let name):
            guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
                throw SecretError(what: "the environment variable \(name) (k3s.token.env) is not set")
            }
            return try checked(value, from: "the environment variable \(name)")
        case .file(let path):
            guard let value = try? String(contentsOfFile: (path as NSString).expandingTildeInPath, encoding: .utf8)
            else {
                throw SecretError(what: "\(path) (k3s.token.file) cannot be read")
            }
            return try checked(value, from: path)
        case .command(let arguments):
            guard let program = arguments.first else { throw SecretError(what: "k3s.token.command is empty") }
            let result = try await Subprocess.run(
                program.contains("/") ? .path(.init(program)) : .name(program),
                arguments: Arguments(Array(arguments.dropFirst())), output: .string(limit: 65536), error: .discarded)
            guard result.terminationStatus.isSuccess else {
                throw SecretError(what: "the command \(program) (k3s.token.command) failed")
            }
            let first = result.standardOutput.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
            return try checked(first, from: "the command \(program)")
        }
    }

    private static func checked(_ value: String, from origin: String) throws -> Secret {
        let token = value.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty, !token.contains(where: \.isNewline) else {
            throw SecretError(what: "the token from \(origin) must be one line that is not empty")
        }
        return Secret(token)
    }
}

struct SecretError: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
