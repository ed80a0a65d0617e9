import Foundation
import Testing

@testable import SSH

/// In which order keys are offered, without a server.
@Suite(.enabled(if: ServerFixture.missing == nil, "needs ssh-keygen"))
struct LoginOrderTests {
    private let directory: String

    init() throws {
        directory = try ServerFixture.makeDirectory()
        for name in ["a", "b", "c", "ca"] { try ServerFixture.makeKey("ecdsa", at: path(name)) }
        try ServerFixture.makeKey("ecdsa", at: path("locked"), passphrase: "open sesame")
    }

    private func path(_ name: String) -> String { "\(directory)/\(name)" }

    private func certify(_ name: String) throws {
        try ServerFixture.run("/usr/bin/ssh-keygen", ["-q", "-s", path("ca"), "-I", "test", path(name) + ".pub"])
    }

    private func held(_ names: String...) throws -> [AgentClient.Identity] {
        try names.map {
            AgentClient.Identity(key: try #require(IdentityFile.readPublic(path($0) + ".pub")), comment: $0)
        }
    }

    /// The keys as `agent:x` and `file:x`, with a + for a certificate.
    private func order(
        _ names: [String], _ identities: [AgentClient.Identity], change: (inout SSHLogin) -> Void = { _ in }
    ) -> [String] {
        var candidates = LoginCandidates()
        var login = SSHLogin(identityFiles: names.map(path))
        change(&login)
        candidates.arrange(login, identities)
        return candidates.keys.map { key in
            let name = key.shown.origin.replacing("agent: ", with: "").replacing(directory + "/", with: "")
            let kind = if case .agent = key.signer { "agent" } else { "file" }
            return "\(kind):\(name)\(key.isCertificate ? "+" : "")"
        }
    }

    @Test func agentKeysOfNamedFilesComeFirstThenOpenFilesThenOtherAgentKeysThenLockedFiles() throws {
        #expect(try order(["locked", "b", "c"], held("a", "c")) == ["agent:c", "file:b", "agent:a", "file:locked"])
    }

    @Test func onlyFilesCountWhereTheUserSaysSo() throws {
        #expect(try order(["b", "c"], held("a", "c")) { $0.identitiesOnly = true } == ["agent:c", "file:b"])
    }

    @Test func aCertificateComesBeforeItsKey() throws {
        try certify("b")
        try certify("c")
        #expect(
            try order(["b", "c"], held("a", "c")) == ["agent:c+", "agent:c", "file:b+", "file:b", "agent:a"])
    }

    @Test func listedCertificatesComeFirstAndReplaceThoseBesideTheKeys() throws {
        try certify("b")
        try certify("c")
        let order = try order(["b", "c"], held("a")) { $0.certificateFiles = [path("c-cert.pub")] }
        #expect(order == ["file:c-cert.pub+", "file:b", "file:c", "agent:a"])
    }

    @Test func aKeyIsOfferedOnce() throws {
        try FileManager.default.copyItem(atPath: path("b"), toPath: path("same"))
        #expect(order(["b", "same"], []) == ["file:b"])
    }
}
