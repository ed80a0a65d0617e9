import Engine
import Rendering

/// How a node is besides K3s: disks, memory.
struct HealthQuestion {
    static let probe = Probe.command(Script.arguments(.health))

    struct Disk: Equatable {
        let usedPercent: Int
        let freeKiB: Int
        let mount: String
    }

    private(set) var disks: [Disk] = []
    private(set) var memory: (freeKiB: Int, totalKiB: Int)?

    /// Nil when the node could not be asked.
    init?(_ answer: Answer?) {
        guard let answer, answer.succeeded else { return nil }
        for line in answer.lines {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            switch words.first {
            case "disk":
                if words.count == 4, let used = Int(words[1]), let free = Int(words[2]) {
                    disks.append(Disk(usedPercent: used, freeKiB: free, mount: words[3]))
                }
            case "memory":
                if words.count == 3, let free = Int(words[1]), let total = Int(words[2]), total > 0 {
                    memory = (free, total)
                }
            default: break
            }
        }
    }
}

/// The configuration and the manifests on a node, and the charts in the cluster, as `lint` reads them.
enum ManifestsQuestion {
    static let probe = Probe.command(Script.arguments(.manifests))
    static let charts = Probe.command(
        APIQuestion.client + [
            "get", "helmcharts.helm.cattle.io,helmchartconfigs.helm.cattle.io", "-n", "kube-system",
            "--request-timeout=10s", "-o", "yaml",
        ])

    /// The files of `LINES` framing: each begins with `file LINES PATH`.
    static func files(_ answer: Answer?) -> [(path: String, text: String)] {
        guard let answer, answer.succeeded else { return [] }
        var files: [(path: String, text: String)] = []
        var lines = answer.output.split(separator: "\n", omittingEmptySubsequences: false)[...]
        while let head = lines.popFirst() {
            let words = head.split(separator: " ", maxSplits: 2)
            guard words.count == 3, words[0] == "file", let count = Int(words[1]), count >= 0, count <= lines.count
            else {
                continue
            }
            files.append((String(words[2]), lines.prefix(count).map { $0 + "\n" }.joined()))
            lines = lines.dropFirst(count)
        }
        return files
    }
}
