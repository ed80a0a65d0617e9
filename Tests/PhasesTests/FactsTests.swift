import Engine
import Foundation
import Inventory
import Testing

@testable import Phases

/// One file a situation: what the nodes answered, and what a phase concludes from it.
///
/// `Cases/facts/NAME.json` has the answers; `Cases/conclusions.txt` has what `check`, `notes` and the gate's judge make of
/// them, for all situations in one place, so that a change of words is read at a glance.
struct FactsTests {
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

    @Test func everySituationIsJudgedAsCommitted() throws {
        let inventory = try Example.small()
        let order = Bootstrap.order(for: inventory)
        let folder = Repository.cases.appending(path: "facts")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
            .sorted()
        #expect(names.count > 60)
        var text = ""
        for name in names {
            let data = try Data(contentsOf: folder.appending(path: name))
            let situation = try JSONDecoder().decode(Case.self, from: data)
            let phase = try #require(order.entries.first { $0.phase.id == PhaseID(situation.phase) }?.phase)
            text += "\(name.dropLast(5)) (\(situation.why))\n" + (try conclusions(situation, phase, inventory)) + "\n"
        }
        try Repository.compare(text, with: "conclusions.txt")
    }

    private func conclusions(_ situation: Case, _ phase: any Phase, _ inventory: Inventory) throws -> String {
        let node = NodeName(situation.node)
        let facts = try self.facts(situation, inventory)
        var lines: [String] = []
        switch phase.check(node, facts) {
        case .satisfied: if phase.gate(node) == nil { lines.append("satisfied") }
        case .notApplicable(let reason): lines.append("not applicable: \(reason)")
        case .pending(let reason): lines.append("pending: \(reason)")
        case .blocked(let problems): lines += problems.map { "blocked: \($0.what)\n      fix: \($0.fix)" }
        }
        if let preflight = phase as? Preflight { lines += preflight.notes(node, facts).map { "note: \($0)" } }
        if let verdict = phase.gate(node)?.judge(facts) {
            switch verdict {
            case .holds: lines.append("holds")
            case .waiting(let reason): lines.append("waiting: \(reason)")
            case .failed(let reason): lines.append("failed: \(reason)")
            }
        }
        return lines.map { "    \($0)\n" }.joined()
    }

    private func facts(_ situation: Case, _ inventory: Inventory) throws -> Facts {
        let digest = CiliumObjects(inventory, chartContent: nil).valuesDigest
        let probes = probes(inventory)
        var facts = Facts()
        for (node, replies) in situation.facts {
            for (name, reply) in replies {
                let found = try #require(probes[name], "no probe is called \(name) (\(node))")
                let output = (reply.output ?? "").replacingOccurrences(of: "@values@", with: digest)
                let answer = Answer(status: reply.status ?? 0, output: output, error: reply.error ?? "")
                for probe in found { facts[NodeName(node), probe] = answer }
            }
        }
        return facts
    }

    /// Short names for the questions of the phases.
    private func probes(_ inventory: Inventory) -> [String: [Probe]] {
        [
            "host": [.host], "unit:k3s.service": [.unit("k3s.service")],
            "unit:k3s-agent.service": [.unit("k3s-agent.service")],
            "version": [K3sQuestion.version], "config": [K3sQuestion.config], "etcd-data": [EtcdQuestion.data],
            "listeners": [.listeners([6443, 2379, 2380, 6444, 10250]), .listeners([6444, 10250])],
            "latency": [Preflight.latency], "etcd": [EtcdQuestion.probe], "readyz": [APIQuestion.probe],
            "helmcharts": [APIQuestion.helmCharts], "nodes": [NodesQuestion.probe], "job": [ReleaseQuestion.job],
            "release": [ReleaseQuestion.release], "job-pods": [ReleaseQuestion.jobPods],
            "cilium-pods": [CiliumQuestion.pods],
            "cilium": [CiliumQuestion.status], "lease": [EndpointQuestion.lease],
            "kube-vip-pods": [EndpointQuestion.pods],
            "vip": [.command(["ip", "-j", "addr", "show", "to", "10.77.0.100"])],
            "ping": [.http("https://10.77.0.100:6443/ping")],
        ]
    }

    /// The situations use the phases' own questions, so that none of them is judged without having been asked.
    @Test func everyPhaseAsksWhatItJudges() throws {
        let inventory = try Example.small()
        let known = Set(probes(inventory).values.flatMap(\.self))
        for entry in Bootstrap.order(for: inventory).entries {
            for node in entry.phase.nodes {
                let asked = entry.phase.needs(node) + (entry.phase.gate(node)?.asks.map(\.probe) ?? [])
                for probe in asked { #expect(known.contains(probe), "\(entry.phase.id) asks \(probe)") }
            }
        }
    }
}
