import Foundation

/// The checkout that these tests stand in.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Files below a folder with one of these endings, as paths relative to the root, sorted.
    static func files(below folder: String, endings: [String]) -> [String] {
        let base = root.appendingPathComponent(folder)
        let prefix = root.path + "/"
        guard let walk = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else { return [] }
        return walk.compactMap { $0 as? URL }.map(\.path)
            .filter { path in endings.contains { path.hasSuffix($0) } && !path.contains("/.build/") }
            .map { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }.sorted()
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}
