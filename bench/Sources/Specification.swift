import Engine
import Foundation
import YAML

/// The work of a benchmark as its file has it; see bench/work.py, which writes it.
struct Specification: Sendable {
    struct Directory: Sendable {
        let path: String
        let mode: FileMode
    }
    struct File: Sendable {
        let path: String
        let mode: FileMode
        let content: String
    }
    struct Binary: Sendable {
        let path: String
        let mode: FileMode
        let source: String
        let sha256: String
    }

    var workDirectories: [NodeName: String] = [:]
    var directories: [Directory] = []
    var files: [File] = []
    var checks: [Check] = []
    var facts: [[String]] = []
    var binary: Binary

    init(file: String) throws {
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let root = YAMLValue(try YAMLDocument.parse(text, file: file).root)
        for (name, path) in root[["workDirectories"]]?.map ?? YAMLMap() {
            workDirectories[NodeName(name)] = path.string
        }
        directories = try Specification.entries(root, "directories") {
            Directory(path: try $0.text("path"), mode: try $0.mode("mode"))
        }
        files = try Specification.entries(root, "files") { entry in
            let source = entry[["source"]]?.string
            let content = try source.map { try String(contentsOfFile: $0, encoding: .utf8) } ?? entry.text("content")
            return File(path: try entry.text("path"), mode: try entry.mode("mode"), content: content)
        }
        checks = try Specification.entries(root, "checks") { entry in
            if let kind = entry[["kind"]]?.string { return .path(try entry.text("path"), kind: kind) }
            return .command(try entry.words("command"))
        }
        facts = try Specification.entries(root, "facts") { entry in
            entry.list?.compactMap(\.string) ?? []
        }
        guard let binary = root[["binary"]] else { throw SpecificationError(what: "binary") }
        self.binary = Binary(
            path: try binary.text("path"), mode: try binary.mode("mode"), source: try binary.text("source"),
            sha256: try binary.text("sha256"))
    }

    private static func entries<Entry>(
        _ root: YAMLValue, _ key: String, _ entry: (YAMLValue) throws -> Entry
    ) throws -> [Entry] {
        guard let list = root[[key]]?.list else { throw SpecificationError(what: key) }
        return try list.map(entry)
    }
}

/// What must hold on a host when the work is done.
enum Check: Sendable {
    /// A path of this kind, with content where it is a file.
    case path(String, kind: String)
    /// A command that must succeed; `@W@` in its words stands for the work directory.
    case command([String])

    func below(_ root: String) -> Check {
        switch self {
        case .path(let path, let kind): .path("\(root)/\(path)", kind: kind)
        case .command(let words): .command(words.map { $0.replacing("@W@", with: root) })
        }
    }

    var probe: Probe {
        switch self {
        case .path(let path, _): .path(path)
        case .command(let words): .command(words)
        }
    }

    func holds(_ answer: Answer) -> Bool {
        guard case .path(_, let kind) = self else { return answer.succeeded }
        let words = answer.output.split(whereSeparator: \.isWhitespace)
        return words.first.map(String.init) == kind && (kind != "file" || words.last != "0")
    }
}

struct SpecificationError: Error, CustomStringConvertible {
    let what: String
    var description: String { "the specification has no \(what)" }
}

extension YAMLValue {
    fileprivate func text(_ key: String) throws -> String {
        guard let text = self[[key]]?.string else { throw SpecificationError(what: key) }
        return text
    }

    fileprivate func words(_ key: String) throws -> [String] {
        guard let list = self[[key]]?.list else { throw SpecificationError(what: key) }
        return list.compactMap(\.string)
    }

    /// Octal digits in quotes.
    fileprivate func mode(_ key: String) throws -> FileMode {
        guard let bits = UInt16(try text(key), radix: 8) else {
            throw SpecificationError(what: "\(key) in octal digits")
        }
        return FileMode(integerLiteral: bits)
    }
}
