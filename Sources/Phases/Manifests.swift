import Crypto
import Engine
import Rendering

extension KubernetesObject {
    /// Objects whose manifest carries its own digest, so that a later run can compare without sending it.
    ///
    /// - Parameter manifest: the manifest with this text as the digest annotation of each object. It is rendered once
    ///   without a digest, which is what the digest is taken of, and once with it.
    init(name: String, references: [Reference], manifest: (String) -> String) {
        let digest = sha256(manifest(""))
        self.init(
            name: name, client: APIQuestion.client, manifest: manifest(digest), references: references, digest: digest)
    }
}

extension Command {
    /// Waits until the API answers this question about a kind that somebody has just brought.
    static func waitForKind(_ kind: String, asking question: [String]) -> Command {
        let words = APIQuestion.client + question
        return Command(
            name: "wait until the API knows \(kind)",
            arguments: ["sh", "-c", #"until "$@"; do sleep 1; done"#, "wait"] + words, unless: words)
    }
}

/// SHA-256 of a text in hexadecimal digits.
func sha256(_ text: String) -> String {
    SHA256.hash(data: Array(text.utf8)).map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }.joined()
}
