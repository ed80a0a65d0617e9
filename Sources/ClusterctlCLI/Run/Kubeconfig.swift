import Foundation
import YAML

/// A kubeconfig as values: K3s' own turned into one that names the cluster, and merged among a user's other entries.
struct Kubeconfig {
    private(set) var root: YAMLMap

    private static let lists = ["clusters", "contexts", "users"]

    /// - Throws: `KubeconfigError` when the text is no kubeconfig; nothing is written then.
    init(_ text: String, file: String) throws {
        let document: YAMLDocument
        do { document = try YAMLDocument.parse(text, file: file) } catch { throw KubeconfigError(what: "\(error)") }
        guard !document.root.isNull else {
            root = ["apiVersion": "v1", "kind": "Config"]
            return
        }
        guard let map = YAMLValue(document.root).map, map["kind"]?.string == "Config" else {
            throw KubeconfigError(what: "\(file) is not a kubeconfig (kind: Config); it was left as it is")
        }
        root = map
    }

    /// K3s' kubeconfig with its one cluster, context and user named `name`, and the server's address replaced.
    func named(_ name: String, server: String) throws -> Kubeconfig {
        guard var cluster = root["clusters"]?.list?.first?[["cluster"]]?.map,
            let user = root["users"]?.list?.first?[["user"]]
        else { throw KubeconfigError(what: "the node's kubeconfig has no cluster or no user") }
        cluster["server"] = .string(server)
        var result = self
        let context: YAMLMap = ["cluster": .string(name), "user": .string(name)]
        result.root["clusters"] = .list([.map(["name": .string(name), "cluster": .map(cluster)])])
        result.root["contexts"] = .list([.map(["name": .string(name), "context": .map(context)])])
        result.root["users"] = .list([.map(["name": .string(name), "user": user])])
        result.root["current-context"] = .string(name)
        return result
    }

    /// Adds the other's entries, or replaces those of the same name; everything else stays, the current context too
    /// where there is one.
    mutating func merge(_ other: Kubeconfig) {
        for list in Self.lists {
            var entries = root[list]?.list ?? []
            for entry in other.root[list]?.list ?? [] {
                if let position = entries.firstIndex(where: { $0[["name"]] == entry[["name"]] }) {
                    entries[position] = entry
                } else {
                    entries.append(entry)
                }
            }
            root[list] = .list(entries)
        }
        if root["current-context"]?.string?.isEmpty ?? true { root["current-context"] = other.root["current-context"] }
    }

    var text: String { YAMLValue.map(root).yamlText() }

    /// Replaces the file as a whole; a link is followed.
    func write(to path: String) throws {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        try FileManager.default.createDirectory(
            atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        try PrivateFile.replace(target) { try $0.write(contentsOf: Data(text.utf8)) }
    }
}

struct KubeconfigError: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
