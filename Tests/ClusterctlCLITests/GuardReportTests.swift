import Engine
import Testing

@testable import ClusterctlCLI

@Suite struct GuardReportTests {
    private func read(_ output: String, status: Int32 = 0) -> GuardReport? {
        GuardReport(Answer(status: status, output: output, error: ""))
    }

    @Test(
        arguments: [
            ("none\n", "idle", nil, ""),
            ("armed phase=cilium nonce=n1 until=1800000000\n", "armed", "cilium", "fires at 2027-01-15 08:00:00Z"),
            ("armed phase=workers nonce=n1 until=never\n", "saved", "workers", "without a clock"),
            (
                "held phase=cilium nonce=n1 rung=2 until=1800000000\n", "held", "cilium",
                "let SSH in again at rung 2 of 3; goes on at 2027-01-15 08:00:00Z"
            ),
            ("firing phase=cilium nonce=n1 because=boot rung=whole\n", "taking back", "cilium", "at work"),
            (
                "rolled-back phase=cilium nonce=n1 at=1800000000 because=deadline left=none\n", "took back", "cilium",
                "at 2027-01-15 08:00:00Z, because: deadline; all is as it was"
            ),
            (
                "rolled-back phase=cilium nonce=n1 at=1800000000 because=boot left=nft,file:/x\n", "took back",
                "cilium",
                "at 2027-01-15 08:00:00Z, because: boot; left: nft,file:/x"
            ),
        ] as [(String, String, String?, String)])
    func tellsHowAGuardStands(output: String, word: String, phase: String?, note: String) throws {
        let report = try #require(read(output + "2027-01-15 08:00:00 a line\nanother\n"))
        #expect(report.word == word && report.phase?.rawValue == phase)
        #expect(report.note.hasPrefix(note) && note.isEmpty == report.note.isEmpty)
        #expect(report.log == ["2027-01-15 08:00:00 a line", "another"])
        #expect(report.isUnconfirmed == (word == "armed" || word == "saved" || word == "held"))
        #expect(report.state.heldAtRung == (word == "held" ? 2 : nil))
        #expect(report.nonce == (output == "none\n" ? nil : "n1"))
    }

    @Test func knowsANodeWithoutAGuard() {
        #expect(read("", status: 127) == nil && read("") == nil)
        let table = GuardStatusCommand.table([
            ("dpu-1", .success(read("none\n"))), ("worker-1", .success(nil)),
            ("dpu-2", .failure(LinkFailure(kind: .unreachable, message: "no route"))),
        ])
        #expect(
            table == "NODE      GUARD          PHASE  NOTE\ndpu-1     idle           -\n"
                + "worker-1  not installed  -\ndpu-2     no SSH         -\n")
    }

    @Test func rehearsesOverOneFileThatTheGuardKnows() throws {
        let steps = GuardRehearseCommand.steps(window: 20)
        guard case .checkpoint(let checkpoint) = steps.first?.operation,
            case .file(let path, _, _) = steps.last?.operation
        else {
            Issue.record("\(steps)")
            return
        }
        #expect(checkpoint.windowSeconds == 20 && checkpoint.paths == [path] && steps.count == 2)
    }
}
