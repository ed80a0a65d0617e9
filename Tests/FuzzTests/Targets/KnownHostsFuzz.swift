@testable import SSH

/// A key is found with its line, and one that is added is found whatever stands before it.
enum KnownHostsFuzz {
    private static let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEYVR6io+TCP/stGhvM1O7l1+TXchhCJgue6lpfBXgEW"

    static func take(_ bytes: [UInt8]) throws(Broken) {
        let file = KnownHostsFile(bytes)
        let lineCount = bytes.count { $0 == 10 } + 1
        for (host, port) in [("node.example.org", 22), ("node.example.org", 2222), ("10.0.0.1", 22), ("::1", 1)] {
            let found = entries(file, host, port)
            for entry in found {
                let line = entry.source.split(separator: ":").last.flatMap { Int($0) } ?? 0
                try must((1...lineCount).contains(line), "\(entry.source) of \(lineCount) lines")
                try must(keyType(ofBlob: entry.key) == entry.type, "a key of another type")
                try must(!entry.shown.fingerprint.isEmpty, "a key without a fingerprint")
            }
            let line = KnownHosts.line(name: KnownHosts.name(host: host, port: port), isHashed: false, publicKey: key)
            let more = entries(KnownHostsFile(bytes + Array("\n\(line)\n".utf8)), host, port)
            try must(more.last?.source == "f:\(lineCount + 1)", "the line of \(host) port \(port) is not found")
        }
    }

    private static func entries(_ file: KnownHostsFile, _ host: String, _ port: Int) -> [KnownHosts.Entry] {
        var known = KnownHosts()
        known.add(file, path: "f", host: host, port: port)
        return known.entries
    }
}
