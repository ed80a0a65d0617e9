import CLibSSH2

/// Which algorithms a session offers, and in which order: the library's own list, strongest and cheapest first,
/// without what OpenSSH has long stopped offering. Names that this library lacks are never asked for.
enum Algorithms {
    /// The rest of the list follows, as it also holds the markers of RFC 8308 and of strict key exchange.
    private static let firstKeyExchanges = [
        "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
    ]
    private static let firstCiphers = [
        "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr",
        "aes256-ctr",
    ]
    private static let firstMACs = [
        "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512",
    ]
    /// The algorithms that prove a key of each type.
    static let hostKeyFamilies = [
        ["ssh-ed25519"], ["ecdsa-sha2-nistp256"], ["ecdsa-sha2-nistp384"], ["ecdsa-sha2-nistp521"],
        ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
    ]
    private static let hostKeys = hostKeyFamilies.flatMap { $0 }

    /// As for a login, but for the host keys: these alone.
    ///
    /// - Returns: whether the library has one of them.
    static func configure(_ session: OpaquePointer, hostKeys: [String]) -> Bool {
        configure(session, expectedHostKeyTypes: [])
        return set(session, LIBSSH2_METHOD_HOSTKEY, first: hostKeys) { _ in false }
    }

    static func configure(_ session: OpaquePointer, expectedHostKeyTypes: [String]) {
        set(session, LIBSSH2_METHOD_KEX, first: firstKeyExchanges) { !$0.hasSuffix("-sha1") }
        for method in [LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC] {
            set(session, method, first: firstCiphers) { _ in false }
        }
        for method in [LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC] {
            set(session, method, first: firstMACs) { $0.hasPrefix("hmac-sha1") && !$0.contains("96") }
        }
        let expected = expectedHostKeyTypes.flatMap { $0 == "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", $0] : [$0] }
        set(session, LIBSSH2_METHOD_HOSTKEY, first: expected + hostKeys) { _ in false }
    }

    /// The names of `first` that the library has, in this order, then those of its others that `keep` lets pass.
    @discardableResult
    private static func set(
        _ session: OpaquePointer, _ method: Int32, first: [String], keep: (String) -> Bool
    ) -> Bool {
        let supported = supported(session, method)
        var wanted: [String] = []
        for name in first where supported.contains(name) && !wanted.contains(name) { wanted.append(name) }
        for name in supported where !wanted.contains(name) && keep(name) { wanted.append(name) }
        return !wanted.isEmpty && libssh2_session_method_pref(session, method, wanted.joined(separator: ",")) == 0
    }

    private static func supported(_ session: OpaquePointer, _ method: Int32) -> [String] {
        var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
        let count = libssh2_session_supported_algs(session, method, &names)
        guard count > 0, let names else { return [] }
        defer { libssh2_free(session, names) }
        return (0..<Int(count)).compactMap { index in names[index].map { String(cString: $0) } }
    }
}

/// The libssh2 that runs, which may be newer than the header.
enum LibSSH2 {
    /// Must be done once, before any session exists.
    static let isInitialised: Bool = libssh2_init(0) == 0

    static let version: String = libssh2_version(0).map { String(cString: $0) } ?? "unknown"

    /// Whether logins by RSA keys sign with SHA-2 (1.11.0 and newer).
    static let signsRSAWithSHA2 = isAtLeast(0x010b00)

    /// The oldest version that logs in with keys or certificates of that type; nil when this one does.
    static func versionNeeded(forType type: String) -> String? {
        switch type {
        case "ssh-rsa-cert-v01@openssh.com": isAtLeast(0x010b01) ? nil : "1.11.1"
        case "ssh-ed25519-cert-v01@openssh.com",
            _ where type.hasPrefix("sk-"):
            isAtLeast(0x010b00) ? nil : "1.11.0"
        default: nil
        }
    }

    /// One byte each for major, minor and patch.
    private static func isAtLeast(_ version: Int32) -> Bool { libssh2_version(version) != nil }
}
