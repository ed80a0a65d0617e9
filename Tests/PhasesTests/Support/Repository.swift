import Foundation
import Inventory
import Testing

/// Files of the repository, and upstream's schemas beside it.
enum Repository {
    static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    static let root = tests.deletingLastPathComponent().deletingLastPathComponent()
    static let cases = tests.appending(path: "Cases")
    /// Not part of the repository: tests that need it say so and are skipped where it is absent.
    static let schemas = root.deletingLastPathComponent().appending(path: "shared/schemas")
    static let hasSchemas = FileManager.default.fileExists(atPath: schemas.path)

    static func text(_ url: URL) throws -> String { String(decoding: try Data(contentsOf: url), as: UTF8.self) }

    static func json(_ path: String) throws -> [String: Any] { try #require(try anyJSON(path) as? [String: Any]) }

    static func list(_ path: String) throws -> [[String: Any]] { try #require(try anyJSON(path) as? [[String: Any]]) }

    private static func anyJSON(_ path: String) throws -> Any {
        try JSONSerialization.jsonObject(with: try Data(contentsOf: schemas.appending(path: path)))
    }

    /// Compares with a committed text; with UPDATE_CASES=1 in the environment it is written anew instead.
    static func compare(_ text: String, with name: String, _ location: SourceLocation = #_sourceLocation) throws {
        let url = cases.appending(path: name)
        if ProcessInfo.processInfo.environment["UPDATE_CASES"] == "1" {
            try Data(text.utf8).write(to: url)
            return
        }
        let wanted = try self.text(url)
        let lines = (wanted.split(separator: "\n"), text.split(separator: "\n"))
        let difference = zip(lines.0, lines.1).first { $0 != $1 }
        let hint = difference.map { "first differing line:\n- \($0.0)\n+ \($0.1)" } ?? "one is longer than the other"
        #expect(wanted == text, "\(name): \(hint)\n(UPDATE_CASES=1 writes it anew)", sourceLocation: location)
    }
}
