import Foundation
import Inventory
import Phases
import Testing

@testable import ClusterctlCLI

/// Secrets that the inventory refers to, as they are read when a run starts.
struct SecretsTests {
    private func read(_ text: String) async throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: "clusterctl-secret-\(UUID().uuidString)")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        do {
            return try await Secrets.read(
                .file(file.path), key: "bgp.peers.edge.password",
                problem: { Inventory.problem(withBGPPassword: $0) }
            ).reveal()
        } catch let error as SecretError {
            return error.what.replacing(file.path, with: "FILE")
        }
    }

    @Test func aBGPPasswordThatAnEndWouldNotTakeIsRefusedAndNotShown() async throws {
        #expect(try await read("a-word\n") == "a-word")
        for text in ["two words", "a|bar", String(repeating: "x", count: 81)] {
            let said = try await read(text)
            #expect(said.hasPrefix("the secret from FILE (bgp.peers.edge.password) "), "\(said)")
            #expect(!said.contains(text))
        }
        #expect(try await read("\n") == "the secret from FILE must be one line that is not empty")
    }

    /// What only changes routers has no use for the token.
    @Test func aSiteNamesTheSecretsOfItsPlan() throws {
        let text = """
            version: 1
            name: lab
            ssh: {user: ubuntu}
            k3s: {version: v1.35.7+k3s1, token: {env: TOKEN}}
            network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
            cilium: {version: 1.19.4}
            endpoint: {dns: api.example.org}
            servers: {s1: {address: 10.0.0.1}}
            routers:
              edge: {platform: linux-frr, address: 10.0.0.250, asn: 64513}
              aside: {platform: linux-frr, address: 10.0.0.251, asn: 64514, manage: none}
            bgp: {asn: 64512, peers: {edge: {password: {file: one}}, aside: {password: {command: [two]}}}}
            """
        let inventory = try InventoryReader.read(text: text, file: "/etc/lab.yaml").get().inventory
        let passwords = ["bgp.peers.edge.password", "bgp.peers.aside.password"]
        #expect(try Site(inventory, orders: .current).providedSecrets.map(\.key) == ["k3s.token"] + passwords)
        let site = try Site.routers(inventory)
        #expect(site.providedSecrets.map(\.key) == passwords)
        #expect(site.providedSecrets.first?.reference == .file("/etc/one"))
    }
}
