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

    /// Writes beside the file and renames, mode 0600; a link is followed, so that what it points to is replaced.
    func write(to path: String) throws {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let folder = (target as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let temporary = "\(target).clusterctl-\(ProcessInfo.processInfo.processIdentifier)"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw KubeconfigError(what: "\(folder) cannot be written to: \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(text.utf8))
            try handle.synchronize()
            guard rename(temporary, target) == 0 else {
                throw KubeconfigError(what: "\(target) cannot be replaced: \(String(cString: strerror(errno)))")
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }
}

struct KubeconfigError: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
