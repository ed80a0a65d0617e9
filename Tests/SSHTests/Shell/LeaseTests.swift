import Engine
import Foundation
import Testing

@testable import SSH

/// The lease on the keeper and the owner of each node, with real shells.
@Suite(.enabled(if: TestShell.canRun, "needs root and dash, busybox or bash"))
@ShellThread struct LeaseTests {
    private let one = "owner0001"
    private let two = "owner0002"

    private func take(_ fence: Int, seen: Int = 0, seconds: Int = 60) -> SSH.LeaseVerb {
        .take(fence: fence, seen: seen, seconds: seconds, words: ["by=me@here", "pid=7"])
    }

    private func renew(_ fence: Int) -> SSH.LeaseVerb { .renew(fence: fence, seconds: 60, words: ["by=me@here"]) }

    @Test(arguments: TestShell.all) func isTakenOnceAndSaysByWhom(shell: TestShell) throws {
        let box = try RunBox(shell)
        let mine = try box.say(take(1), owner: one)
        #expect(mine.status == 0)
        let others = try box.say(take(1), owner: two)
        #expect(others.status == 3)
        let holder = try #require(others.state.holder)
        #expect(holder.owner == one && holder.fence == 1 && holder.words == ["by": "me@here", "pid": "7"])
        #expect((1...60).contains(holder.leftSeconds))
        #expect(abs(Double(holder.sinceEpochSeconds ?? 0) - Date().timeIntervalSince1970) < 600)
        #expect(try box.say(take(2, seen: 1), owner: two).status == 3, "a higher number does not help")
        #expect(try box.say(take(1), owner: one).status == 0, "said once more it is no mistake")
        // Which has prolonged it.
        let now = try #require(try box.ask().holder)
        #expect(now.owner == holder.owner && now.fence == holder.fence && now.words == holder.words)
    }

    @Test(arguments: TestShell.all) func oneOfManyGetsIt(shell: TestShell) throws {
        let box = try RunBox(shell)
        for round in 1...4 {
            let programs = try (0..<8).map { number in
                try ShellCompiler.leaseVerb(
                    take(round, seen: round - 1), owner: "owner\(round)00\(number)", nonce: "nonce\(round)00\(number)")
            }
            let started = try programs.map { try box.shell.start($0.text) }
            let answers = try zip(programs, started).map { try box.shell.frames(of: $0, in: $1.end())[0].answer }
            let winners = answers.indices.filter { answers[$0].status == 0 }
            #expect(winners.count == 1, "round \(round): \(answers)")
            let owner = "owner\(round)00\(winners.first ?? 0)"
            #expect(try box.ask().holder?.owner == owner)
            #expect(try box.say(.release(fence: round), owner: owner).status == 0)
        }
    }

    @Test(arguments: TestShell.all) func lapsesAndIsReleased(shell: TestShell) throws {
        let box = try RunBox(shell)
        #expect(try box.say(take(1, seconds: 0), owner: one).status == 0)
        #expect(try box.ask() == LeaseState("free fence=1"))
        #expect(try box.say(take(2, seen: 1), owner: two).status == 0)
        #expect(try box.say(renew(1), owner: one).state.holder?.owner == two)
        #expect(try box.say(.release(fence: 1), owner: one).status == 3)
        #expect(try box.say(renew(2), owner: two).status == 0)
        #expect(try box.say(.release(fence: 2), owner: two).status == 0)
        // Somebody who looked before all this must look again.
        let late = try box.say(take(3, seen: 1), owner: "owner0003")
        #expect(late.status == 3 && late.state == LeaseState("free fence=2"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: box.runs).sorted() == ["lease.2", "owner"])
    }

    @Test(arguments: TestShell.all) func outlivesANewStartOfTheKeeperOnlyWhereNobodyElseCame(shell: TestShell) throws {
        let box = try RunBox(shell)
        _ = try box.say(take(5), owner: one)
        try FileManager.default.removeItem(atPath: box.runs)
        #expect(try box.say(renew(5), owner: one).state.holder?.fence == 5)
        try FileManager.default.removeItem(atPath: box.runs)
        #expect(try box.say(take(5), owner: two).status == 0)
        #expect(try box.say(renew(5), owner: one).state.holder?.owner == two)
        // Of an earlier start, where the directory is on a disk.
        try "999999999 another-start owner=\(two)\n".write(
            toFile: box.runs + "/lease.5", atomically: false, encoding: .utf8)
        #expect(try box.ask().holder == nil)
    }

    @Test(arguments: TestShell.all) func isEndedByItsNumber(shell: TestShell) throws {
        let box = try RunBox(shell)
        _ = try box.say(take(3), owner: one)
        #expect(try box.say(.end(fence: 2, next: 4, words: []), owner: two).status == 3)
        #expect(try box.ask().holder?.owner == one)
        #expect(try box.say(.end(fence: 3, next: 4, words: ["by=two"]), owner: two).status == 0)
        #expect(try box.ask() == LeaseState("free fence=4"))
        #expect(try box.say(renew(3), owner: one).status == 3)
        #expect(try box.say(take(5, seen: 4), owner: two).status == 0, "whoever has ended it may take it")
        #expect(try box.ask().holder?.owner == two)
        let late = try box.apply("late", owner: one, fence: 3)
        #expect(late == [.overtaken] && box.marks.isEmpty)
    }

    @Test(arguments: TestShell.all) func aNodeIsWhoseWhoLookedLastUnlessClaimedWithTheLease(shell: TestShell) throws {
        let box = try RunBox(shell)
        try box.look(one)
        #expect(try box.apply("one", owner: one, fence: 4) == [.changed])
        try box.look(two)
        #expect(try box.apply("again", owner: one, fence: 4) == [.overtaken])
        #expect(try box.say(.claim(fence: 4), owner: one).status == 0)
        #expect(try box.apply("more", owner: one, fence: 4) == [.changed])
        try box.look(two)
        #expect(try box.apply("two", owner: two, fence: 5) == [.changed])
        #expect(try box.say(.claim(fence: 4), owner: one).status == 3, "a lower number gets nothing back")
        #expect(box.marks == ["one", "more", "two"])
    }

    @Test(arguments: TestShell.all) func aProgramAtWorkIsToldAndNotDisturbedByALook(shell: TestShell) throws {
        let box = try RunBox(shell)
        let program = try box.program([box.gate(), box.mark("one")])
        let running = try box.shell.start(program.text)
        box.waitForGate()
        try box.look(two)
        #expect(try box.ask().programs == ["nobody00"])
        box.openGate()
        #expect(try box.shell.frames(of: program, in: running.end()).map(\.kind) == [.changed, .changed])
        #expect(try box.ask().programs.isEmpty)
        #expect(box.marks == ["one"])
    }

    @Test(arguments: TestShell.all) func whoOnlyAsksLeavesNothing(shell: TestShell) throws {
        let box = try RunBox(shell)
        #expect(try box.ask() == LeaseState("free fence=0"))
        #expect(!FileManager.default.fileExists(atPath: box.runs))
    }
}

extension RunBox {
    func say(_ verb: SSH.LeaseVerb, owner: String) throws -> (status: Int32, state: LeaseState) {
        let program = try ShellCompiler.leaseVerb(verb, owner: owner, nonce: ShellProgram.makeNonce())
        let answer = try shell.frames(of: program, in: shell.run(program.text))[0].answer
        return (answer.status, LeaseState(answer.output))
    }

    /// What a run sees that only looks.
    func ask() throws -> LeaseState {
        let program = try ShellCompiler.survey(probes: [.lease], steps: [], nonce: ShellProgram.makeNonce())
        return LeaseState(try shell.frames(of: program, in: shell.run(program.text))[0].output)
    }

    /// The survey of a run that may change something.
    func look(_ owner: String) throws {
        let program = try ShellCompiler.survey(
            probes: [.lease], steps: [], nonce: ShellProgram.makeNonce(), owner: owner)
        _ = try shell.frames(of: program, in: shell.run(program.text))
    }

    func apply(_ name: String, owner: String, fence: Int) throws -> [Frame.Kind] {
        let program = try ShellCompiler.apply(
            steps: [ShellBox.step(mark(name))], secrets: [:], nonce: ShellProgram.makeNonce(), owner: owner,
            fence: fence)
        return try shell.frames(of: program, in: shell.run(program.text)).map(\.kind)
    }
}
