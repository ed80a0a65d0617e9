/// The keys that known_hosts files hold for one host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
struct KnownHosts {
    enum Marker: Equatable { case revoked, certificateAuthority }

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

    /// Reads all files; those that do not exist count as empty.
    static func read(_ paths: [String], host: String, port: Int) throws(SSHFailure) -> KnownHosts {
        var known = KnownHosts()
        for path in paths {
            let expanded = LocalFile.expandHome(path)
            switch LocalFile.read(expanded) {
            case .missing: continue
            case .unreadable(let reason): throw .knownHostsUnreadable(path: expanded, reason: reason)
            case .bytes(let bytes): known.add(bytes, file: expanded, host: host, port: port)
            }
        }
        return known
    }

    /// Adds what the text of one file says about the host; lines that cannot be read are skipped, as OpenSSH does.
    mutating func add(_ text: [UInt8], file: String, host: String, port: Int) {
        let plain = Array(host.lowercased().utf8)
        let name = Self.name(host: host, port: port)
        for (index, line) in text.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            var fields = line.split(whereSeparator: { $0 == 32 || $0 == 9 || $0 == 13 })[...]
            guard let first = fields.first, first.first != UInt8(ascii: "#") else { continue }
            var marker: Marker?
            if first.first == UInt8(ascii: "@") {
                switch String(decoding: first, as: UTF8.self) {
                case "@revoked": marker = .revoked
                case "@cert-authority": marker = .certificateAuthority
                default: continue
                }
                fields = fields.dropFirst()
            }
            guard fields.count >= 3 else { continue }
            let (names, encoded) = (fields[fields.startIndex], fields[fields.startIndex + 2])
            let matches = Self.matches(names, name)
            guard matches || (name != plain && Self.matches(names, plain)) else { continue }
            guard let key = Base64.decode(encoded), let type = keyType(ofBlob: key) else { continue }
            let entry = Entry(marker: marker, type: type, key: key, source: "\(file):\(index + 1)")
            if matches { entries.append(entry) } else { entriesWithoutPort.append(entry) }
        }
    }

    /// The name that the host has in known_hosts: bare for port 22, `[host]:port` otherwise.
    static func name(host: String, port: Int) -> [UInt8] {
        Array((port == 22 ? host.lowercased() : "[\(host.lowercased())]:\(port)").utf8)
    }

    /// Whether a name field, plain patterns or one hashed name, is about `name`.
    static func matches(_ field: ArraySlice<UInt8>, _ name: [UInt8]) -> Bool {
        if field.first == UInt8(ascii: "|") {
            let parts = field.split(separator: UInt8(ascii: "|"))
            guard parts.count == 3, parts[0].elementsEqual("1".utf8), let salt = Base64.decode(parts[1]),
                let hash = Base64.decode(parts[2])
            else { return false }
            return Digests.hmacSHA1(key: salt, message: name) == hash
        }
        var matched = false
        for pattern in field.split(separator: UInt8(ascii: ",")) {
            let negated = pattern.first == UInt8(ascii: "!")
            guard wildcard(negated ? pattern.dropFirst() : pattern, matches: name[...]) else { continue }
            if negated { return false }
            matched = true
        }
        return matched
    }

    /// OpenSSH's patterns: `*` for any run, `?` for one character, letters without case.
    private static func wildcard(_ pattern: ArraySlice<UInt8>, matches name: ArraySlice<UInt8>) -> Bool {
        var (pattern, name) = (pattern, name)
        var retry: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
        while true {
            if let character = pattern.first, character == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, name)
            } else if let character = pattern.first, let other = name.first,
                character == UInt8(ascii: "?") || lowercased(character) == other
            {
                pattern = pattern.dropFirst()
                name = name.dropFirst()
            } else if pattern.isEmpty && name.isEmpty {
                return true
            } else if let last = retry, !last.name.isEmpty {
                name = last.name.dropFirst()
                pattern = last.pattern
                retry = (pattern, name)
            } else {
                return false
            }
        }
    }

    private static func lowercased(_ character: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(character) ? character | 0x20 : character
    }
}

/// `SHA256:` and unpadded base64, as `ssh-keygen -l` prints it.
func fingerprintSHA256(ofBlob blob: [UInt8]) -> String {
    "SHA256:" + Base64.encode(Digests.sha256(blob), padded: false)
}
