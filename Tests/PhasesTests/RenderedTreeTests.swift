import Engine
import Foundation
import Inventory
import Phases
import Rendering
import Testing

struct RenderedTreeTests {
    private func tree(_ inventory: Inventory) -> RenderedTree {
        RenderedTree(Plan(cluster: inventory.name, order: Bootstrap.order(for: inventory)), for: inventory)
    }

    @Test func hasEveryTextOfThePlan() throws {
        let paths = tree(try Example.small()).files.map(\.path)
        #expect(paths == paths.sorted())
        #expect(paths.contains("dpu-01/etc/rancher/k3s/config.yaml"))
        #expect(paths.contains("dpu-01/etc/rancher/k3s/config.yaml.d/50-server.yaml"))
        #expect(paths.contains("worker-01/etc/systemd/system/k3s-agent.service"))
        #expect(
            paths.filter { $0.contains("/objects/") } == [
                "dpu-01/objects/01-customresourcedefinition-ciliumnodeconfigs-cilium-io.yaml",
                "dpu-01/objects/02-ciliumnodeconfig-kube-system-clusterctl-1.yaml",
                "dpu-01/objects/03-helmchart-kube-system-cilium.yaml",
                "dpu-01/objects/04-daemonset-kube-system-kube-vip.yaml",
            ])
    }

    /// What others are warned of, clusterctl does not write itself.
    @Test func hasNothingThatLintFinds() throws {
        let files = tree(try Example.small()).files.filter { $0.path.hasSuffix(".yaml") }
        #expect(files.count > 8)
        let found = Lint.run(
            manifests: files.map { ManifestFile(path: $0.path, content: .bytes(Array($0.text.utf8))) })
        #expect(found.isEmpty, "\(found)")
    }

    @Test func hasNoSecret() throws {
        #expect(!tree(try Example.small()).files.contains { $0.path.hasSuffix("/token") })
    }

    @Test func givesNixOSAModuleWithTheSameConfiguration() throws {
        let files = tree(try Example.small()).files.filter { $0.path.hasPrefix("nixos-01/") }
        #expect(files.map(\.path) == ["nixos-01/etc/nixos/clusterctl-k3s.nix", "nixos-01/etc/rancher/k3s/config.yaml"])
        let lines = files[1].text.split(separator: "\n")
        #expect(lines.contains("server: https://10.77.0.100:6443"))
        #expect(lines.allSatisfy { files[0].text.contains($0.replacing("\"", with: "\\\"")) })
        #expect(files[0].text.contains("tokenFile = \"/etc/rancher/k3s/token\";"))
    }

    @Test func givesOtherVerifiedNodesAUnit() throws {
        let files = tree(try Example.small([("os: nixos, ", "")])).files.filter { $0.path.hasPrefix("nixos-01/") }
        #expect(
            files.map(\.path) == [
                "nixos-01/etc/rancher/k3s/config.yaml", "nixos-01/etc/systemd/system/k3s-agent.service",
            ])
    }

    /// By Nix itself: the module is a function, and what it sets is what K3s is to get.
    @ShellThread @Test(.enabled(if: Nix.isThere, "\(Nix.missing)")) func nixTakesTheModules() throws {
        var count = 0
        for file in ["diskless.yaml", "lab.yaml"] {
            let inventory = try Example.file(file)
            for module in tree(inventory).files where module.path.hasSuffix(".nix") {
                struct Module: Decodable {
                    struct Text: Decodable { let text: String }
                    let environment: [String: [String: Text]]
                }
                let read = try JSONDecoder().decode(
                    Module.self, from: Nix.evaluate("(\(module.text)) { }"))
                let name = try #require(module.path.split(separator: "/").first)
                let node = try #require(inventory.node(named: String(name)))
                #expect(
                    read.environment["etc"]?["rancher/k3s/config.yaml"]?.text
                        == K3sConfiguration(inventory: inventory, node: node).text)
                count += 1
            }
        }
        #expect(count > 1)
    }
}
