/// What a login needs to know of an OpenSSH user certificate (OpenSSH, PROTOCOL.certkeys).
struct UserCertificate: Equatable {
    /// The certificate as it is offered.
    var blob: [UInt8]
    /// `ssh-ed25519-cert-v01@openssh.com` and so on.
    var type: String
    /// The key that it certifies, as a public key without certificate.
    var key: [UInt8]

    private static let suffix = "-cert-v01@openssh.com"
    /// The certificate of a host.
    private static let hostKind: UInt32 = 2

    enum Problem: Error, Equatable {
        case notACertificate
        case ofAHost
    }

    static func isCertificate(type: String) -> Bool { type.hasSuffix(suffix) }

    init(_ blob: [UInt8]) throws(Problem) {
        var reader = WireReader(blob)
        guard let type = reader.text(), type.hasSuffix(Self.suffix), reader.string() != nil else {
            throw .notACertificate
        }
        let bare = String(type.dropLast(Self.suffix.count))
        let plain = bare.hasPrefix("sk-") ? bare + "@openssh.com" : bare
        guard let count = Self.keyFields[bare] else { throw .notACertificate }
        var key = WireWriter()
        key.string(Array(plain.utf8))
        for _ in 0..<count {
            guard let field = reader.string() else { throw .notACertificate }
            key.string(field)
        }
        // After the serial number, which has 64 bits.
        guard reader.bytes(8) != nil, let kind = reader.uint32() else { throw .notACertificate }
        if kind == Self.hostKind { throw .ofAHost }
        self.blob = blob
        self.type = type
        self.key = key.bytes
    }

    /// How many strings a public key of that type is made of, after its name.
    private static let keyFields = [
        "ssh-ed25519": 1, "ssh-rsa": 2, "ecdsa-sha2-nistp256": 2, "ecdsa-sha2-nistp384": 2, "ecdsa-sha2-nistp521": 2,
        "sk-ssh-ed25519": 2, "sk-ecdsa-sha2-nistp256": 3,
    ]
}
