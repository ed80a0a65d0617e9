import Engine
import Foundation
import Testing

@testable import SSH

/// Programs run by real shells, as a node would run them.
@Suite(.enabled(if: TestShell.canRun, "needs root and dash, busybox or bash"))
@ShellThread struct ShellRunTests {
    static let hostile = [
        "", "\n", "plain\n", "no newline", "it's", "''", "a'\"'\"'b", "$(touch \(marker)) `touch \(marker)` $HOME ${x}",
        "-n", "--help", "-e\\n\\t\\\\", "%s %d %%", "a\r\nb", "\\", "\\'", "!history", "# no comment", "EOF\nEOF\n",
        "*", "~",
        "Á È ü 日本 👩‍👩‍👧 e\u{301}'\u{301}", "\u{81}\u{88}\u{1}\u{7f}", "}\nclusterctl_program\nrm -rf /nowhere\n",
        String(repeating: "long 'line' $x ", count: 20_000),
    ]
    static let marker = "/tmp/clusterctl-hostile-marker"

    @Test(arguments: TestShell.all) func writesHostileTextsByteByByte(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let files = Self.hostile.enumerated().map { index, text in
            Engine.Operation.file(path: box.path("d/file \(index)"), content: .text(text), mode: 0o640)
        }
        #expect(try box.apply(files).map(\.kind) == files.map { _ in .changed })
        for (index, text) in Self.hostile.enumerated() {
            #expect(box.text("d/file \(index)").map { Array($0.utf8) } == Array(text.utf8), "text \(index)")
        }
        #expect(try box.mode("d/file 0") == 0o640)
        #expect(try box.mode("d") == 0o755)
        #expect(try box.apply(files).map(\.kind) == files.map { _ in .unchanged })
        #expect(try box.survey(files) == files.map { _ in .same })
        #expect(!FileManager.default.fileExists(atPath: Self.marker))
    }

    @Test(arguments: TestShell.all) func takesHostileNamesLiterally(shell: TestShell) throws {
        let box = try ShellBox(shell)
        for name in ["it's $(touch \(Self.marker))", "-rf", "a\nb", " lead", "*", "ü\\n"] {
            let path = box.path("names/\(name)")
            let steps: [Engine.Operation] = [
                .directory(path: "\(path)/sub", mode: 0o711),
                .file(path: "\(path)/f", content: .text("x"), mode: 0o600),
                .link(path: "\(path)/l", target: name),
            ]
            #expect(try box.apply(steps).map(\.kind) == [.changed, .changed, .changed], "\(name)")
            #expect(try box.apply(steps).map(\.kind) == [.unchanged, .unchanged, .unchanged], "\(name)")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(path)/l") == name)
        }
        #expect(!FileManager.default.fileExists(atPath: Self.marker))
    }

    @Test(arguments: TestShell.all) func tellsHowAFileDiffersAndPutsItRight(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let file = Engine.Operation.file(path: box.path("f"), content: .text("new\n"), mode: 0o644)
        #expect(try box.survey([file]) == [.differs(current: "(absent)")])
        try "token: abc\nold: 1\n".write(toFile: box.path("f"), atomically: true, encoding: .utf8)
        #expect(try box.survey([file]) == [.differs(current: "token: (hidden)\nold: 1\n")])
        try " neighbor g password abc\n ! neighbor g password from f\n".write(
            toFile: box.path("f"), atomically: true, encoding: .utf8)
        #expect(
            try box.survey([file])
                == [.differs(current: " neighbor g password (hidden)\n ! neighbor g password from f\n")])
        #expect(try box.apply([file]).map(\.kind) == [.changed])
        try FileManager.default.setAttributes([.posixPermissions: 0o4755], ofItemAtPath: box.path("f"))
        #expect(
            try box.survey([file]) == [.differs(current: "(mode, user and group are 4755 0 0 and should be 0644 0 0)")])
        #expect(try box.apply([file]).map(\.kind) == [.changed])
        #expect(try box.mode("f") == 0o644)
        #expect(try FileManager.default.contentsOfDirectory(atPath: box.directory).allSatisfy { !$0.hasPrefix(".") })
    }

    @Test(arguments: TestShell.all) func replacesALinkToADirectoryItself(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let setup: [Engine.Operation] = [
            .directory(path: box.path("one"), mode: 0o755), .directory(path: box.path("two"), mode: 0o755),
            .link(path: box.path("l"), target: box.path("one")), .link(path: box.path("f"), target: box.path("one")),
        ]
        _ = try box.apply(setup)
        let steps: [Engine.Operation] = [
            .link(path: box.path("l"), target: box.path("two")),
            .file(path: box.path("f"), content: .text("x"), mode: 0o644),
        ]
        #expect(try box.apply(steps).map(\.kind) == [.changed, .changed])
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: box.path("l")) == box.path("two"))
        #expect(box.text("f") == "x")
        #expect(try FileManager.default.contentsOfDirectory(atPath: box.path("one")).isEmpty)
    }

    @Test(arguments: TestShell.all) func keepsSecretsToThemselves(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let given = SecretSource.provided(what: "token")
        let steps: [Engine.Operation] = [
            .file(path: box.path("given"), content: .secret(given), mode: 0o600),
            .file(path: box.path("made"), content: .secret(.generated(bytes: 16)), mode: 0o600),
        ]
        #expect(try box.apply(steps, secrets: [given: Secret("hush")]).map(\.kind) == [.changed, .changed])
        #expect(box.text("given") == "hush")
        let made = try #require(box.text("made"))
        #expect(made.utf8.count == 33 && made.hasSuffix("\n") && made.dropLast().allSatisfy(\.isHexDigit))
        #expect(try box.survey(steps) == [.same, .same])
        #expect(
            try box.survey(steps, secrets: [given: Secret("other")]).first == .differs(current: "(differs; secret)"))
        #expect(try box.apply(steps, secrets: [given: Secret("other")]).map(\.kind) == [.changed, .unchanged])
        #expect(box.text("made") == made)
        let read = try box.frames(ShellCompiler.readSecret(path: box.path("made"), nonce: ShellBox.nonce))
        #expect(read.map(\.output) == [made])
    }

    @Test(arguments: TestShell.all) func stopsAtTheFirstFailure(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let frames = try box.apply([
            .command(
                Command(name: "one", arguments: ["touch", box.path("one")], unless: ["test", "-e", box.path("one")])),
            .command(Command(name: "bad", arguments: ["sh", "-c", "echo out; echo why >&2; exit 9"])),
            .command(Command(name: "never", arguments: ["touch", box.path("never")])),
        ])
        #expect(frames.map(\.kind) == [.changed, .failed])
        #expect(frames.last.map { [$0.output, $0.error] } == ["out\n", "why\n"])
        #expect(frames.last?.status == 9)
        #expect(box.text("never") == nil)
    }

    @Test(arguments: TestShell.all) func endsACommandThatTakesTooLong(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let started = ContinuousClock.now
        let frames = try box.apply([.command(Command(name: "x", arguments: ["sleep", "300"], timeoutSeconds: 1))])
        #expect(frames.map(\.kind) == [.failed])
        #expect(ContinuousClock.now - started < .seconds(300), "before the command's own end")
    }

    @Test(arguments: TestShell.all) func doesNothingWhenCutAnywhere(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let step = ShellBox.step(.command(Command(name: "x", arguments: ["touch", box.path("done")])))
        let text = try ShellCompiler.apply(steps: [step], secrets: [:], nonce: ShellBox.nonce).text
        let lineEnds = text.indices.filter { text[$0] == "\n" }.map { text.index(after: $0) }
        let call = try #require(text.range(of: "clusterctl_program </dev/null\n")?.lowerBound)
        let cuts = stride(from: 0, to: lineEnds.count, by: 9).map { lineEnds[$0] } + lineEnds.suffix(6) + [call]
        for cut in cuts where cut <= call {
            let result = try box.run(String(text[..<cut]))
            #expect(result.output.isEmpty)
        }
        #expect(box.text("done") == nil)
        #expect(try !box.run(text).output.isEmpty)
        #expect(box.text("done") == "")
    }

    @Test(arguments: TestShell.all) func answersProbesInOrderAndCutsWhatIsTooLong(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let frames = try box.ask([
            .host, .path("/etc/passwd"), .path(box.path("nothing")), .command(["sh", "-c", "echo it; exit 3"]),
            .command(["head", "-c", "3000000", "/dev/zero"]), .guardState, .command(["cat"]),
        ])
        #expect(frames.map(\.index) == Array(0...6))
        let host = try #require(HostFacts(frames[0].answer))
        #expect(
            host.kernelVersion != nil && (host.memoryKiB ?? 0) > 0 && (host.processors ?? 0) > 0 && host.time != nil)
        #expect(frames[0].status == 0)
        #expect(frames[1].output.hasPrefix("file 0644 "))
        #expect(frames[2].output == "absent\n")
        #expect(frames[3].status == 3 && frames[3].output == "it\n")
        let zeros = String(repeating: "\0", count: 1 << 19)
        #expect(frames[4].output == zeros + "\n[... 1951424 bytes cut ...]\n" + zeros)
        #expect(frames[5].output == "none\n")
        #expect(frames[6].status == 0 && frames[6].output.isEmpty)
    }

    @Test(arguments: TestShell.all) func watchesAndSaysOnlyWhatIsNew(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let program = try ShellCompiler.watch(
            probes: [
                .path(box.path("x")),
                .command(["sh", "-c", "echo >>$BOX/x; wc -l <$BOX/x | grep -c '[3-9]'"]),
            ],
            intervalSeconds: 1, deadlineSeconds: 4, nonce: ShellBox.nonce)
        let result = try box.run(program.text)
        var parser = FrameParser(nonce: ShellBox.nonce)
        let frames = try parser.feed([UInt8](result.output)[...])
        #expect(parser.ended)
        #expect(frames.contains { $0.kind == .beat })
        #expect(frames.filter { $0.kind == .answer && $0.index == 1 }.map(\.output) == ["0\n", "1\n"])
        #expect(frames.filter { $0.kind == .answer && $0.index == 0 }.first?.output == "absent\n")
    }

    @Test(arguments: TestShell.all) func bringsEveryOutputAsItIs(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let outputs = [
            "a\n", "a", "", "\n", "a\n\n", "\na\n", "a\nb\n", "a\nb", "  a  \n", "\ta\n", "ä\n", "a\\n\\\n",
            "it's $(x) \"y\"\n",
            "a\r\n", "-n\n",
        ]
        let frames = try box.ask(outputs.map { .command(["printf", "%s", $0]) })
        #expect(frames.map(\.output) == outputs)
    }

    @Test(arguments: TestShell.all) func leavesNoScratchFilesBehind(shell: TestShell) throws {
        let box = try ShellBox(shell)
        let output = try box.ask([.command(["readlink", "/proc/self/fd/1"])])[0].output
        #expect(output == "/run/clusterctl.\(ShellBox.nonce).out\n")
        let left = try FileManager.default.contentsOfDirectory(atPath: "/run")
        #expect(!left.contains { $0.hasPrefix("clusterctl.\(ShellBox.nonce)") })
    }
}
