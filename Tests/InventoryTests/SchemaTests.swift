import Foundation
import Testing
import YAML

@testable import Inventory

struct SchemaTests {
    @Test func holdsTheReferencePageToTheFields() throws {
        let url = Repository.root.appending(path: "docs/inventory.md")
        if Repository.updatesCases { try Data(InventorySchema.markdown().utf8).write(to: url) }
        #expect(
            try Repository.text("docs/inventory.md") == InventorySchema.markdown(),
            "docs/inventory.md is out of date: run UPDATE_CASES=1 swift test --filter InventoryTests")
    }

    @Test func writesJSONWithEveryField() throws {
        let json = try JSONSerialization.jsonObject(with: Data(InventorySchema.json().utf8))
        let schema = try #require(json as? [String: Any])
        let properties = try #require(schema["properties"] as? [String: Any])
        #expect(Set(properties.keys) == Set(InventoryFields.root.fields.map(\.name)))
        #expect(schema["required"] as? [String] == ["version", "name", "k3s", "network", "cilium", "endpoint"])
        let definitions = try #require(schema["$defs"] as? [String: Any])
        let node = try #require((definitions["node"] as? [String: Any])?["properties"] as? [String: Any])
        #expect(Set(node.keys) == Set(NodeFields.node.fields.map(\.name)))
    }

    @Test func pointsReferencesToDefinitions() throws {
        let text = InventorySchema.json()
        let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let definitions = try #require(json?["$defs"] as? [String: Any])
        let pieces = text.components(separatedBy: "#/$defs/").dropFirst()
        #expect(pieces.count > 10)
        for piece in pieces { #expect(definitions[piece.components(separatedBy: "\"")[0]] != nil) }
    }

    @Test func matchesGoodTextsWithThePatternOfTheirForm() throws {
        let good: [TextForm: [String]] = [
            .clusterName: ["diskless", "a", "a-1"], .nodeName: ["c4140", "rack1-[01-20]", "r[1-2]-[a,b]"],
            .nodeAddress: ["10.42.67.[101-120]", "fd00::[1-1f]"], .address: ["10.0.0.1", "fd00::1"],
            .partName: ["edge", "a", "rack-1"],
            .cidr: ["10.0.0.0/8", "fd00::/56"],
            .interfaceAddress: ["10.0.0.1/24", "fd00::[1-f]/64", "10.0.0.[1,7]/32"],
            .addressBlock: ["192.0.2.0/28", "192.0.2.1-192.0.2.9", "fd00::1-fd00::9"],
            .community: ["64512:100", "0:0"], .k3sVersion: ["v1.35.7+k3s1", "v1.35.7-rc1+k3s1"],
            .chart: ["ingress-nginx", "oci://quay.io:443/jetstack/charts/cert-manager"],
            .chartVersion: ["39.0.7", "v1.18.2", "1.0.0-rc.1+build.5"],
            .ciliumVersion: ["1.19.4", "1.20.0-rc.1"], .url: ["https://a.example/b", "http://[::1]:80/"],
            .user: ["ubuntu", "_x"], .host: ["api.example.org", "10.0.0.1", "fd00::1", "::1"],
            .domain: ["cluster.example.org", "lab"], .image: ["docker.io/coredns/coredns:1.13.1", "a@sha256:0"],
            .sshHost: ["node_1", "fe80::1%eth0", "10.0.0.1"],
            .jumpHost: ["none", "ops@bastion:2222", "[fd00::1]:22", "[fe80::1%eth0]", "a.example.org"],
            .hostKey: [
                "ssh-ed25519 \(String(repeating: "A", count: 68))", "SHA256:\(String(repeating: "a", count: 43))",
            ],
            .variable: ["K3S_TOKEN"],
            .device: ["eth0", "tmfifo+"], .link: ["bond0.100"], .checksum: [String(repeating: "a1", count: 32)],
        ]
        for form in TextForm.allCases {
            guard let pattern = form.pattern else { continue }
            for text in try #require(good[form], "\(form) has no example") {
                #expect(TextFormCheck.problem(text, form) == nil)
                let found = text.range(of: pattern, options: .regularExpression)
                #expect(found == text.startIndex..<text.endIndex || form == .url, "\(text) against \(pattern)")
            }
        }
    }

    @Test func describesEveryDeadlineOnce() {
        let names = Mirror(reflecting: Deadlines()).children.compactMap(\.label)
        #expect(DeadlineKeys.all.map(\.name) == names)
        for key in DeadlineKeys.all {
            var deadlines = Deadlines()
            deadlines[keyPath: key.path] = .seconds(7)
            let value = Mirror(reflecting: deadlines).children.first { $0.label == key.name }?.value
            #expect(value as? Duration == .seconds(7))
        }
    }

    @Test func readsTheStarterInventoryWithoutAWarning() throws {
        let read = try InventoryReader.read(text: StarterInventory.text, file: "t").get()
        #expect(read.warnings.isEmpty)
        #expect(read.inventory.controlPlane.count == 3 && read.inventory.workers.count == 3)
    }

    @Test func readsEveryFieldWithItsExample() throws {
        func check(_ object: ObjectType, _ path: String) throws {
            for field in object.fields {
                guard let example = field.example, !example.contains("...") else { continue }
                let node = try YAMLDocument.parse("x:\n  " + example, file: "t").root["x"]
                var check = SchemaCheck(file: "t")
                check.check(try #require(node), field.type, path: path.dotted(field.name))
                let found = check.findings.diagnostics.map(\.message)
                #expect(found.isEmpty, "\(path).\(field.name): \(example)")
            }
        }
        for object in [
            InventoryFields.root, InventoryFields.ssh, InventoryFields.k3s, InventoryFields.secret,
            InventoryFields.keepAlive, InventoryFields.outOfBand, InventoryFields.artifacts,
            InventoryFields.network,
            InventoryFields.cilium, InventoryFields.endpoint, NodeFields.node,
        ] {
            try check(object, "")
        }
    }
}
