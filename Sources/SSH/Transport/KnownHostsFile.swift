import Synchronization

/// A known_hosts file taken apart once for all the hosts of a run: looking a host up costs what its own lines cost,
/// and one digest for each line whose name is hashed.
struct KnownHostsFile: Sendable {
    /// Numbers of the lines that name a host in the clear, by that name in lower case.
    private var plain: [[UInt8]: [Int]] = [:]
    /// Numbers of the lines with wildcards or negated names.
    private var patterns: [Int] = []
    private var hashed: [HashedName] = []
    /// The lines that hold a key; their numbers count from 0.
    private var lines: [Int: Line] = [:]

    struct Line: Sendable {
        var marker: KnownHosts.Marker?
        var names: ArraySlice<UInt8>
        var key: ArraySlice<UInt8>
    }

    private struct HashedName: Sendable {
        var line: Int
        var salted: SaltedSHA1
        var digest: [UInt8]
    }

    /// Lines that cannot be read are left out, as OpenSSH does.
    init(_ text: [UInt8]) {
        for (number, line) in text.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            var fields = line.split(whereSeparator: { $0 == 32 || $0 == 9 || $0 == 13 })[...]
            guard let first = fields.first, first.first != UInt8(ascii: "#") else { continue }
            var marker: KnownHosts.Marker?
            if first.first == UInt8(ascii: "@") {
                switch String(decoding: first, as: UTF8.self) {
                case "@revoked": marker = .revoked
                case "@cert-authority": marker = .certificateAuthority
                default: continue
                }
                fields = fields.dropFirst()
            }
            guard fields.count >= 3 else { continue }
            let names = fields[fields.startIndex]
            lines[number] = Line(marker: marker, names: names, key: fields[fields.startIndex + 2])
            index(names, of: number)
        }
    }

    private mutating func index(_ names: ArraySlice<UInt8>, of number: Int) {
        if names.first == UInt8(ascii: "|") {
            let parts = names.split(separator: UInt8(ascii: "|"))
            guard parts.count == 3, parts[0].elementsEqual("1".utf8), let salt = Base64.decode(parts[1]),
                let digest = Base64.decode(parts[2])
            else { return }
            hashed.append(HashedName(line: number, salted: SaltedSHA1(key: salt), digest: digest))
        } else if names.contains(where: {
            $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "!")
        }) {
            patterns.append(number)
        } else {
            for name in names.split(separator: UInt8(ascii: ",")) {
                plain[name.map(KnownHosts.lowercased), default: []].append(number)
            }
        }
    }

    var hasHashedNames: Bool { !hashed.isEmpty }

    /// The lines about `name`, which is in lower case, with their numbers, in the order of the file.
    func lines(about name: [UInt8]) -> [(number: Int, line: Line)] {
        var numbers = Set(plain[name] ?? [])
        for number in patterns where lines[number].map({ KnownHosts.matches($0.names, name) }) ?? false {
            numbers.insert(number)
        }
        for hash in hashed where hash.salted.digest(name) == hash.digest { numbers.insert(hash.line) }
        return numbers.sorted().compactMap { number in lines[number].map { (number, $0) } }
    }
}

/// The known_hosts files that this process has read; one that has changed since is read again.
final class KnownHostsCache: Sendable {
    static let shared = KnownHostsCache()

    enum Contents {
        case file(KnownHostsFile)
        case missing
        case unreadable(reason: String)
    }

    private let files = Mutex<[String: (stamp: LocalFile.Stamp, file: KnownHostsFile)]>([:])

    func read(_ path: String) -> Contents {
        // The stamp is taken first: a file that changes while it is read is read again the next time.
        let stamp = LocalFile.stamp(path)
        if let stamp, let known = files.withLock({ $0[path] }), known.stamp == stamp { return .file(known.file) }
        switch LocalFile.read(path) {
        case .missing: return .missing
        case .unreadable(let reason): return .unreadable(reason: reason)
        case .bytes(let bytes):
            let file = KnownHostsFile(bytes)
            if let stamp { files.withLock { $0[path] = (stamp, file) } }
            return .file(file)
        }
    }
}
