import Foundation
import Testing

@testable import SSH

@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct HostKeyScanTests {
    private func scan(_ target: SSHTarget) async throws -> [ScannedHostKey] {
        try await SSHConnector().scan(target, deadline: .now + .seconds(60))
    }

    @Test func showsEveryKeyAsSSHKeygenDoes() async throws {
        let server = try ServerFixture(hostKeyTypes: ["ecdsa", "ed25519"])
        var target = try server.target(hostKeys: HostKeyPolicy(knownHostsFiles: [server.knownHosts]))
        // Nobody logs in.
        target.login = SSHLogin(identityFiles: ["/nonexistent"], useAgent: false)
        let keys = try await scan(target)
        #expect(keys.map(\.type) == ["ssh-ed25519", "ecdsa-sha2-nistp256"])
        for (key, type) in zip(keys, ["ed25519", "ecdsa"]) {
            let shown = try ServerFixture.run(
                "/usr/bin/ssh-keygen", ["-l", "-f", "\(server.directory)/host_\(type).pub"])
            #expect(shown.contains(key.fingerprint))
            #expect(try key.publicKey == server.publicHostKey(type) && key.standing == .unknown)
        }
    }

    @Test func tellsHowAKeyStandsToWhatIsKnown() async throws {
        let server = try ServerFixture(hostKeyTypes: ["ed25519", "ecdsa"])
        let name = "[127.0.0.1]:\(server.port)"
        let ed25519 = try server.publicHostKey()
        try ServerFixture.makeKey("ecdsa", at: "\(server.directory)/other")
        let other = try String(contentsOfFile: "\(server.directory)/other.pub", encoding: .utf8)
        let rows: [(String, [ScannedHostKey.Standing])] = [
            ("", [.unknown, .unknown]), ("\(name) \(ed25519)", [.known, .otherType]),
            ("\(name) \(ed25519)\n\(name) \(other)", [.known, .changed]),
            ("@revoked * \(ed25519)", [.revoked, .unknown]),
        ]
        for (text, standings) in rows {
            try (text + "\n").write(toFile: server.knownHosts, atomically: true, encoding: .utf8)
            let policy = HostKeyPolicy(knownHostsFiles: [server.knownHosts], acceptNew: true)
            #expect(try await scan(server.target(hostKeys: policy)).map(\.standing) == standings, "\(text)")
            #expect(try String(contentsOfFile: server.knownHosts, encoding: .utf8) == text + "\n")
        }
        let pinned = try server.target(hostKeys: HostKeyPolicy(pinned: [ed25519]))
        #expect(try await scan(pinned).map(\.standing) == [.known, .changed])
    }

    @Test func remembersHostsThatNothingIsKnownAbout() async throws {
        let server = try ServerFixture(hostKeyTypes: ["ed25519", "ecdsa"])
        let target = try server.target(hostKeys: HostKeyPolicy(knownHostsFiles: [server.knownHosts]))
        let keys = try await scan(target)
        let connector = SSHConnector()
        let written = try await connector.remember(keys, of: target)
        #expect(written?.file == server.knownHosts && written?.count == 2)
        #expect(await connectFailure(target) == nil)
        let again = try await scan(target)
        #expect(again.map(\.standing) == [.known, .known])
        #expect(try await connector.remember(again, of: target) == nil)
    }

    @Test func doesNotAddToWhatIsKnown() async throws {
        let server = try ServerFixture(hostKeyTypes: ["ed25519", "ecdsa"])
        let line = "[127.0.0.1]:\(server.port) \(try server.publicHostKey())\n"
        try line.write(toFile: server.knownHosts, atomically: true, encoding: .utf8)
        let target = try server.target(hostKeys: HostKeyPolicy(knownHostsFiles: [server.knownHosts]))
        let keys = try await scan(target)
        #expect(try await SSHConnector().remember(keys, of: target) == nil)
        #expect(try String(contentsOfFile: server.knownHosts, encoding: .utf8) == line)
    }

    @Test func saysWhyAServerIsNotReached() async throws {
        let port = try ServerFixture.freePort()
        let target = SSHTarget(host: "127.0.0.1", port: port, user: "x", hostKeys: HostKeyPolicy(knownHostsFiles: []))
        await #expect(throws: SSHFailure.refused(host: "127.0.0.1", port: port)) {
            try await SSHConnector().scan(target, deadline: .now + .seconds(1))
        }
    }
}
