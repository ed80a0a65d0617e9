import Foundation
import Testing

@testable import SSH

/// Logins by password, on real servers that know a user of the tests' own.
@Suite(.serialized, .enabled(if: VisitorFixture.missing == nil, "needs root, sshd, PAM and mount namespaces"))
struct PasswordLoginTests {
    private static let right = "correct horse"

    @Test func logsInByPassword() async throws {
        let server = try VisitorFixture.server(["PasswordAuthentication yes"])
        let secrets = FixedSecrets(password: Self.right)
        #expect(await connectFailure(try VisitorFixture.target(server), secrets: secrets) == nil)
        #expect(secrets.asked == ["visitor@127.0.0.1"])
    }

    @Test func sendsAWrongPasswordOnceAndSaysSo() async throws {
        let server = try VisitorFixture.server(["PasswordAuthentication yes"])
        let failure = await connectFailure(
            try VisitorFixture.target(server), secrets: FixedSecrets(password: "wrong donkey"))
        #expect(failure?.hints?.last == .passwordRefused(method: "password"))
        #expect(try server.log.components(separatedBy: "Failed password for visitor").count == 2)
    }

    @Test func doesNotTryAgainWhenTheServerHangsUpOnAWrongPassword() async throws {
        let server = try VisitorFixture.server(["PasswordAuthentication yes", "MaxAuthTries 1"])
        let failure = await connectFailure(
            try VisitorFixture.target(server), secrets: FixedSecrets(password: "wrong donkey"))
        guard case .passwordUnanswered(method: "password", _) = failure?.hints?.last else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(failure?.mayRetry == false)
    }

    @Test func offersThePasswordAfterTheKeys() async throws {
        let server = try VisitorFixture.server(["PasswordAuthentication yes"])
        let stranger = "\(server.directory)/stranger"
        try ServerFixture.makeKey("ed25519", at: stranger)
        let secrets = FixedSecrets(password: Self.right)
        var target = try VisitorFixture.target(server, identities: [server.identity])
        #expect(await connectFailure(target, secrets: secrets) == nil)
        #expect(secrets.asked.isEmpty)
        target.login.identityFiles = [stranger]
        #expect(await connectFailure(target, secrets: secrets) == nil)
        #expect(secrets.asked.count == 1)
    }

    @Test func givesBothWhereTheServerWantsKeyAndPassword() async throws {
        let server = try VisitorFixture.server([
            "AuthenticationMethods publickey,password", "PasswordAuthentication yes",
        ])
        let target = try VisitorFixture.target(server, identities: [server.identity])
        #expect(await connectFailure(target, secrets: FixedSecrets(password: Self.right)) == nil)
    }

    @Test func tellsThatThereIsNoPassword() async throws {
        let server = try VisitorFixture.server(["PasswordAuthentication yes"])
        let failure = await connectFailure(try VisitorFixture.target(server))
        #expect(failure?.hints?.last == .passwordMissing)
    }

    @Test func tellsThatTheServerTakesNone() async throws {
        let server = try VisitorFixture.server([])
        let secrets = FixedSecrets(password: Self.right)
        let failure = await connectFailure(try VisitorFixture.target(server), secrets: secrets)
        #expect(failure?.hints?.last == .passwordNotTaken)
        #expect(secrets.asked.isEmpty)
    }

    // MARK: keyboard-interactive

    private static let keyboard = ["KbdInteractiveAuthentication yes", "UsePAM yes"]

    @Test func answersAPrompt() async throws {
        let server = try VisitorFixture.server(Self.keyboard)
        let target = try VisitorFixture.target(server)
        #expect(await connectFailure(target, secrets: FixedSecrets(password: Self.right)) == nil)
        let failure = await connectFailure(target, secrets: FixedSecrets(password: "wrong donkey"))
        #expect(failure?.hints?.last == .passwordRefused(method: "keyboard-interactive"))
    }

    /// An expired password: after the right one the server asks for it again, and for a new one.
    @Test func answersNoSecondPrompt() async throws {
        let server = try VisitorFixture.server(Self.keyboard, passwordIsExpired: true)
        let failure = await connectFailure(
            try VisitorFixture.target(server), secrets: FixedSecrets(password: Self.right))
        guard case .promptUnanswered(let prompt) = failure?.hints?.last else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(prompt.hasSuffix(":") && prompt.contains { $0 == " " })
        #expect(failure?.mayRetry == false)
    }

    @Test func goesOnToThePasswordWhenNothingIsAsked() async throws {
        let server = try VisitorFixture.server(["KbdInteractiveAuthentication yes", "PasswordAuthentication yes"])
        let secrets = FixedSecrets(password: Self.right)
        #expect(await connectFailure(try VisitorFixture.target(server), secrets: secrets) == nil)
        #expect(secrets.asked.count == 1)
    }
}

/// Servers that see one user more than the machine has: their passwd, shadow and PAM files are laid over the system's
/// in a mount namespace, which ends with them.
enum VisitorFixture {
    static let missing: String? = {
        if let missing = ServerFixture.missing { return missing }
        for path in ["/usr/bin/unshare", "/etc/passwd", "/etc/shadow", "/etc/pam.d/sshd"]
        where !FileManager.default.fileExists(atPath: path) {
            return "there is no \(path)"
        }
        let probe = try? ChildProcess("/usr/bin/unshare", ["-m", "true"])
        return probe?.wait() == 0 ? nil : "mount namespaces are not allowed"
    }()

    /// SHA-512 crypt of the tests' password.
    private static let hash =
        "$6$loginTests$N5v8Txu5uqJ9.Om0yoDytJhYsWxT5rUTLoXzK1xjiLpwuLwUZ45bBG1ojun22OhdCUkMlzSEH78cum8IXAZO10"

    static func server(_ options: [String], passwordIsExpired: Bool = false) throws -> ServerFixture {
        let passwd = try String(contentsOfFile: "/etc/passwd", encoding: .utf8)
        let pam = [
            "auth required pam_unix.so nodelay", "password required pam_unix.so", "session required pam_permit.so",
        ]
        let account = "account required \(passwordIsExpired ? "pam_unix.so" : "pam_permit.so")"
        let files = [
            "/etc/passwd": passwd + "visitor:x:61234:61234::/:/bin/sh\n",
            "/etc/shadow": "visitor:\(hash):\(passwordIsExpired ? 0 : 20000)::::::\n",
            "/etc/pam.d/sshd": (pam + [account, ""]).joined(separator: "\n"),
        ]
        var setUp = ""
        for (index, (path, text)) in files.enumerated() {
            setUp += "cat > \"$1/overlay\(index)\" <<'END'\n\(text)END\nmount --bind \"$1/overlay\(index)\" \(path)\n"
        }
        return try ServerFixture(options: options, setUp: setUp)
    }

    static func target(_ server: ServerFixture, identities: [String] = ["/nowhere/id"]) throws -> SSHTarget {
        var target = try server.target(identities: identities)
        target.user = "visitor"
        target.login.usesPassword = true
        return target
    }
}
