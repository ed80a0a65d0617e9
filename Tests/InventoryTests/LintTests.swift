import Foundation
import Testing

@testable import Inventory

/// Every folder of `Cases/lint` has the files `bad`, which give exactly the diagnostics in `expected`, and the files
/// `good` beside them, which give none of those codes. `Cases/accounts` has the configurations that four published
/// accounts of such clusters show, in short and with other names, and what they give. Run with UPDATE_CASES=1 to rewrite
/// the expected files, and read the difference.
struct LintTests {
    @Test(arguments: folders("lint"))
    func findsExactlyTheTrap(_ name: String) throws {
        try compare(Lint.run(manifests: files("lint/\(name)/bad")), with: "lint/\(name)/expected")
    }

    @Test(arguments: folders("lint"))
    func findsNothingInTheCounterpart(_ name: String) throws {
        let good = try Lint.run(manifests: files("lint/\(name)/good"))
        #expect(good.isEmpty, "\(good)")
    }

    @Test(arguments: folders("accounts"))
    func findsTheTrapsOfTheAccounts(_ name: String) throws {
        try compare(Lint.run(manifests: files("accounts/\(name)")), with: "accounts/\(name).expected")
    }

    @Test(arguments: [
        ("diskless", ["inventory.cilium-devices-auto", "inventory.unknown-cilium-value", "manifest.retired-project"]),
        ("dual-stack-bgp", ["inventory.unknown-cilium-value", "inventory.pod-range-for-one-node"]),
        ("dual-stack-bgp", ["manifest.namespace-on-cluster-object", "manifest.router-without-filter"]),
        ("dual-stack-bgp", ["lint.dsr-needs-mtu"]),
        ("unifi-bgp", ["inventory.stale-routes", "manifest.instance-type-label"]),
        (
            "unifi-bgp",
            ["inventory.pool-in-node-subnet", "manifest.default-pod-pool", "manifest.router-without-filter"]
        ),
        ("unifi-bgp-at-first", ["manifest.local-policy-behind-envoy", "manifest.envoy-duration"]),
        ("unifi-bgp-at-first", ["manifest.original-source-address", "inventory.kube-proxy-replacement-off"]),
        ("bare-metal-slides", ["manifest.node-ip-keyword", "manifest.node-ip-pair", "lint.mapped-address"]),
    ])
    func namesWhatTheAccountsFellInto(_ name: String, _ codes: [String]) throws {
        let found = Set(try Lint.run(manifests: files("accounts/\(name)")).all.map(\.code.rawValue))
        #expect(found.isSuperset(of: codes), "\(Set(codes).subtracting(found).sorted()) missing")
    }

    @Test func showsEveryCodeOfLintInSomeCase() throws {
        var missing = Set(DiagnosticCode.allCases.filter(\.isOfLintAlone).map(\.rawValue))
        for name in Self.folders("lint") {
            let text = try String(contentsOf: Self.url("lint/\(name)/expected"), encoding: .utf8)
            missing = missing.filter { !text.contains("[\($0)]") }
        }
        // Shown by a file system that does not let it be read, and by inventories.
        #expect(missing == ["manifest.unreadable", "lint.tmfifo-overlap"], "no case shows \(missing.sorted())")
    }

    @Test func saysWhatCouldNotBeRead() {
        let file = ManifestFile(path: "a/b.yaml", content: .unreadable("Permission denied"))
        let found = Lint.run(manifests: [file])
        #expect(found.all.map(\.code) == [.unreadableFile] && found.errors.count == 1)
        #expect(found.description.hasPrefix("a/b.yaml:1:1: error: cannot be read: Permission denied ["))
    }

    // MARK: Inventories

    private static let inventory = """
        version: 1
        name: lab
        k3s: {version: v1.35.7+k3s1}
        network: {pods: PODS, services: 10.143.0.0/16, vlans: [VLANS], routing: native, loadBalancer: MODE}
        cilium: {version: 1.19.4}
        endpoint: {kubeVip: VIP}
        KIND:
          d1: {address: 10.0.0.1}
        """

    private func lint(_ changes: [String: String], manifests: [ManifestFile] = []) -> [String] {
        var values = ["PODS": "10.142.0.0/16", "VLANS": "10", "MODE": "snat", "VIP": "10.0.0.100", "KIND": "dpus"]
        values.merge(changes) { $1 }
        let text = values.reduce(Self.inventory) { $0.replacing($1.key, with: $1.value) }
        return Lint.run(inventory: ("t.yaml", Array(text.utf8)), manifests: manifests).all.map(\.code.rawValue)
    }

    @Test func findsInInventoriesWhatValidateLetsPass() {
        #expect(lint([:]).isEmpty)
        #expect(lint(["VLANS": "1, 2, 3, 4, 5, 6"]) == ["lint.vlan-bypass-too-long"])
        #expect(lint(["VLANS": "1, 2, 3, 4, 5"]).isEmpty)
        #expect(lint(["MODE": "dsr"]) == ["lint.dsr-needs-mtu"])
        #expect(lint(["MODE": "{mode: hybrid, dispatch: geneve}"]) == ["lint.dsr-needs-mtu"])
        #expect(lint(["MODE": "hybrid"]).isEmpty)
        #expect(lint(["VIP": "'::ffff:10.0.0.100'"]) == ["lint.mapped-address"])
        #expect(lint(["PODS": "192.168.0.0/16"]) == ["lint.tmfifo-overlap"])
        #expect(lint(["PODS": "192.168.0.0/16", "KIND": "servers"]).isEmpty)
    }

    @Test func findsARouterThatTakesWhateverNodesSend() {
        func found(_ choice: String) -> [String] {
            let text = ["PODS": "10.142.0.0/16", "VLANS": "10", "MODE": "snat", "VIP": "10.0.0.100", "KIND": "dpus"]
                .reduce(Self.inventory) { $0.replacing($1.key, with: $1.value) }
            let bgp = """

                routers: {edge: {platform: linux-frr, address: 10.0.0.254, asn: 64513}}
                bgp: {asn: 64512, peers: {edge: {import: \(choice)}}}

                """
            return Lint.run(inventory: ("t.yaml", Array((text + bgp).utf8))).all.map(\.code.rawValue)
        }
        #expect(found("all") == ["manifest.router-without-filter"])
        #expect(found("announced").isEmpty)
    }

    @Test func findsWhatTheReaderFindsToo() {
        #expect(lint(["PODS": "10.143.0.0/16"]) == ["inventory.ranges-overlap"])
        let broken = Lint.run(inventory: ("t.yaml", Array("a: [".utf8)))
        #expect(broken.all.map(\.code) == [.syntax])
    }

    @Test func holdsManifestsAgainstTheInventory() {
        func pool(_ range: String) -> [ManifestFile] {
            let text = """
                apiVersion: cilium.io/v2
                kind: CiliumLoadBalancerIPPool
                metadata: {name: blue}
                spec: {blocks: [{cidr: \(range)}]}
                """
            return [ManifestFile(path: "pool.yaml", content: .bytes(Array(text.utf8)))]
        }
        #expect(lint([:], manifests: pool("10.0.0.0/28")) == ["inventory.pool-has-machine"])
        #expect(lint([:], manifests: pool("10.0.0.64/28")) == ["inventory.pool-in-node-subnet"])
        #expect(lint([:], manifests: pool("10.142.7.0/24")) == ["inventory.ranges-overlap"])
        #expect(lint([:], manifests: pool("10.9.0.0/24")).isEmpty)
    }

    @Test func namesARetiredChartAmongTheAddons() {
        func found(_ chart: String) -> [String] {
            let addon = "\naddons: {web: {chart: \(chart), repo: 'https://charts.example.org', version: 1.0.0}}\n"
            let text = ["PODS": "10.142.0.0/16", "VLANS": "10", "MODE": "snat", "VIP": "10.0.0.100", "KIND": "dpus"]
                .reduce(Self.inventory) { $0.replacing($1.key, with: $1.value) }
            return Lint.run(inventory: ("t.yaml", Array((text + addon).utf8))).all.map(\.code.rawValue)
        }
        #expect(found("ingress-nginx") == ["manifest.retired-project"])
        #expect(found("traefik").isEmpty)
    }

    // MARK: Files

    static func url(_ path: String) -> URL { Repository.tests.appending(path: "Cases/\(path)") }

    static func folders(_ path: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url(path).path)) ?? []
        return names.filter { !$0.contains(".") }.sorted()
    }

    private func files(_ folder: String) throws -> [ManifestFile] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: Self.url(folder).path)
        return try names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".conf") }.sorted().map { name in
            let bytes = try Data(contentsOf: Self.url("\(folder)/\(name)"))
            return ManifestFile(path: name, content: .bytes(Array(bytes)))
        }
    }

    private func compare(_ found: Diagnostics, with path: String) throws {
        #expect(!found.isEmpty)
        if Repository.updatesCases { try Data((found.description + "\n").utf8).write(to: Self.url(path)) }
        #expect(try found.description + "\n" == String(contentsOf: Self.url(path), encoding: .utf8))
    }
}
