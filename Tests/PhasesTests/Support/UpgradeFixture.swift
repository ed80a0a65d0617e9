import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// A living cluster as an upgrade sees it.
enum UpgradeFixture {
    private static let healthy = Answer(status: 0, output: "200\n{\"health\":\"true\"}")
    static let servers = ["dpu-01", "dpu-02", "server-01"]
    static let workers = ["worker-01", "nixos-01", "pxe-01"]

    static func inventory(_ version: String = "v1.35.8+k3s1") throws -> Inventory {
        try Example.small([("v1.35.7+k3s1", version)])
    }

    /// A whole cluster in which every node runs one version, but for those that are named.
    static func facts(
        _ inventory: Inventory, running: String = "v1.35.7+k3s1", others: [String: String] = [:],
        unwell: Set<String> = [], disruption: String = ""
    ) -> Facts {
        var facts = Facts()
        let rows = (servers + workers).map { name in
            "\(name)\tTrue\t\(servers.contains(name) ? "True" : "")\t\(others[name] ?? running)\tkubelet is ready\n"
        }
        for name in servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(status: 0, output: rows.joined())
            facts[NodeName(name), .unit(Units.server)] = Answer(status: 0, output: "ActiveState=active\nJob=0")
            facts[NodeName(name), RestartQuestion.kubelet] = Answer(status: 0, output: "200\nok")
            facts[NodeName(name), DisruptionQuestion.probe] = Answer(status: 0, output: disruption)
            facts[NodeName(name), EtcdQuestion.probe] =
                unwell.contains(name) ? Answer(status: 1, output: "", error: "refused") : healthy
        }
        for node in inventory.nodes {
            let text = K3sConfiguration(inventory: inventory, node: node).text
            facts[node.id, K3sQuestion.config] = Answer(status: 0, output: text)
            facts[node.id, .host] = Answer(status: 0, output: "disk_free_kb=9000000")
        }
        return facts
    }

    static func words(_ finding: Finding) -> [String] {
        if case .blocked(let problems) = finding { return problems.map(\.what) }
        return finding == .satisfied ? [] : ["\(finding)"]
    }
}
