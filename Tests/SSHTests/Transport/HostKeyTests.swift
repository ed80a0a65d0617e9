import Foundation
import Testing

@testable import SSH

@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct HostKeyTests {
    private func policy(_ server: ServerFixture, acceptNew: Bool = false) -> HostKeyPolicy {
        HostKeyPolicy(knownHostsFiles: [server.knownHosts], acceptNew: acceptNew)
    }

    private func write(_ lines: [String], _ server: ServerFixture) throws {
        try lines.map { $0 + "\n" }.joined().write(toFile: server.knownHosts, atomically: true, encoding: .utf8)
    }

    private func fingerprint(_ path: String) throws -> String {
        let words = try ServerFixture.run("/usr/bin/ssh-keygen", ["-l", "-f", path]).split(separator: " ")
        return String(words[1])
    }

    @Test func refusesAnUnknownHostWithOpenSSHsFingerprint() async throws {
        let server = try ServerFixture()
        let shown = HostKeyShown(
            type: "ssh-ed25519", fingerprint: try fingerprint("\(server.directory)/host_ed25519.pub"))
        let failure = await connectFailure(try server.target(hostKeys: policy(server)))
        #expect(
            failure
                == .hostKeyUnknown(
                    host: "127.0.0.1", got: shown, hint: .firstContact(knownHostsFile: server.knownHosts)))
        #expect(!FileManager.default.fileExists(atPath: server.knownHosts))
    }

    @Test func acceptsANewHostOnceAndOpenSSHReadsTheEntry() async throws {
        let server = try ServerFixture()
        let target = try server.target(hostKeys: policy(server, acceptNew: true))
        #expect(await connectFailure(target) == nil)
        #expect(await connectFailure(target) == nil)
        let text = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
        #expect(text == "[127.0.0.1]:\(server.port) \(try server.publicHostKey())\n")
        let found = try ServerFixture.run(
            "/usr/bin/ssh-keygen", ["-F", "[127.0.0.1]:\(server.port)", "-f", server.knownHosts])
        #expect(found.contains("found: line 1"))
        #expect(await connectFailure(try server.target(hostKeys: policy(server))) == nil)
    }

    @Test func writesANewHostOnceWhenManyMeetItTogether() async throws {
        let server = try ServerFixture()
        let target = try server.target(hostKeys: policy(server, acceptNew: true))
        await withTaskGroup(of: SSHFailure?.self) { group in
            for _ in 0..<8 { group.addTask { await connectFailure(target) } }
            for await failure in group { #expect(failure == nil) }
        }
        let text = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
        #expect(text.split(separator: "\n").count == 1)
    }

    /// `ssh` finds a new host that was written under an alias or hashed, and `clusterctl` finds what `ssh` wrote.
    @Test(arguments: [false, true], [nil, "node-7"])
    func writesWhatOpenSSHReadsAndReadsWhatOpenSSHWrites(hashed: Bool, alias: String?) async throws {
        let server = try ServerFixture()
        var policy = policy(server, acceptNew: true)
        policy.alias = alias
        policy.hashesNames = hashed
        #expect(await connectFailure(try server.target(hostKeys: policy)) == nil)
        let ours = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
        #expect(ours.hasPrefix("|1|") == hashed && ours.split(separator: "\n").count == 1)
        let name = alias ?? "[127.0.0.1]:\(server.port)"
        let found = try ServerFixture.run("/usr/bin/ssh-keygen", ["-F", name, "-f", server.knownHosts])
        #expect(found.contains("found: line 1"))

        func ssh(_ check: String) throws {
            try ServerFixture.run(
                "/usr/bin/ssh",
                [
                    "-F", "none", "-p", "\(server.port)", "-i", server.identity, "-o", "BatchMode=yes",
                    "-o", "StrictHostKeyChecking=\(check)", "-o", "UserKnownHostsFile=\(server.knownHosts)",
                    "-o", "GlobalKnownHostsFile=none", "-o", "HashKnownHosts=\(hashed ? "yes" : "no")",
                    "-o", "UpdateHostKeys=no",
                ] + (alias.map { ["-o", "HostKeyAlias=\($0)"] } ?? []) + ["\(server.user)@127.0.0.1", "true"])
        }
        try ssh("yes")
        try FileManager.default.removeItem(atPath: server.knownHosts)
        try ssh("accept-new")
        policy.acceptNew = false
        #expect(await connectFailure(try server.target(hostKeys: policy)) == nil)
    }

    @Test func hashesAsTheFileDoes() async throws {
        let server = try ServerFixture()
        try write(["other.example.org \(try server.publicHostKey())"], server)
        try ServerFixture.run("/usr/bin/ssh-keygen", ["-H", "-f", server.knownHosts])
        #expect(await connectFailure(try server.target(hostKeys: policy(server, acceptNew: true))) == nil)
        let lines = try String(contentsOfFile: server.knownHosts, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("|1|") })
    }

    @Test func makesFolderAndFilePrivate() async throws {
        let server = try ServerFixture()
        let file = "\(server.directory)/home/.ssh/known_hosts"
        try FileManager.default.createDirectory(atPath: "\(server.directory)/home", withIntermediateDirectories: true)
        let policy = HostKeyPolicy(knownHostsFiles: [file], acceptNew: true)
        #expect(await connectFailure(try server.target(hostKeys: policy)) == nil)
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(file) == 0o600)
        #expect(try mode("\(server.directory)/home/.ssh") == 0o700)
    }

    @Test func knowsAHostByAHashedEntry() async throws {
        let server = try ServerFixture()
        try write(["[127.0.0.1]:\(server.port) \(try server.publicHostKey())"], server)
        try ServerFixture.run("/usr/bin/ssh-keygen", ["-H", "-f", server.knownHosts])
        #expect(try String(contentsOfFile: server.knownHosts, encoding: .utf8).hasPrefix("|1|"))
        #expect(await connectFailure(try server.target(hostKeys: policy(server))) == nil)
    }

    @Test(arguments: [false, true])
    func refusesAChangedKeyWithBothFingerprints(acceptNew: Bool) async throws {
        let server = try ServerFixture()
        let other = "\(server.directory)/other"
        try ServerFixture.makeKey("ed25519", at: other)
        let key = try String(contentsOfFile: other + ".pub", encoding: .utf8).split(separator: " ")[1]
        try write(["# a comment", "[127.0.0.1]:\(server.port) ssh-ed25519 \(key)"], server)
        let failure = await connectFailure(try server.target(hostKeys: policy(server, acceptNew: acceptNew)))
        let expected = HostKeyShown(
            type: "ssh-ed25519", fingerprint: try fingerprint(other + ".pub"), source: "\(server.knownHosts):2")
        let got = HostKeyShown(
            type: "ssh-ed25519", fingerprint: try fingerprint("\(server.directory)/host_ed25519.pub"))
        #expect(failure == .hostKeyChanged(host: "127.0.0.1", expected: [expected], got: got))
    }

    @Test(arguments: [false, true])
    func neverTakesAnotherKeyTypeForANewHost(acceptNew: Bool) async throws {
        let server = try ServerFixture(hostKeyTypes: ["ed25519"])
        let other = "\(server.directory)/other"
        try ServerFixture.makeKey("ecdsa", at: other)
        let key = try String(contentsOfFile: other + ".pub", encoding: .utf8).split(separator: " ")[1]
        try write(["[127.0.0.1]:\(server.port) ecdsa-sha2-nistp256 \(key)"], server)
        let failure = await connectFailure(try server.target(hostKeys: policy(server, acceptNew: acceptNew)))
        guard case .hostKeyTypeChanged(_, let known, let got) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(known.map(\.type) == ["ecdsa-sha2-nistp256"] && got.type == "ssh-ed25519")
    }

    @Test func asksForTheKeyTypeThatIsKnown() async throws {
        let server = try ServerFixture(hostKeyTypes: ["ed25519", "ecdsa"])
        try write(["[127.0.0.1]:\(server.port) \(try server.publicHostKey("ecdsa"))"], server)
        #expect(await connectFailure(try server.target(hostKeys: policy(server))) == nil)
    }

    @Test func refusesARevokedKey() async throws {
        let server = try ServerFixture()
        let key = try server.publicHostKey()
        try write(["[127.0.0.1]:\(server.port) \(key)", "@revoked * \(key)"], server)
        guard case .hostKeyRevoked = await connectFailure(try server.target(hostKeys: policy(server))) else {
            Issue.record("a revoked key was taken")
            return
        }
    }

    @Test func takesThePinnedKeyOrFingerprintAndNoOther() async throws {
        let server = try ServerFixture(hostKeyTypes: ["ed25519", "ecdsa"])
        let fingerprint = try fingerprint("\(server.directory)/host_ed25519.pub")
        for pin in [fingerprint, try server.publicHostKey(), try server.publicHostKey("ecdsa")] {
            #expect(await connectFailure(try server.target(hostKeys: HostKeyPolicy(pinned: [pin]))) == nil)
        }
        let wrong = try self.fingerprint("\(server.directory)/id_ed25519.pub")
        let failure = await connectFailure(try server.target(hostKeys: HostKeyPolicy(pinned: [wrong])))
        let got = HostKeyShown(type: "ssh-ed25519", fingerprint: fingerprint)
        #expect(failure == .hostKeyNotPinned(host: "127.0.0.1", pinned: wrong, got: got))
        // Any of several will do, and the type of a key among them is asked for.
        let several = HostKeyPolicy(pinned: [wrong, try server.publicHostKey("ecdsa")])
        #expect(await connectFailure(try server.target(hostKeys: several)) == nil)
    }

    @Test func refusesAPinThatItCannotRead() async throws {
        let server = try ServerFixture()
        let failure = await connectFailure(try server.target(hostKeys: HostKeyPolicy(pinned: ["SHA256:tooshort"])))
        #expect(failure == .pinUnreadable(host: "127.0.0.1", pinned: "SHA256:tooshort"))
    }
}
