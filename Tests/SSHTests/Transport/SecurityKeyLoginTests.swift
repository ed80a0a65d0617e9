import Foundation
import Testing

@testable import SSH

/// Logins by security keys (FIDO) in an agent. The key here is a file, and the agent adds what an authenticator would.
@Suite(
    .enabled(if: ServerFixture.missing == nil, "needs root, sshd and ssh-keygen"),
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "needs openssl"))
struct SecurityKeyLoginTests {
    private static let type = "sk-ecdsa-sha2-nistp256@openssh.com"

    @Test func logsInByASecurityKeyInTheAgent() async throws {
        let server = try ServerFixture()
        let path = "\(server.directory)/authenticator"
        try ServerFixture.makeKey("ecdsa", at: path, format: "PEM")
        var plain = WireReader(try #require(IdentityFile.readPublic(path + ".pub")))
        let fields = [plain.string(), plain.string(), plain.string()].compactMap { $0 }
        try #require(fields.count == 3)
        var key = WireWriter()
        for field in [Array(Self.type.utf8), fields[1], fields[2], Array("ssh:".utf8)] { key.string(field) }
        try "\(Self.type) \(Base64.encode(key.bytes))\n"
            .write(toFile: "\(server.directory)/authorized", atomically: true, encoding: .utf8)

        let agent = try BadAgent(directory: server.directory, lists: key.bytes) { request in
            try? Self.sign(request, with: path)
        }
        let failure = await connectFailure(try server.target(identities: ["/nowhere/id"], agent: agent.socket))
        if let version = LibSSH2.versionNeeded(forType: Self.type) {
            let shown = OfferedKey(
                type: Self.type, origin: "agent: bad", fingerprint: fingerprintSHA256(ofBlob: key.bytes))
            #expect(failure?.hints?.contains(.keyTypeUnsupported(shown, neededVersion: version)) == true)
        } else {
            #expect(failure == nil)
        }
    }

    /// The agent's answer: the signature covers the application, flags (somebody was there), a counter and the message
    /// (OpenSSH, PROTOCOL.u2f).
    private static func sign(_ request: [UInt8], with path: String) throws -> [UInt8] {
        var reader = WireReader(Array(request.dropFirst()))
        _ = reader.string()
        let data = reader.string()
        let message = try #require(data)
        let presence: [UInt8] = [1, 0, 0, 0, 7]
        let signed = Digests.sha256(Array("ssh:".utf8)) + presence + Digests.sha256(message)
        try Data(signed).write(to: URL(fileURLWithPath: path + ".data"))
        let output = path + ".signature"
        try ServerFixture.run("/usr/bin/openssl", ["dgst", "-sha256", "-sign", path, "-out", output, path + ".data"])
        // A sequence of two numbers, in DER as in SSH big-endian with a sign bit.
        let der = [UInt8](try Data(contentsOf: URL(fileURLWithPath: output)))
        let first = Int(der[3])
        var numbers = WireWriter()
        numbers.string(Array(der[4..<(4 + first)]))
        numbers.string(Array(der[(6 + first)...]))
        var signature = WireWriter()
        signature.string(Array(type.utf8))
        signature.string(numbers.bytes)
        var answer = WireWriter()
        answer.byte(14)
        answer.string(signature.bytes + presence)
        return answer.bytes
    }
}
