/// What can be told about a private key file without using it.
struct IdentityFile: Equatable {
    enum Kind: Equatable {
        /// Usable as it is.
        case ready
        case encrypted
        case missing
        case unreadable(reason: String)
        case unusable(reason: String)
    }

    var path: String
    var kind: Kind
    /// The type that the file or its public half tells.
    var type: String?
    /// The public key, from the file itself (OpenSSH's format) or from the .pub beside it. An agent may hold the key
    /// also of a file that cannot be used.
    var publicKey: [UInt8]?
    /// From the `-cert.pub` beside the file.
    var certificate: UserCertificate?
    /// The private half as it stands in the file; empty when it is not there.
    var text: [UInt8] = []

    /// Looks at the file and at what lies beside it.
    static func read(_ path: String) -> IdentityFile {
        let beside = readPublic(path + ".pub")
        var file: IdentityFile
        switch LocalFile.read(path) {
        case .missing: file = IdentityFile(path: path, kind: .missing, type: nil, publicKey: beside)
        case .unreadable(let reason):
            file = IdentityFile(path: path, kind: .unreadable(reason: reason), type: nil, publicKey: beside)
        case .bytes(let bytes): file = parse(bytes, path: path, publicKey: beside)
        }
        file.type = file.publicKey.flatMap(keyType) ?? file.type
        file.certificate = readPublic(path + "-cert.pub").flatMap { try? UserCertificate($0) }
        return file
    }

    /// The key or certificate of a .pub file; nil when there is none to be read.
    static func readPublic(_ path: String) -> [UInt8]? {
        guard case .bytes(let text) = LocalFile.read(path) else { return nil }
        return parsePublic(text)
    }

    static func parse(_ text: [UInt8], path: String, publicKey: [UInt8]?) -> IdentityFile {
        let lines = text.split(whereSeparator: { $0 == 10 || $0 == 13 }).map { String(decoding: $0, as: UTF8.self) }
        func identity(_ kind: Kind, _ type: String? = nil, _ key: [UInt8]? = publicKey) -> IdentityFile {
            let isPrivate = kind == .ready || kind == .encrypted
            return IdentityFile(
                path: path, kind: kind, type: key.flatMap(keyType) ?? type, publicKey: key, text: isPrivate ? text : [])
        }
        let headings = lines.filter { $0.hasPrefix("-----BEGIN ") }
        switch headings.first(where: { $0.contains("PRIVATE KEY") }) ?? headings.first {
        case "-----BEGIN OPENSSH PRIVATE KEY-----":
            guard let (key, encrypted) = parseOpenSSH(lines) else {
                return identity(.unusable(reason: "its OpenSSH format cannot be read"))
            }
            return identity(encrypted ? .encrypted : .ready, nil, key)
        case "-----BEGIN ENCRYPTED PRIVATE KEY-----": return identity(.encrypted)
        case "-----BEGIN RSA PRIVATE KEY-----": return identity(isEncrypted(lines) ? .encrypted : .ready, "ssh-rsa")
        case "-----BEGIN EC PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----":
            return identity(isEncrypted(lines) ? .encrypted : .ready)
        case .some: return identity(.unusable(reason: "it is no private key of a kind that libssh2 takes"))
        case nil:
            // Named by its public half: only an agent can have the private one.
            if let key = parsePublic(text) {
                return identity(.unusable(reason: "it is a public key, and the SSH agent does not hold it"), nil, key)
            }
            return identity(.unusable(reason: "it holds no private key"))
        }
    }

    /// PEM's own encryption, before PKCS #8 (RFC 1421).
    private static func isEncrypted(_ lines: [String]) -> Bool {
        lines.contains { $0.hasPrefix("Proc-Type:") && $0.contains("ENCRYPTED") }
    }

    /// The public half and whether a passphrase guards the private one (OpenSSH, PROTOCOL.key).
    private static func parseOpenSSH(_ lines: [String]) -> (key: [UInt8], encrypted: Bool)? {
        let body = lines.filter { !$0.hasPrefix("-----") }.joined().utf8.filter { $0 != 32 && $0 != 9 }
        guard let bytes = Base64.decode(body) else { return nil }
        var reader = WireReader(bytes)
        guard reader.bytes(15) == Array("openssh-key-v1\0".utf8), let cipher = reader.text(),
            reader.string() != nil, reader.string() != nil, reader.uint32() == 1, let key = reader.string()
        else { return nil }
        return (key, cipher != "none")
    }

    private static func parsePublic(_ text: [UInt8]) -> [UInt8]? {
        let fields = text.split(whereSeparator: { $0 == 32 || $0 == 9 || $0 == 10 || $0 == 13 })
        guard fields.count >= 2, let key = Base64.decode(fields[1]),
            keyType(ofBlob: key) == String(decoding: fields[0], as: UTF8.self)
        else { return nil }
        return key
    }
}
