import Engine
import Foundation
import Phases
import Testing

@testable import ClusterctlCLI

/// Secrets planted in everything that is gathered, which nobody finds in the archive.
struct SupportBundleTests {
    static let token = "K10aaaabbbbccccddddeeee::server:plantedtoken1"
    static let known = "plantedpassword2"
    static let planted = [
        "plantedtoken1", known, "planted3", "planted4", "planted5", "cGxhbnRlZDY=", "planted7", "planted8", "planted9",
    ]

    static let sources = """
        section 2 secrets
        \(token)
        \(known)
        section 3 journal-k3s
        level=info msg="joining with \(token)"
        level=info msg="the other way: plantedtoken1 alone, and \(known)"
        GET /v1 Authorization: Bearer planted3
        section 3 configuration
        token: planted4
        etcd-s3-secret-key: "planted5"
          neighbor 192.0.2.1 password planted9
        section 1 helmcharts
              client-key-data: cGxhbnRlZDY=
        section 3 manifests
        -----BEGIN RSA PRIVATE KEY-----
        planted7
        -----END RSA PRIVATE KEY-----
        section 1 routes
        10.0.0.0/8 via https://user:planted8@example.org
        section 0 end

        """

    private func bundle() -> SupportBundle {
        let answer = Answer(status: 0, output: Self.sources)
        // A token of one node may be in the log of another.
        let other = Answer(
            status: 0, output: "section 1 journal-k3s\nsaw plantedtoken1 and \(Self.known)\nsection 9 cut\n")
        var bundle = SupportBundle(
            cluster: "edge", gathered: [(node: "a", answer: answer), (node: "b", answer: other)],
            secrets: ["planted-by-env"])
        bundle.add("inventory.yaml", "token: {env: X}\nx: planted-by-env \(Self.known)\n")
        return bundle
    }

    @Test func hasNoSecretAnywhere() throws {
        let text = String(decoding: bundle().archive.data, as: UTF8.self)
        #expect(Self.planted.allSatisfy(Self.sources.contains), "each is planted")
        for secret in Self.planted + ["planted-by-env", "planted"] { #expect(!text.contains(secret), "\(secret)") }
        #expect(text.contains("joining with (secret)"))
    }

    @Test func hasEverySectionButTheSecrets() {
        let names = bundle().archive.paths
        #expect(names.contains("clusterctl-edge/a/journal-k3s.txt") && names.contains("clusterctl-edge/a/routes.txt"))
        #expect(!names.contains { $0.contains("secrets") || $0.hasSuffix("/end.txt") || $0.contains("cut") })
        #expect(
            !names.contains("clusterctl-edge/a/INCOMPLETE.txt") && names.contains("clusterctl-edge/b/INCOMPLETE.txt"))
    }

    @Test func isAnArchiveThatTarReads() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clusterctl-bundle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var archive = Archive()
        let long = String(repeating: "a line\n", count: 30_000)
        archive.add("x/empty.txt", "")
        // Of 102 bytes, of 257, and one whose first part is as long as it may be.
        let names = [
            "clusterctl-edge/rendered/x/01-customresourcedefinition-" + String(repeating: "n", count: 47),
            String(repeating: "p", count: 155) + "/" + String(repeating: "n", count: 100),
            "a/" + String(repeating: "q", count: 90) + "/" + String(repeating: "r", count: 30) + ".yaml",
        ]
        for name in names { archive.add(name, name) }
        archive.add("x/long.txt", long)
        try NewFile.write(archive.data, to: folder.appending(path: "b.tar.gz").path, mode: 0o600)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["tar", "-xzf", folder.appending(path: "b.tar.gz").path, "-C", folder.path]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try String(contentsOf: folder.appending(path: "x/long.txt"), encoding: .utf8) == long)
        #expect(try Data(contentsOf: folder.appending(path: "x/empty.txt")).isEmpty)
        #expect(names.allSatisfy { $0.utf8.count > 100 })
        for name in names {
            #expect(try String(contentsOf: folder.appending(path: name), encoding: .utf8) == name)
        }
        let mode = try FileManager.default.attributesOfItem(atPath: folder.appending(path: "b.tar.gz").path)[
            .posixPermissions]
        #expect((mode as? Int) == 0o600)
    }
}
