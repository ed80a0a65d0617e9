import Engine
import Rendering

/// What K3s reads on a node that clusterctl has not written.
enum ForeignFilesQuestion {
    static let probe = Probe.command(Script.arguments(.foreignFiles))

    enum Kind: String {
        case config, unit, manifest
    }

    struct File: Equatable {
        let kind: Kind
        let path: String
    }

    /// - Parameter ours: the paths that clusterctl writes there
    static func files(_ answer: Answer?, without ours: Set<String>) -> [File] {
        guard let answer, answer.succeeded else { return [] }
        return answer.lines.compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])) else { return nil }
            let path = String(parts[1])
            return ours.contains(path) ? nil : File(kind: kind, path: path)
        }
    }
}
