import Engine
import Foundation
import Inventory
import Testing
import YAML

@testable import Phases
@testable import Rendering

/// What is rendered, held against upstream's schemas; skipped where `../shared/schemas` is absent.
@Suite(.enabled(if: Repository.hasSchemas, "../shared/schemas is absent")) struct SchemaTests {
    private func inventories() throws -> [Inventory] {
        [
            try Example.small(), try Example.small(Example.dualStack.map { $0 } + dualAddresses),
            try Example.file("diskless.yaml"), try Example.read(Example.bgp), try Example.read(Example.announced),
            try Example.file("dual-stack-bgp.yaml"), try Example.file("unifi-bgp.yaml"),
            try Example.file("keepalived.yaml"),
            try Example.small([("{kubeVip: 10.77.0.100}", "{kubeVip: {address: 10.77.0.100, interface: eth0}}")]),
        ]
    }

    private var dualAddresses: [(String, String)] {
        ["11", "12", "13", "21", "22", "23"].map {
            ("address: 10.77.0.\($0)", "address: [10.77.0.\($0), fd00:77::\($0)]")
        }
    }

    @Test func everyKeyOfServersAndAgentsIsKnownToK3s() throws {
        for (file, isServer) in [("k3s/server-flags.json", true), ("k3s/agent-flags.json", false)] {
            let flags = try Repository.list(file)
            let types = Dictionary(
                uniqueKeysWithValues: flags.map { ($0["name"] as? String ?? "", $0["type"] as? String ?? "") })
            for inventory in try inventories() {
                for node in inventory.nodes where node.isControlPlane == isServer {
                    for (key, value) in K3sConfiguration(inventory: inventory, node: node).values {
                        let type = try #require(types[key], "\(key) is unknown to K3s")
                        let fits =
                            switch value {
                            case .bool: type == "bool"
                            case .int: type == "int"
                            case .list: type == "list"
                            default: type == "string" || type == "list"
                            }
                        #expect(fits, "\(key) is a \(type)")
                    }
                }
            }
        }
    }

    @Test func everyValueOfTheChartIsKnownToCilium() throws {
        let schema = try Repository.json("cilium-helm/values.schema.json")
        // The chart's values.yaml has these as comments, from which no schema is made.
        let commented: Set = ["devices", "loadBalancer.mode", "loadBalancer.dsrDispatch"]
        for inventory in try inventories() {
            let objects = CiliumObjects(inventory, chartContent: nil)
            #expect(SchemaWalk(schema).problems(objects.values, beyond: commented) == [])
        }
        let wrong: YAMLValue = ["ipam": ["moode": "x"], "nativeRoutingCIDR": "10.0.0.0/8", "k8sServiceHost": 1]
        #expect(SchemaWalk(schema).problems(wrong).count == 3)
    }

    @Test func everyObjectFitsItsKind() throws {
        for inventory in try inventories() {
            let plan = Plan(cluster: inventory.name, order: Bootstrap.order(for: inventory))
            for work in plan.phases.flatMap(\.work) {
                for step in work.steps {
                    guard case .object(let object) = step.operation else { continue }
                    let documents = object.manifest.components(separatedBy: "\n---\n")
                    #expect(documents.count == object.references.count)
                    for (text, reference) in zip(documents, object.references) {
                        try check(text, reference, object.digest)
                    }
                }
            }
        }
    }

    @Test func everyPlanFitsItsKind() throws {
        for inventory in try inventories() {
            var options = Upgrade.Options()
            options.drain.gracePeriodSeconds = 5
            for object in ControllerPlans(inventory, options, UpgradeVia.Options()).objects {
                let value = YAMLValue(try YAMLDocument.parse(object.manifest, file: "plan.yaml").root)
                let kind = "system-upgrade-controller/upgrade.cattle.io_plans.yaml"
                let schema = try custom(kind, value[["apiVersion"]]?.string ?? "")
                #expect(schema.problems(value) == [], "\(object.name)")
                #expect(value[["metadata", "annotations", KubernetesObject.digestAnnotation]] == .string(object.digest))
            }
        }
    }

    private func check(_ text: String, _ reference: KubernetesObject.Reference, _ digest: String) throws {
        let value = YAMLValue(try YAMLDocument.parse(text, file: "\(reference.name).yaml").root)
        #expect(value[["kind"]] == .string(reference.kind))
        #expect(value[["metadata", "name"]] == .string(reference.name))
        #expect(value[["metadata", "namespace"]]?.string == reference.namespace)
        #expect(value[["metadata", "annotations", KubernetesObject.digestAnnotation]] == .string(digest))
        let schema = try schema(apiVersion: value[["apiVersion"]]?.string ?? "", kind: reference.kind)
        #expect(schema.problems(value) == [], "\(reference.kind) \(reference.name)")
    }

    private func schema(apiVersion: String, kind: String) throws -> SchemaWalk {
        switch kind {
        case "HelmChart": return try custom("k3s/helm.cattle.io_helmcharts.yaml", apiVersion)
        case _ where kind.hasPrefix("Cilium"):
            return try custom("cilium-crds/v2/\(kind.lowercased())s.yaml", apiVersion)
        default:
            let all = try Repository.json("kubernetes/v1.35.0-strict-definitions.json")
            let definitions = try #require(all["$defs"] as? [String: [String: Any]])
            let name = try #require(
                definitions.first { _, definition in
                    let kinds = definition["x-kubernetes-group-version-kind"] as? [[String: String]] ?? []
                    return kinds.contains { entry in
                        let group = entry["group"] ?? ""
                        return entry["kind"] == kind
                            && (group.isEmpty ? "" : group + "/") + (entry["version"] ?? "") == apiVersion
                    }
                }?.key, "\(apiVersion) \(kind)")
            return SchemaWalk(definitions[name] ?? [:], definitions: definitions)
        }
    }

    private func custom(_ file: String, _ apiVersion: String) throws -> SchemaWalk {
        let text = try Repository.text(Repository.schemas.appending(path: file))
        let definition = YAMLValue(try YAMLDocument.parse(text, file: file).root)
        let version = try #require(
            definition[["spec", "versions"]]?.list?.first { version in
                let group = definition[["spec", "group"]]?.string ?? ""
                return version[["served"]] == true && "\(group)/\(version[["name"]]?.string ?? "")" == apiVersion
            }, "\(apiVersion) is not served")
        let schema = try #require(version[["schema", "openAPIV3Schema"]].map(SchemaWalk.plain) as? [String: Any])
        return SchemaWalk(schema)
    }
}
