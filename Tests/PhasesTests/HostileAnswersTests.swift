import Engine
import Foundation
import Testing

@testable import Phases

/// Whatever nodes answer, each phase comes to a conclusion: one that lies must not end a run with all others.
struct HostileAnswersTests {
    /// In place of each number of an answer.
    private static let numbers = [
        "-9223372036854775808", "9223372036854775807", "9223372036854775808", "-1", "0", "1e999", "nan", "",
        String(repeating: "9", count: 1000),
    ]
    /// In place of a whole answer.
    private static let texts = [
        "", "\n", "=", "=\n=", "\0", "{}", "[]", "{\"cilium\":{\"state\":{}}}", "\u{1B}[2J", "null", ": : :",
        "a=b=c d=e",
        String(repeating: "[", count: 10_000), String(repeating: "x y=1 ", count: 1000),
    ]

    @Test func everyPhaseComesToAConclusion() throws {
        let inventory = try Example.small()
        let order = Bootstrap.order(for: inventory)
        var conclusions = 0
        for situation in try Situations.all(inventory) {
            guard let phase = order.entries.first(where: { $0.phase.id == situation.phase })?.phase else { continue }
            for facts in Self.lies(situation.facts) {
                _ = phase.check(situation.node, facts)
                _ = phase.gate(situation.node)?.judge(facts)
                if let preflight = phase as? Preflight { _ = preflight.notes(situation.node, facts) }
                conclusions += 1
            }
        }
        #expect(conclusions > 1000)
    }

    /// The answers with each number replaced, all at once; with every second one replaced; and with other texts.
    private static func lies(_ facts: [(NodeName, Probe, Answer)]) -> [Facts] {
        func changed(_ change: (Int, Answer) -> Answer) -> Facts {
            var result = Facts()
            for (index, (node, probe, answer)) in facts.enumerated() { result[node, probe] = change(index, answer) }
            return result
        }
        var all: [Facts] = []
        for number in numbers {
            for every in [1, 2] {
                all.append(
                    changed { index, answer in
                        guard index.isMultiple(of: every) else { return answer }
                        let output = answer.output.replacing(/[0-9]+/, with: number)
                        return Answer(status: answer.status, output: output, error: answer.error)
                    })
            }
        }
        for text in texts {
            all.append(changed { index, _ in Answer(status: Int32(index % 2), output: text, error: text) })
            all.append(changed { _, answer in Answer(status: .min, output: answer.output + text, error: text) })
        }
        return all
    }

    @Test func clocksBeyondAllTimesAreNone() throws {
        func time(_ text: String) -> Int? { HostFacts(Answer(status: 0, output: "time=\(text)\n"))?.time }
        #expect(time("1795235956") == 1_795_235_956)
        #expect(time("-9223372036854775808") == nil && time("9223372036854775807") == nil)
    }
}
