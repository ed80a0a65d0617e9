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
    @Test func everySituationIsJudgedAsCommitted() throws {
        let inventory = try Example.small()
        let order = Bootstrap.order(for: inventory)
        let situations = try Situations.all(inventory)
        #expect(situations.count > 60)
        var text = ""
        for situation in situations {
            let phase = try #require(order.entries.first { $0.phase.id == situation.phase }?.phase)
            text += "\(situation.name) (\(situation.why))\n" + conclusions(situation, phase) + "\n"
        }
        try Repository.compare(text, with: "conclusions.txt")
    }

    private func conclusions(_ situation: Situations.Situation, _ phase: any Phase) -> String {
        let node = situation.node
        var facts = Facts()
        for (node, probe, answer) in situation.facts { facts[node, probe] = answer }
        var lines: [String] = []
        switch phase.check(node, facts) {
        case .satisfied: if phase.gate(node) == nil { lines.append("satisfied") }
        case .settled: lines.append("settled")
        case .notApplicable(let reason): lines.append("not applicable: \(reason)")
        case .putOff(let reason): lines.append("put off: \(reason)")
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

    /// The situations use the phases' own questions, so that none of them is judged without having been asked.
    @Test func everyPhaseAsksWhatItJudges() throws {
        let inventory = try Example.small()
        let known = Set(Situations.probes(inventory).values.flatMap(\.self))
        for entry in Bootstrap.order(for: inventory).entries {
            for node in entry.phase.nodes {
                let asked = entry.phase.needs(node) + (entry.phase.gate(node)?.asks.map(\.probe) ?? [])
                for probe in asked { #expect(known.contains(probe), "\(entry.phase.id) asks \(probe)") }
            }
        }
    }
}
