import Engine
import Foundation
import Testing

@testable import SSH

/// Values are data: whatever is in them arrives as it was given, byte by byte, and nothing of it is run.
@Suite(.enabled(if: TestShell.canRun, "needs root and dash, busybox or bash"))
@ShellThread struct HostileValuesTests {
    @Test(arguments: TestShell.all) func arriveAsContentsOfFiles(shell: TestShell) throws {
        let (box, hint) = try stage(shell)
        var made = HostileText()
        let texts = made.texts(60) + [made.longText(), made.longText()]
        let secret = SecretSource.provided(what: "token")
        let files = texts.enumerated().map { index, text in
            Engine.Operation.file(path: box.path("d/\(index)"), content: .text(text), mode: 0o600)
        }
        let kept = Engine.Operation.file(path: box.path("secret"), content: .secret(secret), mode: 0o600)
        let secrets = [secret: Secret(texts[60])]
        #expect(try run(box, files + [kept], secrets) == Array(repeating: .changed, count: files.count + 1), "\(hint)")
        for (index, text) in texts.enumerated() {
            #expect(try bytes(box, "d/\(index)") == Array(text.utf8), "text \(index), \(hint)")
        }
        #expect(try bytes(box, "secret") == Array(texts[60].utf8), "\(hint)")
        #expect(try look(box, files + [kept], secrets).allSatisfy { $0 == .same }, "\(hint)")
        try nothingWasRun(in: box, hint)
        #expect(try names(box, "d").count == texts.count, "\(hint)")
    }

    @Test(arguments: TestShell.all) func arriveAsNamesAndTargets(shell: TestShell) throws {
        let (box, hint) = try stage(shell)
        var made = HostileText()
        let (files, folders, links) = (made.names(30), made.names(20), made.names(20))
        let targets = (made.texts(19) + [made.longText()]).map { String($0.prefix(900)) + "/t" }
        let steps =
            files.map { Engine.Operation.file(path: box.path("files/\($0)"), content: .text($0), mode: 0o644) }
            + folders.map { .directory(path: box.path("folders/\($0)/below"), mode: 0o755) }
            + zip(links, targets).map { .link(path: box.path("links/\($0)"), target: $1) }
        #expect(try run(box, steps).allSatisfy { $0 == .changed }, "\(hint)")
        #expect(try names(box, "files") == sorted(files), "\(hint)")
        #expect(try names(box, "folders") == sorted(folders), "\(hint)")
        #expect(try names(box, "links") == sorted(links), "\(hint)")
        for name in files { #expect(try bytes(box, "files/\(name)") == Array(name.utf8), "\(hint)") }
        for (name, target) in zip(links, targets) {
            #expect(link(box, "links/\(name)") == Array(target.utf8), "\(hint)")
        }
        #expect(try look(box, steps).allSatisfy { $0 == .same }, "\(hint)")
        let probes = files.map { Probe.path(box.path("files/\($0)")) }
        let answers = try frames(box, ShellCompiler.survey(probes: probes, steps: [], nonce: ShellBox.nonce))
        #expect(answers.map(\.output) == files.map { "file 0644 \($0.utf8.count)\n" }, "\(hint)")

        let gone = files.map { Engine.Operation.absent(path: box.path("files/\($0)")) }
        #expect(try run(box, gone).allSatisfy { $0 == .changed }, "\(hint)")
        #expect(try names(box, "files").isEmpty, "\(hint)")
        try nothingWasRun(in: box, hint)
    }

    @Test(arguments: TestShell.all) func arriveAsWordsOfCommands(shell: TestShell) throws {
        let (box, hint) = try stage(shell)
        var made = HostileText()
        // Each command writes its words down, with a zero byte behind each, which no word can hold.
        func noting(_ file: String, _ words: [String]) -> [String] {
            ["sh", "-c", #"f=$1; shift; for word; do printf '%s\0' "$word"; done >"$f""#, "sh", box.path(file)] + words
        }
        let lists = (0..<20).map { _ in made.texts(Int.random(in: 0...5, using: &made)) } + [[made.longText()]]
        let steps = lists.enumerated().map { index, words in
            Engine.Operation.command(
                Command(
                    name: "note", arguments: noting("words/\(index)", words),
                    unless: noting("questions/\(index)", words) + ["; exit 1"]))
        }
        for folder in ["words", "questions"] {
            try FileManager.default.createDirectory(atPath: box.path(folder), withIntermediateDirectories: true)
        }
        // The question answers with success: then nothing is done; so it is asked about in a survey.
        #expect(try look(box, steps).allSatisfy { $0 == .same }, "\(hint)")
        let plain = lists.enumerated().map { index, words in
            Engine.Operation.command(Command(name: "note", arguments: noting("words/\(index)", words)))
        }
        #expect(try run(box, plain).allSatisfy { $0 == .changed }, "\(hint)")
        for (index, words) in lists.enumerated() {
            let wanted = words.flatMap { Array($0.utf8) + [UInt8(0)] }
            #expect(try bytes(box, "words/\(index)") == wanted, "list \(index), \(hint)")
            #expect(try bytes(box, "questions/\(index)") == wanted + Array("; exit 1\0".utf8), "list \(index), \(hint)")
        }
        let texts = made.texts(60) + [made.longText()]
        let probes = texts.map { Probe.command(["printf", "%s", $0]) }
        let answers = try frames(box, ShellCompiler.survey(probes: probes, steps: [], nonce: ShellBox.nonce))
        for (text, answer) in zip(texts, answers) {
            #expect(Array(answer.output.utf8) == Array(text.utf8) && answer.status == 0, "\(hint)")
        }
        try nothingWasRun(in: box, hint)
    }

    /// What programs of the node are told: each is played by one that writes its words down.
    @Test(arguments: TestShell.all) func arriveAtThePrograms(shell: TestShell) throws {
        let (box, hint) = try stage(shell)
        for program in ["systemctl", "journalctl", "curl", "modprobe", "client"] {
            try box.stub(program, #"{ printf '%s\0' "$@"; printf '\n\0'; } >>"$BOX/told"; exec cat >>"$BOX/read""#)
        }
        var made = HostileText()
        func told() throws -> [[UInt8]] {
            defer { try? FileManager.default.removeItem(atPath: box.path("told")) }
            return try bytes(box, "told").split(separator: 0, omittingEmptySubsequences: false).map(Array.init)
        }
        for name in made.names(12) {
            let probes: [Probe] = [.unit(name), .journal(unit: name, lines: 3), .http(name)]
            _ = try frames(box, ShellCompiler.survey(probes: probes, steps: [], nonce: ShellBox.nonce))
            let words = try told()
            #expect(words.count { $0 == Array(name.utf8) } == 3, "\(name.debugDescription), \(hint)")

            let unit = UnitState(name: name, enabled: false, activity: .stopped)
            _ = try look(box, [.unit(unit), .module(name), .sysctl(key: "no.\(name)", value: name)])
            #expect(try told().contains(Array(name.utf8)), "\(name.debugDescription), \(hint)")
        }
        for text in made.texts(12) + [made.longText()] {
            let manifest = "\(text)\n\(KubernetesObject.digestAnnotation): d1\n\(text)"
            let object = KubernetesObject(
                name: "x", client: ["client", text], manifest: manifest,
                references: [.init(kind: "Thing", namespace: "ns", name: "x")], digest: "d1")
            try? FileManager.default.removeItem(atPath: box.path("read"))
            #expect(try run(box, [.object(object)]) == [.changed], "\(hint)")
            #expect(try bytes(box, "read") == Array(manifest.utf8), "\(text.prefix(80).debugDescription), \(hint)")
            #expect(try told().first == Array(text.utf8), "\(hint)")
        }
        try nothingWasRun(in: box, hint)
    }

    /// A kernel setting that every kernel has, and that is only looked at.
    @Test(arguments: TestShell.all) func areComparedAsKernelSettings(shell: TestShell) throws {
        let (box, hint) = try stage(shell)
        var made = HostileText()
        let now = try String(contentsOfFile: "/proc/sys/kernel/pid_max", encoding: .utf8)
        let values = made.texts(40).map { $0 + "x" } + [made.longText()]
        let states = try look(box, values.map { .sysctl(key: "kernel.pid_max", value: $0) })
        #expect(states.allSatisfy { $0 == .differs(current: "(\(now.dropLast()))") }, "\(hint)")
        let keys = made.names(40).map { $0 + "x" }
        let missing = try look(box, keys.map { .sysctl(key: $0, value: "1") })
        #expect(missing.allSatisfy { $0 == .differs(current: "(this kernel has no such setting)") }, "\(hint)")
        try nothingWasRun(in: box, hint)
    }

    @Test func areRefusedWithAZeroByte() {
        let text = "a\0b"
        let operations: [Engine.Operation] = [
            .file(path: "/f", content: .text(text), mode: 0o600), .file(path: text, content: .text(""), mode: 0o600),
            .directory(path: text, mode: 0o700), .link(path: "/l", target: text), .absent(path: text), .module(text),
            .sysctl(key: "k", value: text), .command(Command(name: "c", arguments: [text])),
            .command(Command(name: "c", arguments: ["c"], unless: [text])),
            .unit(UnitState(name: text, enabled: true, activity: .running(restartOn: []))),
            .unit(UnitState(name: "u", enabled: true, activity: .running(restartOn: [text]))),
            .checkpoint(Checkpoint(phase: "p", paths: [text], units: [], undo: [], windowSeconds: nil)),
        ]
        for operation in operations {
            #expect(throws: ShellError.zeroByte, "\(operation)") {
                try ShellCompiler.apply(steps: [ShellBox.step(operation)], secrets: [:], nonce: ShellBox.nonce)
            }
        }
        for probe in [Probe.path(text), .command([text]), .http(text), .unit(text), .journal(unit: text, lines: 1)] {
            #expect(throws: ShellError.zeroByte, "\(probe)") {
                try ShellCompiler.survey(probes: [probe], steps: [], nonce: ShellBox.nonce)
            }
        }
        #expect(ShellError.zeroByte.description == "a text with a zero byte cannot be sent to a node")
    }

    // MARK: Running

    private func stage(_ shell: TestShell) throws -> (box: ShellBox, hint: String) {
        let box = try ShellBox(shell)
        try FileManager.default.createDirectory(atPath: box.path("here"), withIntermediateDirectories: true)
        return (box, "CLUSTERCTL_SEED=\(HostileText.seed)")
    }

    /// From within a folder of the box, so that what a text may write anywhere near is seen.
    private func frames(_ box: ShellBox, _ program: ShellProgram) throws -> [Frame] {
        try? FileManager.default.removeItem(atPath: box.path("run/clusterctl/runs/\(program.nonce)"))
        return try box.frames(of: program, in: box.run("cd '\(box.path("here"))'\n\(program.text)"))
    }

    private func run(
        _ box: ShellBox, _ steps: [Engine.Operation], _ secrets: [SecretSource: Secret] = [:]
    ) throws -> [Frame.Kind] {
        let steps = steps.map(ShellBox.step)
        return try frames(box, ShellCompiler.apply(steps: steps, secrets: secrets, nonce: ShellBox.nonce)).map(\.kind)
    }

    private func look(
        _ box: ShellBox, _ steps: [Engine.Operation], _ secrets: [SecretSource: Secret] = [:]
    ) throws -> [StepState?] {
        let steps = steps.map(ShellBox.step)
        let program = try ShellCompiler.survey(probes: [], steps: steps, secrets: secrets, nonce: ShellBox.nonce)
        return try frames(box, program).map(\.stepState)
    }

    // MARK: Looking

    private func bytes(_ box: ShellBox, _ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(filePath: box.path(name))))
    }

    /// Not by Foundation, which cuts long targets.
    private func link(_ box: ShellBox, _ name: String) -> [UInt8] {
        var target = [CChar](repeating: 0, count: 4096)
        let count = readlink(box.path(name), &target, target.count)
        return target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
    }

    private func names(_ box: ShellBox, _ folder: String) throws -> [[UInt8]] {
        sorted(try FileManager.default.contentsOfDirectory(atPath: box.path(folder)))
    }

    private func sorted(_ names: [String]) -> [[UInt8]] {
        names.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private func nothingWasRun(in box: ShellBox, _ hint: String) throws {
        #expect(try names(box, "here").isEmpty, "\(hint)")
        let all = try FileManager.default.subpathsOfDirectory(atPath: box.directory)
        #expect(!all.contains { $0.split(separator: "/").last ?? "" == HostileText.marker }, "\(hint)")
    }
}
