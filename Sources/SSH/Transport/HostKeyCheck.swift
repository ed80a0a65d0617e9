/// Decides whether a server's host key is the right one; strict unless the policy says otherwise.
struct HostKeyCheck {
    private enum Proof {
        case pins([Pin])
        /// `name` is nil where keys of new hosts are not taken.
        case files(KnownHosts, first: String?, name: NewName?)
    }

    private enum Pin {
        case fingerprint(String)
        case key([UInt8])

        var fingerprint: String {
            switch self {
            case .fingerprint(let text): text
            case .key(let key): fingerprintSHA256(ofBlob: key)
            }
        }
    }

    /// How a host that becomes known is called in the file.
    private struct NewName {
        var name: [UInt8]
        var isHashed: Bool
    }

    enum Verdict: Equatable {
        case trusted
        /// Trusted by the policy alone: this line is to be appended to the file.
        case trustedNew(line: String, file: String)
        case refused(SSHFailure)
    }

    private let host: String
    private let proof: Proof

    /// Reads what is known about the host, before anything is sent to it.
    init(host: String, port: Int, policy: HostKeyPolicy) throws(SSHFailure) {
        self.host = host
        var pins: [Pin] = []
        for pinned in policy.pinned {
            guard let pin = Self.parsePin(pinned) else { throw .pinUnreadable(host: host, pinned: pinned) }
            pins.append(pin)
        }
        guard pins.isEmpty else {
            proof = .pins(pins)
            return
        }
        // An alias stands in the files by itself, whatever the port that is connected to.
        let (name, port) = (policy.alias ?? host, policy.alias == nil ? port : policy.aliasPort)
        let known = try KnownHosts.read(policy.knownHostsFiles, host: name, port: port)
        let first = policy.knownHostsFiles.first.map(LocalFile.expandHome)
        var new: NewName?
        if policy.acceptNew, let first {
            let isHashed = policy.hashesNames || KnownHosts.hasHashedNames(first)
            new = NewName(name: KnownHosts.name(host: name, port: port), isHashed: isHashed)
        }
        proof = .files(known, first: first, name: new)
    }

    /// The key types to be asked for first, as known_hosts and .pub files name them.
    var expectedTypes: [String] {
        let types: [String] =
            switch proof {
            case .pins(let pins):
                pins.compactMap { if case .key(let key) = $0 { keyType(ofBlob: key) } else { nil } }
            case .files(let known, _, _):
                (known.entries.isEmpty ? known.entriesWithoutPort : known.entries)
                    .filter { $0.marker == nil }.map(\.type)
            }
        return types.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    func verdict(on key: [UInt8]) -> Verdict {
        let got = HostKeyShown(type: keyType(ofBlob: key) ?? "unknown", fingerprint: fingerprintSHA256(ofBlob: key))
        switch proof {
        case .pins(let pins):
            let shown = pins.map(\.fingerprint)
            if shown.contains(got.fingerprint) { return .trusted }
            let pinned = shown.joined(separator: " or ")
            return .refused(.hostKeyNotPinned(host: host, pinned: pinned, got: got))
        case .files(let known, let first, let name):
            return verdict(on: key, got: got, known: known, first: first, newName: name)
        }
    }

    private func verdict(
        on key: [UInt8], got: HostKeyShown, known: KnownHosts, first: String?, newName: NewName?
    ) -> Verdict {
        let all = known.entries + known.entriesWithoutPort
        if all.contains(where: { $0.marker == .revoked && $0.key == key }) {
            return .refused(.hostKeyRevoked(host: host, got: got))
        }
        let keys = known.entries.filter { $0.marker == nil }
        if keys.contains(where: { $0.key == key }) { return .trusted }
        let sameType = keys.filter { $0.type == got.type }
        if !sameType.isEmpty {
            return .refused(.hostKeyChanged(host: host, expected: sameType.map(\.shown), got: got))
        }
        if !keys.isEmpty {
            return .refused(.hostKeyTypeChanged(host: host, known: keys.map(\.shown), got: got))
        }
        if known.entriesWithoutPort.contains(where: { $0.marker == nil && $0.key == key }) { return .trusted }
        if let authority = all.first(where: { $0.marker == .certificateAuthority }) {
            let hint = HostKeyHint.onlyCertificateAuthority(source: authority.source)
            return .refused(.hostKeyUnknown(host: host, got: got, hint: hint))
        }
        guard let newName, let first else {
            return .refused(.hostKeyUnknown(host: host, got: got, hint: .firstContact(knownHostsFile: first)))
        }
        let line = KnownHosts.line(
            name: newName.name, isHashed: newName.isHashed, publicKey: "\(got.type) \(Base64.encode(key))")
        return .trustedNew(line: line, file: first)
    }

    private static func parsePin(_ text: String) -> Pin? {
        let fields = text.split(whereSeparator: \.isWhitespace)
        if let only = fields.first, fields.count == 1, only.hasPrefix("SHA256:") {
            let digest = only.dropFirst(7).utf8.prefix { $0 != UInt8(ascii: "=") }
            guard let bytes = Base64.decode(digest), bytes.count == 32 else { return nil }
            return .fingerprint("SHA256:" + Base64.encode(bytes, padded: false))
        }
        guard fields.count >= 2, let key = Base64.decode(fields[1].utf8), keyType(ofBlob: key) == String(fields[0])
        else { return nil }
        return .key(key)
    }
}
