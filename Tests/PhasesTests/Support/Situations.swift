import Engine
import Foundation
import Inventory
import Testing

@testable import Phases

/// What the nodes answered in the situations of `Cases/facts`.
enum Situations {
    struct Situation {
        var name: String
        var why: String
        var phase: PhaseID
        var node: NodeName
        var facts: [(NodeName, Probe, Answer)]
    }

    private struct Case: Decodable {
        struct Reply: Decodable {
            let status: Int32?
            let output: String?
            let error: String?
        }
        let why: String
        let phase: String
        let node: String
        let facts: [String: [String: Reply]]
    }

    /// In the order of their names.
    static func all(_ inventory: Inventory) throws -> [Situation] {
        let folder = Repository.cases.appending(path: "facts")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
        return try names.sorted().map { name in
            let data = try Data(contentsOf: folder.appending(path: name))
            let read = try JSONDecoder().decode(Case.self, from: data)
            return Situation(
                name: String(name.dropLast(5)), why: read.why, phase: PhaseID(read.phase), node: NodeName(read.node),
                facts: try facts(read, inventory))
        }
    }

    private static func facts(_ situation: Case, _ inventory: Inventory) throws -> [(NodeName, Probe, Answer)] {
        let digest = CiliumObjects(inventory, chartContent: nil).valuesDigest
        let probes = probes(inventory)
        var facts: [(NodeName, Probe, Answer)] = []
        for (node, replies) in situation.facts.sorted(by: { $0.key < $1.key }) {
            for (name, reply) in replies.sorted(by: { $0.key < $1.key }) {
                let found = try #require(probes[name], "no probe is called \(name) (\(node))")
                let output = (reply.output ?? "").replacingOccurrences(of: "@values@", with: digest)
                let answer = Answer(status: reply.status ?? 0, output: output, error: reply.error ?? "")
                facts += found.map { (NodeName(node), $0, answer) }
            }
        }
        return facts
    }

    /// Short names for the questions of the phases.
    static func probes(_ inventory: Inventory) -> [String: [Probe]] {
        [
            "host": [.host], "unit:k3s.service": [.unit("k3s.service")],
            "unit:k3s-agent.service": [.unit("k3s-agent.service")],
            "version": [K3sQuestion.version], "config": [K3sQuestion.config], "etcd-data": [EtcdQuestion.data],
            "listeners": [.listeners([6443, 2379, 2380, 6444, 10250]), .listeners([6444, 10250])],
            "latency": [Preflight.latency], "kept-member": [Preflight.keptMember],
            "left-addons": [LeftAddonsQuestion.probe], "etcd": [EtcdQuestion.probe], "restore": [RestoreState.probe],
            "readyz": [APIQuestion.probe],
            "helmcharts": [APIQuestion.helmCharts], "nodes": [NodesQuestion.probe], "jobs": [ReleaseQuestion.jobs],
            "releases": [ReleaseQuestion.releases], "job-pods": [ReleaseQuestion.jobPods],
            "cilium-pods": [CiliumQuestion.pods], "cilium-chart": [CiliumChartQuestion.probe],
            "cilium": [CiliumQuestion.status], "lease": [EndpointQuestion.lease],
            "kube-vip-pods": [EndpointQuestion.pods],
            "vip": [.command(["ip", "-j", "addr", "show", "to", "10.77.0.100"])],
            "ping": [.http("https://10.77.0.100:6443/ping")],
        ]
    }
}
