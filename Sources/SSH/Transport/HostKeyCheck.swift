/// Decides whether a server's host key is the right one; strict unless the policy says otherwise.
struct HostKeyCheck {
    private enum Proof {
        case pin(Pin)
        case files(KnownHosts, first: String?, acceptNew: Bool)
    }

    private enum Pin {
        case fingerprint(String)
        case key([UInt8])
    }

    enum Verdict: Equatable {
        case trusted
        /// Trusted by the policy alone: this line is to be appended to the file.
        case trustedNew(line: String, file: String)
        case refused(SSHFailure)
    }

    private let host: String
    private let port: Int
    private let proof: Proof

    /// Reads what is known about the host, before anything is sent to it.
    init(host: String, port: Int, policy: HostKeyPolicy) throws(SSHFailure) {
        self.host = host
        self.port = port
        if let pinned = policy.pinned {
            guard let pin = Self.parsePin(pinned) else { throw .pinUnreadable(host: host, pinned: pinned) }
            proof = .pin(pin)
        } else {
            let known = try KnownHosts.read(policy.knownHostsFiles, host: host, port: port)
            let first = policy.knownHostsFiles.first.map(LocalFile.expandHome)
            proof = .files(known, first: first, acceptNew: policy.acceptNew)
        }
    }

    /// The key types to be asked for first, as known_hosts and .pub files name them.
    var expectedTypes: [String] {
        let types: [String] =
            switch proof {
            case .pin(.fingerprint): []
            case .pin(.key(let key)): keyType(ofBlob: key).map { [$0] } ?? []
            case .files(let known, _, _):
                (known.entries.isEmpty ? known.entriesWithoutPort : known.entries)
                    .filter { $0.marker == nil }.map(\.type)
            }
        return types.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    func verdict(on key: [UInt8]) -> Verdict {
        let got = HostKeyShown(type: keyType(ofBlob: key) ?? "unknown", fingerprint: fingerprintSHA256(ofBlob: key))
        switch proof {
        case .pin(.fingerprint(let pinned)):
            return got.fingerprint == pinned
                ? .trusted : .refused(.hostKeyNotPinned(host: host, pinned: pinned, got: got))
        case .pin(.key(let pinned)):
            let shown = fingerprintSHA256(ofBlob: pinned)
            return key == pinned ? .trusted : .refused(.hostKeyNotPinned(host: host, pinned: shown, got: got))
        case .files(let known, let first, let acceptNew):
            return verdict(on: key, got: got, known: known, first: first, acceptNew: acceptNew)
        }
    }

    private func verdict(
        on key: [UInt8], got: HostKeyShown, known: KnownHosts, first: String?, acceptNew: Bool
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
        guard acceptNew, let first else {
            return .refused(.hostKeyUnknown(host: host, got: got, hint: .firstContact(knownHostsFile: first)))
        }
        let name = String(decoding: KnownHosts.name(host: host, port: port), as: UTF8.self)
        return .trustedNew(line: "\(name) \(got.type) \(Base64.encode(key))", file: first)
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
