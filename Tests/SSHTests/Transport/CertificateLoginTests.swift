import Foundation
import Testing

@testable import SSH

/// Logins by OpenSSH certificates, on real servers that trust an authority and no key.
@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct CertificateLoginTests {
    private let server: ServerFixture
    private let authority: String

    init() throws {
        let authority = try ServerFixture.makeDirectory()
        try ServerFixture.makeKey("ed25519", at: authority + "/ca")
        server = try ServerFixture(options: ["TrustedUserCAKeys \(authority)/ca.pub"])
        try "".write(toFile: "\(server.directory)/authorized", atomically: true, encoding: .utf8)
        self.authority = authority
    }

    private func makeKey(_ type: String, passphrase: String = "", asHost: Bool = false) throws -> String {
        let path = "\(authority)/id_\(type)"
        try ServerFixture.makeKey(type, at: path, passphrase: passphrase)
        try ServerFixture.run(
            "/usr/bin/ssh-keygen",
            ["-q", "-s", "\(authority)/ca", "-I", "test", "-n", server.user] + (asHost ? ["-h"] : []) + ["\(path).pub"])
        return path
    }

    /// Success, or the word that this libssh2 is too old.
    private func expectLogin(_ target: SSHTarget, _ path: String, secrets: FixedSecrets = FixedSecrets()) async throws {
        let certificate = try UserCertificate(try #require(IdentityFile.readPublic(path + "-cert.pub")))
        let failure = await connectFailure(target, secrets: secrets)
        guard let version = LibSSH2.versionNeeded(forType: certificate.type) else {
            #expect(failure == nil)
            return
        }
        let isTold = failure?.hints?.contains {
            if case .keyTypeUnsupported(let key, version) = $0 { key.type == certificate.type } else { false }
        }
        #expect(isTold == true, "\(String(describing: failure))")
    }

    @Test(arguments: ["ed25519", "ecdsa", "rsa"])
    func logsInByTheCertificateBesideTheKey(type: String) async throws {
        let path = try makeKey(type)
        try await expectLogin(try server.target(identities: [path]), path)
    }

    @Test(arguments: ["ed25519", "ecdsa", "rsa"])
    func logsInByTheCertificateThatTheAgentHolds(type: String) async throws {
        let path = try makeKey(type)
        let agent = try AgentFixture(directory: authority)
        try agent.add(path)
        try await expectLogin(try server.target(identities: ["/nowhere/id"], agent: agent.socket), path)
    }

    @Test(arguments: ["ed25519", "ecdsa", "rsa"])
    func logsInByAListedCertificateWhoseKeyTheAgentHolds(type: String) async throws {
        let path = try makeKey(type)
        let elsewhere = "\(authority)/elsewhere"
        try FileManager.default.copyItem(atPath: path + "-cert.pub", toPath: elsewhere)
        let agent = try AgentFixture(directory: authority)
        try agent.add(path)
        var target = try server.target(identities: ["/nowhere/id"], agent: agent.socket)
        target.login.certificateFiles = [elsewhere]
        target.login.identitiesOnly = true
        try await expectLogin(target, path)
    }

    @Test func opensAnEncryptedKeyForItsCertificate() async throws {
        let path = try makeKey("ecdsa", passphrase: "open sesame")
        let secrets = FixedSecrets(passphrase: "open sesame")
        try await expectLogin(try server.target(identities: [path]), path, secrets: secrets)
        #expect(secrets.asked == [path])
        let failure = await connectFailure(
            try server.target(identities: [path]), secrets: FixedSecrets(passphrase: "open barley"))
        #expect(failure?.hints == [.passphraseWrong(path: path)])
    }

    @Test func tellsWhatIsWrongWithACertificate() async throws {
        let host = try makeKey("ed25519", asHost: true)
        let lonely = try makeKey("ecdsa")
        var target = try server.target(identities: ["/nowhere/id"])
        target.login.certificateFiles = [host + "-cert.pub", lonely + "-cert.pub", lonely + ".pub", "/nowhere/cert"]
        let hints = try #require(await connectFailure(target)?.hints)
        #expect(
            hints == [
                .certificateUnusable(path: host + "-cert.pub", reason: "it is the certificate of a host"),
                .certificateUnusable(
                    path: lonely + "-cert.pub",
                    reason: "neither the identity files nor the SSH agent hold its private key"),
                .certificateUnusable(path: lonely + ".pub", reason: "it is no certificate of OpenSSH's format"),
                .certificateUnusable(path: "/nowhere/cert", reason: "it cannot be read"),
                .identityMissing(path: "/nowhere/id"),
            ])
    }
}
