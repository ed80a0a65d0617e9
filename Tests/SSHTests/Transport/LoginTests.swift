import Engine
import Foundation
import Synchronization
import Testing

@testable import SSH

/// Logins by key files, with real servers.
@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct LoginTests {
    /// A private key as `ssh-keygen` writes it.
    struct Kind: Sendable {
        var type: String
        var format: String

        /// nil where the login has to succeed.
        var expectedHints: [LoginHint]? {
            type == "rsa" && !LibSSH2.signsRSAWithSHA2 ? [.rsaNeedsNewerLibrary(version: LibSSH2.version)] : nil
        }

        static let all = [
            Kind(type: "ed25519", format: "RFC4716"), Kind(type: "ecdsa", format: "RFC4716"),
            Kind(type: "ecdsa", format: "PEM"), Kind(type: "ecdsa", format: "PKCS8"),
            Kind(type: "rsa", format: "RFC4716"), Kind(type: "rsa", format: "PEM"), Kind(type: "rsa", format: "PKCS8"),
        ]
    }

    @Test(arguments: [true, false])
    func logsInByKeyFile(withPublicKeyBeside: Bool) async throws {
        let server = try ServerFixture()
        for kind in Kind.all {
            let path = try server.makeAuthorizedKey(kind.type, format: kind.format)
            if !withPublicKeyBeside { try FileManager.default.removeItem(atPath: path + ".pub") }
            let failure = await connectFailure(try server.target(identities: [path]))
            #expect(failure?.hints == kind.expectedHints, "\(kind)")
        }
    }

    @Test(arguments: [true, false])
    func logsInByEncryptedKeyFile(withPublicKeyBeside: Bool) async throws {
        let server = try ServerFixture()
        for kind in Kind.all {
            let path = try server.makeAuthorizedKey(kind.type, format: kind.format, passphrase: "open sesame")
            if !withPublicKeyBeside { try FileManager.default.removeItem(atPath: path + ".pub") }
            let secrets = FixedSecrets(passphrase: "open sesame")
            let failure = await connectFailure(try server.target(identities: [path]), secrets: secrets)
            #expect(failure?.hints == kind.expectedHints, "\(kind)")
            if failure == nil { #expect(secrets.asked == [path], "\(kind)") }
        }
    }

    @Test(arguments: [true, false])
    func tellsAWrongPassphraseOnce(withPublicKeyBeside: Bool) async throws {
        let server = try ServerFixture()
        for kind in Kind.all where kind.type != "rsa" {
            let path = try server.makeAuthorizedKey(kind.type, format: kind.format, passphrase: "open sesame")
            if !withPublicKeyBeside { try FileManager.default.removeItem(atPath: path + ".pub") }
            let secrets = FixedSecrets(passphrase: "open barley")
            let failure = await connectFailure(try server.target(identities: [path]), secrets: secrets)
            let expected = SSHFailure.loginRefused(
                user: server.user, offered: [], serverMethods: ["publickey"], hints: [.passphraseWrong(path: path)])
            #expect(failure == expected, "\(kind)")
            #expect(secrets.asked == [path])
        }
    }

    @Test func asksForNoPassphraseOfAKeyThatTheServerDoesNotTake() async throws {
        let server = try ServerFixture()
        let locked = "\(server.directory)/locked"
        try ServerFixture.makeKey("ed25519", at: locked, passphrase: "open sesame")
        let secrets = FixedSecrets(passphrase: "open sesame")
        let failure = await connectFailure(try server.target(identities: [locked]), secrets: secrets)
        #expect(
            failure
                == .loginRefused(
                    user: server.user, offered: [try offered(locked)], serverMethods: ["publickey"], hints: []))
        #expect(secrets.asked.isEmpty)
    }

    @Test func tellsThatAKeyHasAPassphrase() async throws {
        let server = try ServerFixture()
        let locked = try server.makeAuthorizedKey("ed25519", passphrase: "open sesame")
        let failure = await connectFailure(try server.target(identities: [locked]))
        #expect(
            failure
                == .loginRefused(
                    user: server.user, offered: [], serverMethods: ["publickey"],
                    hints: [.identityEncrypted(path: locked)]))
    }

    @Test func logsInByTheSecondFileWhenTheFirstIsRefused() async throws {
        let server = try ServerFixture()
        try ServerFixture.makeKey("ed25519", at: "\(server.directory)/stranger")
        let target = try server.target(identities: ["\(server.directory)/stranger", server.identity])
        #expect(await connectFailure(target) == nil)
    }

    @Test func tellsWhatWasOfferedAndWhatTheServerTakes() async throws {
        let server = try ServerFixture()
        let stranger = "\(server.directory)/stranger"
        try ServerFixture.makeKey("ed25519", at: stranger)
        let failure = await connectFailure(try server.target(identities: [stranger, "/nowhere/id"]))
        #expect(
            failure
                == .loginRefused(
                    user: server.user, offered: [try offered(stranger)], serverMethods: ["publickey"],
                    hints: [.identityMissing(path: "/nowhere/id")]))
    }

    @Test func goesOnPastAKeyWhoseSignaturesTheServerDoesNotTake() async throws {
        let server = try ServerFixture(options: ["PubkeyAcceptedAlgorithms ssh-ed25519"])
        let agent = try AgentFixture(directory: server.directory)
        try ServerFixture.makeKey("rsa", at: "\(server.directory)/id_rsa")
        try agent.add("\(server.directory)/id_rsa")
        try agent.add(server.identity)
        #expect(await connectFailure(try server.target(identities: ["/nowhere/id"], agent: agent.socket)) == nil)
    }

    @Test func tellsThatTheServerWantsAPasswordBesides() async throws {
        let server = try ServerFixture(
            options: ["AuthenticationMethods publickey,password", "PasswordAuthentication yes"])
        let failure = await connectFailure(try server.target())
        let key = try offered(server.identity)
        #expect(
            failure
                == .loginRefused(
                    user: server.user, offered: [key], serverMethods: ["password"],
                    hints: [.serverWantsMore(after: key, methods: ["password"])]))
    }
}

/// The key of a file, as refusals show it.
func offered(_ path: String, origin: String? = nil) throws -> OfferedKey {
    let blob = try #require(IdentityFile.readPublic(path + ".pub"))
    return OfferedKey(
        type: try #require(keyType(ofBlob: blob)), origin: origin ?? path, fingerprint: fingerprintSHA256(ofBlob: blob))
}

extension SSHFailure {
    /// What a refused login had to say; nil for every other failure.
    var hints: [LoginHint]? {
        if case .loginRefused(_, _, _, let hints) = self { hints } else { nil }
    }
}

/// Answers every question with the same words and counts them.
final class FixedSecrets: LoginSecrets {
    private let passphrase: String?
    private let password: String?
    private let questions = Mutex<[String]>([])

    init(passphrase: String? = nil, password: String? = nil) {
        self.passphrase = passphrase
        self.password = password
    }

    var asked: [String] { questions.withLock { $0 } }

    func passphrase(forKey path: String) async -> Secret? {
        questions.withLock { $0.append(path) }
        return passphrase.map { Secret($0) }
    }

    func password(of user: String, on host: String) async -> Secret? {
        questions.withLock { $0.append("\(user)@\(host)") }
        return password.map { Secret($0) }
    }
}
