import Engine
import Foundation
import Testing

@testable import ClusterctlCLI

/// What `unlock` shows before anything is broken.
@Suite struct NodeLeaseTests {
    private let rows = [
        NodeLease(
            node: "dpu-01",
            lease: .success(
                LeaseState("held fence=7 number=7 left=40 owner=abcdefgh12345678 since=0 by=ada@desk pid=4711")),
            report: .success(GuardReport(Answer(status: 0, output: "armed phase=cilium nonce=x until=60\n")))),
        NodeLease(
            node: "dpu-02", lease: .success(LeaseState("free fence=7\nprogram abcdefgh12345678\n")),
            report: .success(nil)),
        NodeLease(
            node: "dpu-03", lease: .failure(LinkFailure(kind: .unreachable, message: "no route")),
            report: .failure(LinkFailure(kind: .unreachable, message: "no route"))),
    ]

    @Test func showsWhoWhereAndWhatIsArmed() {
        let lines = NodeLease.table(rows).split(separator: "\n").map(String.init)
        #expect(lines[0] == "NODE    LEASE               AT WORK   GUARD")
        #expect(lines[1].hasPrefix("dpu-01  abcdefgh, number 7  -         cilium: fires at 1970-01-01 00:01:00Z"))
        #expect(lines[2] == "dpu-02  -                   abcdefgh  -")
        #expect(lines[3...] == ["dpu-03  no SSH              -         -", "dpu-03: error: no route"])
        let warnings = rows[0].warnings(among: rows)
        #expect(
            warnings[0]
                == "dpu-01: held by ada@desk, process 4711 since 1970-01-01 00:00:00Z; lapses in 40 s unless it shows life"
        )
        #expect(warnings[1] == "  its programs are at work on dpu-02")
        #expect(warnings[2].hasPrefix("  dpu-01: cilium: fires at"))
        #expect(rows[1].warnings(among: rows).isEmpty)
    }

    #if os(Linux)
        @Test func knowsAProcessOfThisMachineThatIsNoMore() {
            func lease(_ change: (inout [String: String]) -> Void) -> Lease {
                var words: [String: String] = [:]
                for word in Controller.current.words {
                    let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
                    words[parts[0]] = parts[1]
                }
                change(&words)
                return Lease(owner: "other000", fence: 1, leftSeconds: 40, words: words)
            }
            let own = lease { _ in }
            #expect(Controller.current.sees(own) && !Controller.current.hasOutlived(own))
            #expect(Controller.current.hasOutlived(lease { $0["start"] = "1" }), "its number was used again")
            #expect(Controller.current.hasOutlived(lease { $0["pid"] = "2147483646" }))
            for elsewhere in [lease { $0["place"] = "0000000000000000" }, lease { $0["place"] = nil }] {
                #expect(!Controller.current.hasOutlived(elsewhere) && !Controller.current.sees(elsewhere))
            }
        }
    #endif
}
