import Engine
import Foundation
import Testing

@testable import SSH

/// Directories and files that are put in place together, and the watch that may follow.
@Suite(.enabled(if: TestShell.canRun, "needs root and a POSIX shell"))
@ShellThread struct StagesTests {
    private func file(_ box: ShellBox, _ name: String, _ text: String, _ mode: FileMode = .publicFile)
        -> Engine.Operation
    {
        .file(path: box.path(name), content: .text(text), mode: mode)
    }

    private func directory(_ box: ShellBox, _ name: String, _ mode: FileMode = 0o755) -> Engine.Operation {
        .directory(path: box.path(name), mode: mode)
    }

    /// busybox has its own programs within it.
    nonisolated private static let stubbed = TestShell.all.filter { $0.name != "busybox ash" }

    private func leftovers(_ box: ShellBox) throws -> [String] {
        let all = try FileManager.default.subpathsOfDirectory(atPath: box.directory)
        return all.filter { ($0 as NSString).lastPathComponent.hasPrefix(".clusterctl.") }
    }

    @Test(arguments: stubbed) func flushesAllFilesAtOnce(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub("sync", "echo $# >>\"$BOX/syncs\"; exec /bin/sync \"$@\"")
        try box.stub("mkdir", "case $* in *-m*) echo \"$@\" >>\"$BOX/mkdirs\" ;; esac; exec /bin/mkdir \"$@\"")
        let steps = [
            directory(box, "a"), directory(box, "a/b"), directory(box, "deep/er"), directory(box, "c", 0o700),
            file(box, "a/one", "1"), file(box, "a/b/two two", "it's 2\n", .privateFile),
            file(box, "c/three", "", .program),
        ]
        #expect(try box.apply(steps).map(\.kind) == Array(repeating: .changed, count: 7))
        #expect(box.text("syncs") == "3\n")
        let made = box.text("mkdirs")?.replacing(box.directory, with: "")
        #expect(made == "-p -m 0755 -- /a /a/b /deep/er\n-p -m 0700 -- /c\n")
        #expect(box.text("a/b/two two") == "it's 2\n")
        let modes = ["a", "a/b", "deep", "deep/er", "c", "a/one", "a/b/two two", "c/three"].map { try? box.mode($0) }
        #expect(modes == [0o755, 0o755, 0o755, 0o755, 0o700, 0o644, 0o600, 0o755])
        #expect(try box.apply(steps).map(\.kind) == Array(repeating: .unchanged, count: 7))
        #expect(try leftovers(box) == [])
    }

    @Test(arguments: TestShell.all) func tellsResultsInTheOrderOfTheSteps(shell: TestShell) throws {
        let box = try ShellBox(shell)
        #expect(try box.apply([directory(box, "there"), file(box, "same", "s")]).map(\.kind) == [.changed, .changed])
        let frames = try box.apply([
            file(box, "new", "n"), file(box, "same", "s"), file(box, "new", "m"), file(box, "new", "m"),
            directory(box, "there"), directory(box, "fresh"), file(box, "fresh/x", "x"),
            directory(box, "there", 0o700),
        ])
        #expect(frames.map(\.index) == Array(0..<8))
        #expect(
            frames.map(\.kind)
                == [.changed, .unchanged, .changed, .unchanged, .unchanged, .changed, .changed, .changed])
        #expect(box.text("new") == "m")
        #expect(try box.mode("there") == 0o700)
    }

    @Test(arguments: TestShell.all) func comparesASecondStepForAPathWithWhatTheFirstMade(shell: TestShell) throws {
        let box = try ShellBox(shell)
        #expect(try box.apply([file(box, "f", "old")]).map(\.kind) == [.changed])
        #expect(try box.apply([file(box, "f", "new"), file(box, "f", "old")]).map(\.kind) == [.changed, .changed])
        #expect(box.text("f") == "old")
    }

    /// A flush may take long: what happens meanwhile counts.
    @Test(arguments: stubbed) func asksWhetherItMayChangeAfterTheFlush(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub("sync", "echo stranger >\"$BOX/run/clusterctl/runs/owner\"; exec /bin/sync \"$@\"")
        let frames = try box.apply([file(box, "late", "1")])
        #expect(frames.map(\.kind) == [.overtaken])
        #expect(box.text("late") == nil)
        #expect(try leftovers(box) == [])
    }

    @Test(arguments: stubbed) func stopsAtTheFirstThatFailsAndLeavesNothing(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub("mv", "case $* in *two) echo 'no, thanks' >&2; exit 1 ;; esac; exec /bin/mv \"$@\"")
        let frames = try box.apply([file(box, "one", "1"), file(box, "two", "2"), file(box, "three", "3")])
        #expect(frames.map(\.kind) == [.changed, .failed])
        #expect(frames.last?.error == "no, thanks\n")
        #expect(box.text("one") == "1" && box.text("two") == nil && box.text("three") == nil)
        #expect(try leftovers(box) == [])
    }

    @Test(arguments: TestShell.all) func tellsOfADirectoryThatCannotBeMade(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try "a file".write(toFile: box.path("blocked"), atomically: true, encoding: .utf8)
        let frames = try box.apply([
            directory(box, "good"), directory(box, "blocked/below"), directory(box, "never"), file(box, "good/f", ""),
        ])
        #expect(frames.map(\.kind).last == .failed && frames.count == 2)
        #expect(frames.last?.error.contains("blocked") == true)
        #expect(box.text("good/f") == nil)
    }

    @Test(arguments: TestShell.all) func doesNotPutInPlaceWhatAnotherRunMayReplace(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let taken = Command(
            name: "taken", arguments: ["sh", "-c", "echo stranger >\"$BOX/run/clusterctl/runs/owner\""])
        let frames = try box.apply([file(box, "mine", "1"), .command(taken), file(box, "late", "2")])
        #expect(frames.map(\.kind) == [.changed, .changed, .overtaken])
        #expect(box.text("late") == nil)
        #expect(try leftovers(box) == [])
    }

    @Test(arguments: stubbed) func removesWhatIsStagedWhenItIsEnded(shell: TestShell) throws {
        let box = try ShellBox(shell)
        try box.stub("sync", "kill $PPID; sleep 1")
        let program = try ShellCompiler.apply(
            steps: [ShellBox.step(file(box, "one", "1"))], secrets: [:], nonce: ShellBox.nonce)
        #expect(try box.run(program.text).status == 143)
        #expect(box.text("one") == nil)
        #expect(try leftovers(box) == [])
    }

    // MARK: The watch behind the steps

    private func watched(_ box: ShellBox, _ steps: [Engine.Operation]) throws -> ShellProgram {
        try ShellCompiler.apply(
            steps: steps.map(ShellBox.step), then: ([.path(box.path("one"))], 1, 2), secrets: [:], nonce: ShellBox.nonce
        )
    }

    @Test(arguments: TestShell.all) func goesOnWithTheWatch(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let frames = try box.frames(watched(box, [file(box, "one", "1")]))
        #expect(frames.map(\.kind) == [.changed, .answer])
        #expect(frames.last?.output == "file 0644 1\n")
        #expect(box.text("run/clusterctl/runs/\(ShellBox.nonce)/ended") == "")
        // Who collects it has the steps' results and nothing else.
        let collected = try box.run(ShellCompiler.collect(nonce: ShellBox.nonce, ageSeconds: 1).text)
        var parser = FrameParser(nonce: ShellBox.nonce)
        #expect(try parser.feed([UInt8](collected.output)[...]).map(\.kind).filter { $0 != .beat } == [.changed])
    }

    @Test(arguments: TestShell.all) func doesNotWatchAfterAFailure(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let frames = try box.frames(watched(box, [.command(Command(name: "f", arguments: ["false"]))]))
        #expect(frames.map(\.kind) == [.failed])
    }

    @Test(arguments: TestShell.all) func endsWhenNobodyListensToTheWatch(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let run = try box.start(watched(box, [file(box, "one", "1")]).text, isHeard: false)
        #expect(try run.end().status == 141)
        #expect(box.text("one") == "1")
        #expect(box.text("run/clusterctl/runs/\(ShellBox.nonce)/ended") == "")
    }
}
