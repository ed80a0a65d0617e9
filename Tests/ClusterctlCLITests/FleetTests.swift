import Crypto
import Engine
import Foundation
import SSH
import Synchronization
import Testing

@testable import ClusterctlCLI

/// The fleet and a real sshd, with links that break: what was done is known, and done once.
@Suite(.serialized, .enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct FleetTests {
    // MARK: Broken links

    @Test(arguments: 0..<4) func runsEachStepOnceThoughItsSessionIsKilledInOne(killed: Int) async throws {
        let node = try NodeFixture()
        let steps = (0..<4).map { node.mark("\($0)", then: $0 == killed ? node.killOnce("sshd") : "") }
        let (results, losses) = try await node.apply(steps)
        #expect(results == [.changed, .changed, .changed, .changed])
        #expect(node.marks == ["0", "1", "2", "3"])
        #expect(losses == 1)
    }

    @Test(arguments: [CuttingRelay.Way.toServer, .toClient])
    func runsEachStepOnceWhereverTheLinkIsCut(way: CuttingRelay.Way) async throws {
        let whole = try NodeFixture(cutting: way, after: .max)
        let (_, none) = try await whole.apply((0..<4).map { whole.mark("\($0)") } + [whole.fails()])
        #expect(none == 0)
        await whole.close()
        let total = whole.relay.carried
        // At each boundary between packets, and within the packet behind it.
        let cuts = whole.relay.boundaries.flatMap { [$0, $0 + 5] }.filter { $0 <= total }
        #expect(cuts.count > 20)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, cut) in cuts.enumerated() {
                if index >= 4 { try await group.next() }
                group.addTask { try await self.runsEachStepOnce(way, cut, of: total) }
            }
            try await group.waitForAll()
        }
    }

    private func runsEachStepOnce(_ way: CuttingRelay.Way, _ cut: Int, of total: Int) async throws {
        let node = try NodeFixture(cutting: way, after: cut)
        let steps = (0..<4).map { node.mark("\($0)") } + [node.fails()]
        let (results, _) = try await node.apply(steps)
        #expect(results.count == 5 && results.prefix(4).allSatisfy { $0 == .changed }, "\(cut) of \(total)")
        #expect(results.last == .failed(Answer(status: 9, output: "", error: "why\n")), "\(cut) of \(total)")
        #expect(node.marks == ["0", "1", "2", "3"], "\(cut) of \(total)")
        await node.close()
    }

    @Test func goesOnFromWhereADeadProgramStopped() async throws {
        let node = try NodeFixture()
        let file = Step(.file(path: node.path("file"), content: .text("x"), mode: .publicFile), because: "a test")
        let killing = Step(
            .command(
                Command(
                    name: "killing", arguments: ["sh", "-c", node.killOnce("sh -s") + "; echo >\(node.path("done"))"],
                    unless: ["test", "-e", node.path("done")])), because: "a test")
        let (results, losses) = try await node.apply([node.mark("once"), file, killing])
        #expect(results == [.changed, .changed, .changed])
        #expect(node.marks == ["once"])
        #expect(losses == 1)
    }

    @Test func doesNotRepeatACommandThatCannotBeAskedWhetherItTookEffect() async throws {
        let node = try NodeFixture()
        let (results, _) = try await node.apply([node.mark("1"), node.mark("2", then: node.killOnce("sh -s"))])
        #expect(results.count == 2 && results.first == .changed)
        guard case .failed(let answer)? = results.last else {
            Issue.record("\(results)")
            return
        }
        #expect(answer.error.contains("whether it took effect is not known"))
        #expect(node.marks == ["1", "2"])
    }

    /// By hand as in a run: the rollback is told once, and what came of it is asked for.
    @Test func followsARollbackWhoseConnectionIsCut() async throws {
        let node = try NodeFixture()
        try node.placeGuard("echo $1 >>\(node.path("marks")); \(node.killOnce("sshd")); sleep 1; " + node.rolledBack)
        let state = try await node.fleet.rollBackGuard("p", on: "n")
        #expect(state == .rolledBack(Rollback(phase: "p", because: "asked")))
        #expect(node.marks == ["rollback"])
        await node.close()
    }

    /// Another run may have armed the guard for the same phase meanwhile: the guard is told by which program it was.
    @Test func takesBackOnlyWhatItsOwnProgramsArmed() async throws {
        let node = try NodeFixture()
        try node.placeGuard("echo $1 $# >>\(node.path("marks")); " + node.rolledBack)
        _ = try await node.apply([node.mark("one")])
        _ = try await node.fleet.guardian(TaskID(phase: "p", node: "n"), .rollback)
        #expect(node.marks == ["one", "rollback 3", "report 1"], "the verb, the phase and the nonce")
        await node.close()
    }

    // MARK: Rescue paths

    /// The node's own address is gone; its key is known by that, and it is reached by a host beside it.
    @Test func takesBackByAHostBesideTheNode() async throws {
        let node = try NodeFixture()
        let host = try ServerFixture()
        try node.placeGuard(
            "echo $1 >>\(node.path("marks")); case $1 in report) echo armed phase=p nonce=n until=1 ;; "
                + "*) \(node.rolledBack) ;; esac")
        let gone = try ServerFixture.freePort()
        let key = try "[127.0.0.1]:\(gone) \(node.server.publicHostKey())\n"
        try key.write(toFile: node.path("known_hosts"), atomically: true, encoding: .utf8)
        var target = try node.server.target(hostKeys: HostKeyPolicy(knownHostsFiles: [node.path("known_hosts")]))
        target.port = gone
        let own = node.fleet(at: target)
        target.port = node.server.port
        (target.hostKeys.alias, target.hostKeys.aliasPort) = ("127.0.0.1", gone)
        target.route = .jump(try host.target())
        let rescues = RescueFleet(["n": node.fleet(at: target)])
        let rescue = Rescue(
            path: { _ in "ssh host" }, open: { _ in rescues },
            ask: { name throws(LinkFailure) in _ = try await own.guardReport(name) }, keepsLease: { true },
            tell: { _ in })
        let failure = Failure(
            task: TaskID(phase: "p", node: "n"), cause: .guardFired(heldAtRung: nil), undoing: .unconfirmed("silence"),
            journal: "",
            lookAt: "")
        let outcome = await rescue.attempt(.failed([failure]), interrupts: { AsyncStream { _ in } })
        guard case .failed(let failures) = outcome,
            case .rescued(let rollback, _, let ordinary?)? = failures.first?.undoing
        else {
            Issue.record("it was not rescued: \(outcome)")
            return
        }
        #expect(rollback.isComplete && ordinary.message.contains("refuses connections to port \(gone)"))
        #expect(node.marks == ["report", "rollback", "report"], "it is looked at, told once, and nothing is confirmed")
        #expect(try host.logins == 1)
        await own.close()
        await node.close()
    }

    @Test func asksAgainWhatOnlyLooks() async throws {
        let node = try NodeFixture()
        let probe = Probe.command(["sh", "-c", node.killOnce("sshd") + "; echo here"])
        let answers = try await node.fleet.survey("n", probes: [probe, .path("/etc")], steps: []).answers
        #expect(answers[probe]?.output == "here\n" && answers.count == 2)
    }

    @Test func replacesAnIdleSessionThatDied() async throws {
        let node = try NodeFixture()
        let session = Probe.command(["sh", "-c", "p=$PPID; \(NodeFixture.climb("sshd")); echo $p"])
        let first = try await node.fleet.survey("n", probes: [session], steps: []).answers[session]
        let process = try #require(first.flatMap { pid_t($0.output.dropLast()) })
        kill(process, SIGKILL)
        let (results, losses) = try await node.apply([node.mark("1")])
        #expect(results == [.changed] && losses == 0)
        #expect(node.marks == ["1"])
    }

    // MARK: Artifacts

    /// Small enough to have arrived before it is known to be wrong, and large enough not to.
    @Test(arguments: [1_000, 24_000_000]) func refusesAFileThatIsNotWhatItShouldBe(bytes: Int) async throws {
        let node = try NodeFixture()
        let file = node.path("k3s")
        try Data(repeating: 7, count: bytes).write(to: URL(fileURLWithPath: file))
        let source = ArtifactSource(
            name: "k3s", origin: .localFile(path: file), checksum: .pinned(String(repeating: "0", count: 64)))
        let target = node.path("placed")
        let step = Step(.artifact(path: target, source: source, mode: .program), because: "a test")
        let (results, _) = try await node.apply([node.mark("before"), step])
        guard case .failed(let answer)? = results.last else {
            Issue.record("\(results)")
            return
        }
        #expect(answer.error.hasPrefix("\(file) is not k3s: its SHA-256 is "), "\(answer.error)")
        #expect(answer.error.contains("put the right file there"))
        #expect(!FileManager.default.fileExists(atPath: target))
        let left = (try? FileManager.default.subpathsOfDirectory(atPath: node.path("state"))) ?? []
        #expect(!left.contains { $0.hasSuffix(".whole") })
        await node.close()
    }

    @Test func bringsAFileThatIsRight() async throws {
        let node = try NodeFixture()
        let content = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try content.write(to: URL(fileURLWithPath: node.path("k3s")))
        let source = ArtifactSource(
            name: "k3s", origin: .localFile(path: node.path("k3s")),
            checksum: .pinned(SHA256.hash(data: content).map { String(format: "%02x", $0) }.joined()))
        let step = Step(.artifact(path: node.path("placed"), source: source, mode: .program), because: "a test")
        let (results, _) = try await node.apply([step])
        #expect(results == [.changed])
        #expect(try Data(contentsOf: URL(fileURLWithPath: node.path("placed"))) == content)
        await node.close()
    }

    @Test func tellsASilentNode() async throws {
        let node = try NodeFixture(options: ["ForceCommand exec sleep 600"])
        do {
            _ = try await node.fleet.perform(
                ShellCompiler.survey(probes: [.host], steps: [], nonce: "nonce000"), on: "n", seconds: 600, frames: 1,
                silence: .seconds(1))
            Issue.record("silence was taken for an answer")
        } catch let failure as ProgramFailure {
            #expect(failure.link.message.contains("no sign of life for 1 s") && failure.mayHaveBegun)
        }
    }
}
