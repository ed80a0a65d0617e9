import Foundation
import Testing

@testable import ClusterctlCLI

struct SecretFilterTests {
    static let token = "K10a1b2c3d4e5f6a7b8c9d0e1f2::server:0a1b2c3d4e5f"

    @Test(arguments: [
        ("join with \(token) now", "join with (secret) now"),
        ("K10a1b2c3d4e5f6a7b8c9d0::node:x y", "(secret) y"),
        ("token: abcdef123", "token: (secret)"), ("\"token\": \"abc def\"", "\"token\": \"(secret)\""),
        ("--token abcdef123 --x", "--token (secret) --x"), ("K3S_TOKEN=abcdef123", "K3S_TOKEN=(secret)"),
        ("agent-token: 'abc'", "agent-token: '(secret)'"),
        (" neighbor 10.0.0.1 password s3cret", " neighbor 10.0.0.1 password (secret)"),
        ("    auth_pass abcd1234", "    auth_pass (secret)"), ("restic_password=abc123", "restic_password=(secret)"),
        ("etcd-s3-secret-key: AbC/123+", "etcd-s3-secret-key: (secret)"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer (secret)"),
        ("authorization: Basic dXNlcjpw", "authorization: Basic (secret)"),
        ("{\"Authorization\":\"Bearer abc.def-ghi\"}", "{\"Authorization\":\"Bearer (secret)\"}"),
        ("got eyJhbGciOi.eyJzdWIiOiIx.c2ln- done", "got (secret) done"),
        ("    client-key-data: LS0tLS1CRUdJTg==", "    client-key-data: (secret)"),
        ("client-certificate-data: LS0t", "client-certificate-data: (secret)"),
        ("https://user:word@example.org/x", "https://(secret)@example.org/x"),
        // What is none.
        ("token-file: /etc/rancher/k3s/token", "token-file: /etc/rancher/k3s/token"),
        ("https://example.org:6443/x", "https://example.org:6443/x"), ("user@host:/path", "user@host:/path"),
        ("the password was refused", "the password (secret) refused"),
        ("token:", "token:"), ("K10 apples", "K10 apples"), ("a b c", "a b c"), ("", ""),
    ])
    func takesOutWhatLooksLikeASecret(_ line: String, _ filtered: String) {
        #expect(SecretFilter(known: []).filtered(line) == filtered)
    }

    @Test func takesOutWhatIsKnown() {
        let filter = SecretFilter(known: [Self.token + "\n", "p4ss-word", "x"])
        #expect(
            filter.filtered("a \(Self.token) b 0a1b2c3d4e5f c p4ss-word d x") == "a (secret) b (secret) c (secret) d x")
    }

    @Test func takesOutPrivateKeys() {
        let text = "a\n-----BEGIN EC PRIVATE KEY-----\nMHc=\nabc\n-----END EC PRIVATE KEY-----\nb\n"
        #expect(SecretFilter(known: []).filtered(text) == "a\n(secret)\n(secret)\n(secret)\n(secret)\nb\n")
        let certificate = "-----BEGIN CERTIFICATE-----\nMHc=\n-----END CERTIFICATE-----\n"
        #expect(SecretFilter(known: []).filtered(certificate) == certificate)
    }

    @Test func isQuickWithLongLines() {
        let line = String(repeating: "password=a token: b ", count: 20_000)
        let start = ContinuousClock.now
        let filtered = SecretFilter(known: ["abcdefgh"]).filtered(line)
        #expect(!filtered.contains("password=a") && ContinuousClock.now - start < .seconds(60))
    }
}
