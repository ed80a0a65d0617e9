/// What can be told about a private key file without using it.
struct IdentityFile: Equatable {
    enum Kind: Equatable {
        /// Usable as it is; the type when the file or its .pub tells.
        case ready(type: String?)
        case encrypted(type: String?)
        case unusable(reason: String)
    }

    var path: String
    var kind: Kind
    /// The public key, from the file itself (OpenSSH's format) or from the .pub beside it.
    var publicKey: [UInt8]?

    /// nil when the file does not exist.
    static func read(_ path: String) -> Result<IdentityFile, Problem>? {
        switch LocalFile.read(path) {
        case .missing: return nil
        case .unreadable(let reason): return .failure(Problem(reason: reason))
        case .bytes(let bytes):
            var publicKey: [UInt8]?
            if case .bytes(let text) = LocalFile.read(path + ".pub") { publicKey = parsePublic(text) }
            return .success(parse(bytes, path: path, publicKey: publicKey))
        }
    }

    struct Problem: Error, Equatable { var reason: String }

    static func parse(_ text: [UInt8], path: String, publicKey: [UInt8]?) -> IdentityFile {
        let lines = text.split(whereSeparator: { $0 == 10 || $0 == 13 }).map { String(decoding: $0, as: UTF8.self) }
        func identity(_ kind: Kind, _ key: [UInt8]? = publicKey) -> IdentityFile {
            IdentityFile(path: path, kind: kind, publicKey: key)
        }
        let besideType = publicKey.flatMap(keyType)
        switch lines.first(where: { $0.hasPrefix("-----BEGIN ") }) {
        case "-----BEGIN OPENSSH PRIVATE KEY-----":
            guard let (key, encrypted) = parseOpenSSH(lines) else {
                return identity(.unusable(reason: "its OpenSSH format cannot be read"))
            }
            let type = keyType(ofBlob: key)
            return identity(encrypted ? .encrypted(type: type) : .ready(type: type), key)
        case "-----BEGIN ENCRYPTED PRIVATE KEY-----":
            return identity(.encrypted(type: besideType))
        case "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----":
            let encrypted = lines.contains { $0.hasPrefix("Proc-Type:") && $0.contains("ENCRYPTED") }
            let type = besideType ?? (lines.contains("-----BEGIN RSA PRIVATE KEY-----") ? "ssh-rsa" : nil)
            return identity(encrypted ? .encrypted(type: type) : .ready(type: type))
        case .some:
            return identity(.unusable(reason: "it is no private key of a kind that libssh2 takes"))
        case nil:
            return identity(.unusable(reason: "it holds no private key"))
        }
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
