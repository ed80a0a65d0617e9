/// The keys that known_hosts files hold for one host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
struct KnownHosts {
    enum Marker: Sendable, Equatable { case revoked, certificateAuthority }

    struct Entry: Equatable {
        var marker: Marker?
        var type: String
        var key: [UInt8]
        /// `file:line`
        var source: String

        var shown: HostKeyShown {
            HostKeyShown(type: type, fingerprint: fingerprintSHA256(ofBlob: key), source: source)
        }
    }

    /// Entries for the host under the port that is asked for.
    var entries: [Entry] = []
    /// Entries for the bare name while another port than 22 is asked for: OpenSSH takes a match, and no mismatch.
    var entriesWithoutPort: [Entry] = []

    /// Looks the host up in all files; those that do not exist count as empty.
    static func read(
        _ paths: [String], host: String, port: Int, cache: KnownHostsCache = .shared
    ) throws(SSHFailure) -> KnownHosts {
        var known = KnownHosts()
        for path in paths {
            let expanded = LocalFile.expandHome(path)
            switch cache.read(expanded) {
            case .missing: continue
            case .unreadable(let reason): throw .knownHostsUnreadable(path: expanded, reason: reason)
            case .file(let file): known.add(file, path: expanded, host: host, port: port)
            }
        }
        return known
    }

    /// Adds what one file says about the host; a key that is no key is skipped, as OpenSSH does.
    mutating func add(_ file: KnownHostsFile, path: String, host: String, port: Int) {
        let plain = Array(host.lowercased().utf8)
        let name = Self.name(host: host, port: port)
        let about = file.lines(about: name)
        entries += about.compactMap { Self.entry($0.line, source: "\(path):\($0.number + 1)") }
        guard name != plain else { return }
        let numbers = Set(about.map(\.number))
        entriesWithoutPort += file.lines(about: plain).filter { !numbers.contains($0.number) }
            .compactMap { Self.entry($0.line, source: "\(path):\($0.number + 1)") }
    }

    private static func entry(_ line: KnownHostsFile.Line, source: String) -> Entry? {
        guard let key = Base64.decode(line.key), let type = keyType(ofBlob: key) else { return nil }
        return Entry(marker: line.marker, type: type, key: key, source: source)
    }

    /// The name that the host has in known_hosts: bare for port 22, `[host]:port` otherwise.
    static func name(host: String, port: Int) -> [UInt8] {
        Array((port == 22 ? host.lowercased() : "[\(host.lowercased())]:\(port)").utf8)
    }

    /// A line for a file, without its end. A hashed name has a salt of its own, as `ssh-keygen -H` makes it.
    ///
    /// - Parameter publicKey: type and base64, as in a .pub file.
    static func line(name: [UInt8], isHashed: Bool, publicKey: String) -> String {
        var field = String(decoding: name, as: UTF8.self)
        if isHashed {
            var random = SystemRandomNumberGenerator()
            let salt = (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            field = "|1|\(Base64.encode(salt))|\(Base64.encode(SaltedSHA1(key: salt).digest(name)))"
        }
        return "\(field) \(publicKey)"
    }

    /// Whether the user hides names in this file already.
    static func hasHashedNames(_ path: String, cache: KnownHostsCache = .shared) -> Bool {
        if case .file(let file) = cache.read(path) { file.hasHashedNames } else { false }
    }

    /// Whether a field of names and patterns is about `name`; a hashed name is not among them.
    static func matches(_ field: ArraySlice<UInt8>, _ name: [UInt8]) -> Bool {
        var matched = false
        for pattern in field.split(separator: UInt8(ascii: ",")) {
            let negated = pattern.first == UInt8(ascii: "!")
            let plain = (negated ? pattern.dropFirst() : pattern).map(lowercased)
            guard Wildcard.matches(plain, name) else { continue }
            if negated { return false }
            matched = true
        }
        return matched
    }

    static func lowercased(_ character: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(character) ? character | 0x20 : character
    }
}

/// `SHA256:` and unpadded base64, as `ssh-keygen -l` prints it.
func fingerprintSHA256(ofBlob blob: [UInt8]) -> String {
    "SHA256:" + Base64.encode(Digests.sha256(blob), padded: false)
}
