import Engine
import Foundation
import Testing

@testable import SSH

/// Programs that outlive their connection, and what is told about them afterwards.
@Suite(.enabled(if: TestShell.canRun, "needs root and dash, busybox or bash"))
@ShellThread struct RunsTests {
    // MARK: Once

    @Test(arguments: TestShell.all) func actsOnceHoweverOftenItIsSent(shell: TestShell) throws {
        let box = try RunBox(shell)
        let program = try box.program([box.mark("one")])
        #expect(try box.shell.frames(of: program, in: box.shell.run(program.text)).map(\.kind) == [.changed])
        let again = try box.shell.run(program.text)
        #expect(again.status == 75 && again.output.isEmpty)
        #expect(again.error.contains("has begun already"))
        #expect(box.marks == ["one"])
    }

    @Test(arguments: TestShell.all) func neverBeginsOnceACollectorWasFirst(shell: TestShell) throws {
        let box = try RunBox(shell)
        #expect(try box.collect().map(\.kind) == [.absent])
        let late = try box.shell.run(box.program([box.mark("late")]).text)
        #expect(late.output.isEmpty && late.status == 75)
        #expect(try box.collect().map(\.kind) == [.absent])
        #expect(box.marks.isEmpty)
    }

    // MARK: Without a connection

    @Test(arguments: TestShell.all) func goesOnUnheardAndIsFollowedToItsEnd(shell: TestShell) throws {
        let box = try RunBox(shell)
        let program = try box.program([box.mark("one"), box.gate(), box.mark("two"), box.fails("why")])
        let unheard = try box.shell.start(program.text, isHeard: false)
        box.waitForGate()
        kill(unheard.process, SIGHUP)
        let collector = try box.shell.start(box.collector().text)
        box.openGate()
        #expect(try unheard.end().status == 0)
        let frames = try box.shell.frames(of: program, in: collector.end())
        #expect(frames.map(\.kind) == [.changed, .changed, .changed, .failed])
        #expect(frames.map(\.index) == [0, 1, 2, 3])
        #expect(frames.last?.error == "why\n" && frames.last?.status == 9)
        #expect(try box.collect() == frames)
        #expect(box.marks == ["one", "two"])
    }

    @Test(arguments: TestShell.all) func tellsWhatWasDoneBeforeItWasKilled(shell: TestShell) throws {
        let box = try RunBox(shell)
        let running = try box.shell.start(
            box.program([box.mark("one"), box.gate(), box.mark("two")]).text, isHeard: false)
        box.waitForGate()
        kill(running.process, SIGKILL)
        _ = try running.end()
        // Half a frame, as a death in the middle of writing it leaves.
        let half = try FileHandle(forWritingTo: URL(fileURLWithPath: box.run("frames")))
        try half.seekToEnd()
        try half.write(contentsOf: Data("\(ShellBox.nonce) changed 1 0 900 0\nhalf".utf8))
        let frames = try box.collect()
        #expect(frames.map(\.kind) == [.changed, .broken])
        #expect(frames.last?.status == 1)
        #expect(try box.collect().map(\.kind) == [.changed, .broken])
        box.openGate()
        #expect(box.marks == ["one"])
    }

    @Test(arguments: TestShell.all) func tellsANewStartOfTheNode(shell: TestShell) throws {
        let box = try RunBox(shell)
        let never = try box.collect(ageSeconds: 2_000_000_000)
        #expect(never.map(\.kind) == [.broken] && never.first?.status == 2)
        let running = try box.shell.start(box.program([box.gate()]).text, isHeard: false)
        box.waitForGate()
        let life = try String(contentsOfFile: box.run("life"), encoding: .utf8).split(separator: " ")
        try (["another-start"] + life.dropFirst()).joined(separator: " ")
            .write(toFile: box.run("life"), atomically: false, encoding: .utf8)
        let frames = try box.collect()
        #expect(frames.map(\.kind) == [.broken] && frames.first?.status == 2)
        box.openGate()
        _ = try running.end()
    }

    @Test(arguments: TestShell.all) func givesUpOnARunThatNeverCameToLife(shell: TestShell) throws {
        let box = try RunBox(shell)
        try FileManager.default.createDirectory(atPath: box.run("work"), withIntermediateDirectories: true)
        #expect(try box.collect().map(\.kind) == [.broken])
    }

    // MARK: Bounds

    @Test(arguments: TestShell.all) func cutsTheMiddleOutOfWhatAFailureSaid(shell: TestShell) throws {
        let box = try RunBox(shell)
        let noise = "echo begin; head -c 300000 /dev/zero | tr '\\0' x; echo; echo end"
        let program = try box.program([
            .command(Command(name: "noise", arguments: ["sh", "-c", "{ \(noise); } >&2; \(noise); exit 3"]))
        ])
        let frames = try box.shell.frames(of: program, in: box.shell.run(program.text))
        for text in [frames[0].output, frames[0].error] {
            #expect(text.hasPrefix("begin\nxxx") && text.hasSuffix("xxx\nend\n"))
            #expect(text.contains("x\n[... 234475 bytes cut ...]\nx"))
            #expect(text.utf8.count < 66_000)
        }
        #expect(try box.collect() == frames)
    }

    @Test(arguments: TestShell.all) func forgetsWhatWasCollectedAndWhatIsOld(shell: TestShell) throws {
        let box = try RunBox(shell)
        _ = try box.shell.run(box.program([box.mark("one")]).text)
        let old = Date(timeIntervalSinceNow: -3 * 86_400)
        for name in 0..<9 {
            let path = box.runs + "/old\(name)00000"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            if name > 0 { try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path) }
        }
        let next = try ShellCompiler.apply(
            steps: [ShellBox.step(box.mark("two"))], secrets: [:], nonce: "next0000", collected: [ShellBox.nonce])
        #expect(try box.shell.frames(of: next, in: box.shell.run(next.text)).map(\.kind) == [.changed])
        let left = try FileManager.default.contentsOfDirectory(atPath: box.runs)
        #expect(left.sorted() == ["next0000", "old000000", "owner"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: box.runs + "/next0000").contains("work") == false)
    }

    // MARK: Owners

    @Test(arguments: TestShell.all) func givesWayToALaterOwner(shell: TestShell) throws {
        let box = try RunBox(shell)
        let first = try box.program([box.gate(), box.mark("first")])
        let running = try box.shell.start(first.text)
        box.waitForGate()
        let second = try ShellCompiler.apply(
            steps: [ShellBox.step(box.mark("second"))], secrets: [:], nonce: "second00", owner: "successor")
        #expect(try box.shell.frames(of: second, in: box.shell.run(second.text)).map(\.kind) == [.overtaken])
        #expect(try box.say(.claim(fence: nil), owner: "successor").status == 0)
        let again = try ShellCompiler.apply(
            steps: [ShellBox.step(box.mark("second"))], secrets: [:], nonce: "again000", owner: "successor")
        let waiting = try box.shell.start(again.text)
        usleep(200_000)
        #expect(box.marks.isEmpty)
        box.openGate()
        let frames = try box.shell.frames(of: first, in: running.end())
        #expect(frames.map(\.kind) == [.changed, .overtaken])
        #expect(try box.shell.frames(of: again, in: waiting.end()).map(\.kind) == [.changed])
        #expect(box.marks == ["second"])
    }
}

/// Steps that leave marks and wait for the test, for runs on one node.
struct RunBox {
    let shell: ShellBox
    var runs: String { shell.path("run/clusterctl/runs") }

    init(_ kind: TestShell) throws {
        shell = try ShellBox(kind)
        mkfifo(shell.path("begun"), 0o600)
        mkfifo(shell.path("gate"), 0o600)
    }

    func run(_ file: String) -> String { "\(runs)/\(ShellBox.nonce)/\(file)" }

    func program(_ steps: [Engine.Operation]) throws -> ShellProgram {
        try ShellCompiler.apply(steps: steps.map(ShellBox.step), secrets: [:], nonce: ShellBox.nonce)
    }

    func collector(ageSeconds: Int = 0) throws -> ShellProgram {
        try ShellCompiler.collect(nonce: ShellBox.nonce, ageSeconds: ageSeconds)
    }

    func collect(ageSeconds: Int = 0) throws -> [Frame] {
        let program = try collector(ageSeconds: ageSeconds)
        return try shell.frames(of: program, in: shell.run(program.text))
    }

    func mark(_ name: String) -> Engine.Operation {
        .command(Command(name: name, arguments: ["sh", "-c", "echo \(name) >>\(shell.path("marks"))"]))
    }

    func fails(_ words: String) -> Engine.Operation {
        .command(Command(name: "fail", arguments: ["sh", "-c", "echo \(words) >&2; exit 9"]))
    }

    /// A step that says when it has begun, and ends when the test lets it.
    func gate() -> Engine.Operation {
        let text = "true >\(shell.path("begun")); cat \(shell.path("gate"))"
        return .command(Command(name: "gate", arguments: ["sh", "-c", text]))
    }

    func waitForGate() { close(open(shell.path("begun"), O_RDONLY)) }
    func openGate() { close(open(shell.path("gate"), O_WRONLY)) }

    var marks: [String] { (shell.text("marks") ?? "").split(separator: "\n").map(String.init) }
}
