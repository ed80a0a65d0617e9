import Foundation
import Testing

@testable import Inventory

/// Where the files are that tests read.
enum Repository {
    static let tests = URL(filePath: #filePath).deletingLastPathComponent()
    static let root = tests.deletingLastPathComponent().deletingLastPathComponent()
    static let schemas = root.appending(path: "../shared/schemas").standardizedFileURL

    static var hasSchemas: Bool { FileManager.default.fileExists(atPath: schemas.path) }

    /// Whether case files are rewritten instead of compared.
    static var updatesCases: Bool { ProcessInfo.processInfo.environment["UPDATE_CASES"] == "1" }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The names of the `.yaml` files in a folder of cases, without the ending, sorted.
    static func cases(_ folder: String) -> [String] {
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: tests.appending(path: "Cases/\(folder)").path)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
    }

    static func bytes(ofCase name: String, in folder: String) throws -> [UInt8] {
        Array(try Data(contentsOf: tests.appending(path: "Cases/\(folder)/\(name).yaml")))
    }
}

extension InventoryReader {
    /// The inventory in a text that has no errors.
    static func good(_ text: String, file: String = "t.yaml") throws -> Inventory {
        try read(text: text, file: file).get().inventory
    }

    /// Everything that is found in a text, used or not.
    static func diagnostics(_ text: String) -> [Diagnostic] {
        switch read(text: text, file: "t.yaml") {
        case .success(let read): read.warnings.all
        case .failure(let diagnostics): diagnostics.all
        }
    }
}
