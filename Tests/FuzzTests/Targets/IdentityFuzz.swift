@testable import SSH

/// Files with keys and certificates: what is told of them is consistent.
enum IdentityFuzz {
    static func take(_ bytes: [UInt8]) throws(Broken) {
        let file = IdentityFile.parse(bytes, path: "f", publicKey: nil)
        let isPrivate = file.kind == .ready || file.kind == .encrypted
        try must(isPrivate == !file.text.isEmpty || bytes.isEmpty, "\(file.kind) with \(file.text.count) bytes")
        if let certificate = try? UserCertificate(bytes) {
            try must(UserCertificate.isCertificate(type: certificate.type), "\(certificate.type) is no certificate")
            try must(keyType(ofBlob: certificate.key) != nil, "a certificate of a key without a type")
        }
        try must(Base64.decode(Base64.encode(bytes).utf8) == bytes, "base64 does not come back")
        try must(Base64.decode(Base64.encode(bytes, padded: false).utf8) == bytes, "unpadded base64 does not come back")
        if let decoded = Base64.decode(bytes) { try must(decoded.count <= bytes.count, "more than was there") }
    }
}
