import Foundation
import Testing
import YAML

@testable import ClusterctlCLI

@Suite struct KubeconfigTests {
    static let k3s = """
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: Q0E=
            server: https://127.0.0.1:6443
          name: default
        contexts:
        - context:
            cluster: default
            user: default
          name: default
        current-context: default
        kind: Config
        preferences: {}
        users:
        - name: default
          user:
            client-certificate-data: Q0VSVA==
            client-key-data: S0VZ
        """
    static let own = """
        apiVersion: v1
        kind: Config
        clusters:
        - name: mine
          cluster: {server: 'https://elsewhere:6443', tls-server-name: x}
        contexts:
        - name: mine
          context: {cluster: mine, user: me, namespace: work}
        users:
        - name: me
          user: {exec: {command: helper, apiVersion: client.authentication.k8s.io/v1}}
        current-context: mine
        """

    static func fetched() throws -> Kubeconfig {
        try Kubeconfig(k3s, file: "k3s.yaml").named("diskless", server: "https://10.42.67.100:6443")
    }

    @Test func theServerBecomesTheEndpointAndEverythingTheClustersName() throws {
        let text = try Self.fetched().text
        #expect(text.contains("https://10.42.67.100:6443"))
        #expect(!text.contains("127.0.0.1") && !text.contains("default"))
        #expect(text.contains("client-key-data: S0VZ"))
    }

    @Test func mergingKeepsWhatIsThere() throws {
        var config = try Kubeconfig(Self.own, file: "config")
        let before = config.root
        config.merge(try Self.fetched())
        for list in ["clusters", "contexts", "users"] {
            let old = try #require(before[list]?.list)
            let new = try #require(config.root[list]?.list)
            #expect(Array(new.prefix(old.count)) == old)
            #expect(new.count == old.count + 1)
        }
        #expect(config.root["current-context"]?.string == "mine")
    }

    @Test func mergingTwiceReplacesInsteadOfAdding() throws {
        var config = try Kubeconfig(Self.own, file: "config")
        config.merge(try Self.fetched())
        let once = config.text
        config.merge(try Self.fetched())
        #expect(config.text == once)
    }

    @Test func anEmptyFileGetsACompleteOne() throws {
        var config = try Kubeconfig("", file: "config")
        config.merge(try Self.fetched())
        #expect(config.root["kind"]?.string == "Config")
        #expect(config.root["current-context"]?.string == "diskless")
    }

    @Test func aFileThatIsNoKubeconfigIsLeftAlone() {
        #expect(throws: KubeconfigError.self) { try Kubeconfig("just: text", file: "notes.yaml") }
        #expect(throws: KubeconfigError.self) { try Kubeconfig("a: [", file: "broken.yaml") }
    }

    @Test func itIsWrittenForTheUserAloneAndThroughLinks() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("kubeconfig-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let (link, target) = (folder.appendingPathComponent("config"), folder.appendingPathComponent("real"))
        try "old".write(to: target, atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
        try Self.fetched().write(to: link.path)
        let attributes = try FileManager.default.attributesOfItem(atPath: target.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try String(contentsOf: target, encoding: .utf8).contains("10.42.67.100"))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == target.path)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["config", "real"])
    }
}
