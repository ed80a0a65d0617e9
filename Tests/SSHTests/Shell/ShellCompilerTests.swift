import Engine
import Foundation
import Testing

@testable import SSH

/// The texts themselves: the same steps give the same lines, and what must not be in them is not.
@ShellThread struct ShellCompilerTests {
    private let nonce = ShellBox.nonce
    private let pinned = ArtifactSource(
        name: "k3s", origin: .localFile(path: "/here/k3s"), checksum: .pinned("ABCDEF"))
    private let listed = ArtifactSource(
        name: "images", origin: .mirror(url: "http://mirror/x?a=b&c"), checksum: .listed(in: "sums", name: "images"))

    private func lines(_ program: ShellProgram) -> [String] {
        let text = program.text.components(separatedBy: "begin '\(nonce)'\n")[1]
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private func object(manifest: String) -> KubernetesObject {
        KubernetesObject(
            name: "HelmChart kube-system/cilium", client: ["k3s", "kubectl"], manifest: manifest,
            references: [
                .init(kind: "HelmChart", namespace: "kube-system", name: "cilium"),
                .init(kind: "ClusterRole", namespace: nil, name: "reader"),
            ], digest: "d1")
    }

    @Test func writesALineAStep() throws {
        let operations: [(Engine.Operation, String)] = [
            (.directory(path: "/d", mode: 0o700), "directory '/d' 0700"),
            (
                .file(path: "/it's", content: .text("a\n"), mode: 0o644),
                "file '/it'\\''s' 0644 87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7 'a\n'"
            ),
            (.file(path: "/t", content: .secret(.generated(bytes: 32)), mode: 0o600), "generated '/t' 0600 32"),
            (
                .file(path: "/t", content: .secret(.provided(what: "token")), mode: 0o600),
                "secret '/t' 0600 dc8331bcb2283e89d275a1c2fe66f7bf5ac3163ec1967f149dd7e27906365f0c 'hush'"
            ),
            (.link(path: "/l", target: "/t"), "link '/l' '/t'"),
            (.absent(path: "/gone"), "absent '/gone'"),
            (.artifact(path: "/k", source: pinned, mode: 0o755), "artifact '/k' 0755 'k3s' 'abcdef' ''"),
            (
                .artifact(path: "/i", source: listed, mode: 0o644),
                "artifact '/i' 0644 'images' 'f00' 'http://mirror/x?a=b&c'"
            ),
            (.module("overlay"), "module 'overlay'"),
            (.sysctl(key: "a.b", value: "1"), "sysctl 'a.b' '1'"),
            (
                .unit(UnitState(name: "k3s.service", enabled: true, activity: .running(restartOn: ["/a", "/b"]))),
                "unit 'k3s.service' enabled running '/a' '/b'"
            ),
            (
                .unit(UnitState(name: "x.service", enabled: false, activity: .stopped)),
                "unit 'x.service' disabled stopped"
            ),
            (
                .object(object(manifest: "clusterctl.dev/applied: d1")),
                "object 'd1' 'clusterctl.dev/applied: d1' 'HelmChart/kube-system/cilium ClusterRole//reader' "
                    + "'k3s' 'kubectl'"
            ),
            (.command(Command(name: "x", arguments: ["-a", "b c"])), "command 60 '-a' 'b c'"),
        ]
        let program = try ShellCompiler.apply(
            steps: operations.map { ShellBox.step($0.0) }, checksums: [listed: "F00"],
            secrets: [.provided(what: "token"): Secret("hush")], nonce: nonce)
        let expected = operations.enumerated().map { "step \($0.offset) \($0.element.1)" }
        let whole =
            (["claim nobody00", "beats", "alone 0"] + expected + [
                "settle", "finish", "}", "clusterctl_program </dev/null", "",
            ])
            .joined(separator: "\n")
        #expect(lines(program).joined(separator: "\n") == whole)
    }

    @Test func asksWhetherACommandIsNeededJustBeforeIt() throws {
        let command = Command(name: "x", arguments: ["do"], unless: ["test", "-e", "/x"], timeoutSeconds: 5)
        let program = try ShellCompiler.apply(steps: [ShellBox.step(.command(command))], secrets: [:], nonce: nonce)
        #expect(lines(program).dropFirst(3).prefix(2) == ["unless 5 'test' '-e' '/x'", "step 0 command 5 'do'"])
    }

    @Test func writesALineAProbe() throws {
        let probes: [Probe] = [
            .host, .path("/p"), .unit("u"), .journal(unit: "u", lines: 9), .command(["a", "$b"]), .http("http://x"),
            .listeners([1, 2]), .syncLatency(directory: "/d"), .guardState, .sshBanner(address: "fd00::1", port: 22),
        ]
        let program = try ShellCompiler.survey(probes: probes, steps: [], nonce: nonce)
        #expect(
            lines(program).prefix(13) == [
                "look", "beats", "look_over '/p'", "ask 0 host", "ask 1 path '/p'", "ask 2 unit 'u'",
                "ask 3 journal 'u' 9",
                "ask 4 command 'a' '$b'",
                "ask 5 http 'http://x'", "ask 6 listeners 1 2", "ask 7 sync_latency '/d'", "ask 8 guard_state",
                "ask 9 ssh_banner 'fd00::1' 22",
            ])
    }

    @Test func keepsSecretsOutOfSurveysAndOutOfWords() throws {
        let file = ShellBox.step(.file(path: "/t", content: .secret(.provided(what: "x")), mode: 0o600))
        let expected = ["look", "look_over '/t'", "sum_up '/t'", "surveying=yes", "state 0 secret '/t' 0600"]
        #expect(try Array(lines(ShellCompiler.survey(probes: [], steps: [file], nonce: nonce)).prefix(5)) == expected)
        let program = try ShellCompiler.apply(
            steps: [file], secrets: [.provided(what: "x"): Secret("hush")], nonce: nonce)
        #expect(program.text.contains("'hush'"))
        #expect(!"\(program)".contains("hush") && !String(reflecting: program).contains("hush"))
        var dumped = ""
        dump(program, to: &dumped)
        #expect(!dumped.contains("hush"))
    }

    @Test(arguments: [
        ("ops@h1:22", "ops@h1:22"), ("a,b", "a,b"), ("fe80::1%eth0", "fe80::1%eth0"), ("~/.ssh/id", "~/.ssh/id"),
        ("", "''"), ("~", "'~'"), ("~/a b", "'~/a b'"), ("a~", "'a~'"), ("[fd00::1]:22", "'[fd00::1]:22'"),
        ("$(x)", "'$(x)'"), ("it's", "'it'\\''s'"), ("a;b", "'a;b'"), ("é", "'é'"), ("#x", "'#x'"), ("-o", "-o"),
    ])
    func typesWordsAsAPersonWould(text: String, word: String) { #expect(shellWord(text) == word) }

    @Test func keepsSecretsAndLongTextsOffTheCommandLine() throws {
        let file = ShellBox.step(.file(path: "/it's", content: .text("a"), mode: 0o600))
        let secret = ShellBox.step(.file(path: "/t", content: .secret(.provided(what: "x")), mode: 0o600))
        let seen = try ShellCompiler.survey(probes: [.path("/p")], steps: [file], nonce: nonce)
        #expect(seen.commandLine == "sh -c \(quoted(seen.text))")
        #expect(
            try ShellCompiler.survey(
                probes: [], steps: [file, secret], secrets: [.provided(what: "x"): Secret("hush")], nonce: nonce
            ).commandLine == nil)
        #expect(try ShellCompiler.apply(steps: [file], secrets: [:], nonce: nonce).commandLine == nil)
        let many = (0..<1000).map { Probe.path("/some/path/\($0)") }
        #expect(try ShellCompiler.survey(probes: many, steps: [], nonce: nonce).commandLine == nil)
    }

    @Test func startsNoSignOfLifeForWhatIsOverAtOnce() throws {
        let file = ShellBox.step(.file(path: "/f", content: .text("a"), mode: 0o600))
        let unit = ShellBox.step(.unit(UnitState(name: "u", enabled: true, activity: .stopped)))
        let brief = try ShellCompiler.survey(probes: [.command(["true"])], steps: [file], nonce: nonce)
        #expect(!brief.showsLife && !lines(brief).contains("beats"))
        let long = try ShellCompiler.survey(probes: [], steps: [file, unit], nonce: nonce)
        #expect(long.showsLife && lines(long).contains("beats"))
    }

    @Test func refusesWhatItCannotWrite() {
        func error(_ operation: Engine.Operation) -> ShellError? {
            do {
                _ = try ShellCompiler.apply(steps: [ShellBox.step(operation)], secrets: [:], nonce: nonce)
                return nil
            } catch { return error }
        }
        func checkpoint(_ paths: [String], undo: [Engine.Operation] = []) -> Engine.Operation {
            .checkpoint(
                Checkpoint(
                    phase: "p", paths: paths, units: [], undo: undo.map(ShellBox.step), windowSeconds: 9))
        }
        let secret = Engine.Operation.file(path: "/t", content: .secret(.provided(what: "x")), mode: 0o600)
        #expect(error(secret) == .missingSecret(.provided(what: "x")))
        #expect(error(.artifact(path: "/i", source: listed, mode: 0o644)) == .missingChecksum(artifact: "images"))
        #expect(error(.file(path: "/z", content: .text("a\0b"), mode: 0o644)) == .zeroByte)
        #expect(error(.object(object(manifest: "no digest"))) == .objectWithoutDigest("HelmChart kube-system/cilium"))
        #expect(
            error(checkpoint(["/a\nunit evil"]))
                == .unsafeCheckpoint("p", reason: "a name with a line break: \"/a\\nunit evil\""))
        #expect(error(checkpoint([], undo: [secret])) == .missingSecret(.provided(what: "x")))
        #expect(error(checkpoint(["/a"])) == nil)
    }

    @Test func keepsAnUndoWithoutSecretsForTheGuard() throws {
        let checkpoint = Checkpoint(
            phase: "cilium", paths: ["/a b"], units: ["k3s.service"],
            undo: [Step(.absent(path: "/x"), because: "it's ours")], windowSeconds: nil)
        let text = try CheckpointText(checkpoint).text
        #expect(text.hasPrefix("path /a b\nunit k3s.service\nundo\nclusterctl_undo() {\n"))
        #expect(
            text.hasSuffix(
                "\nattempt 'it'\\''s ours' absent '/x'\n[ -z \"$undo_failed\" ] || exit 1\n}\n"
                    + "clusterctl_undo </dev/null\n"
            ))
    }

    @Test func claimsWhatActsAndOnlyThat() throws {
        let other = "abcdefgh"
        func first(_ program: ShellProgram) -> [String] { Array(lines(program).prefix(3)) }
        let apply = try ShellCompiler.apply(
            steps: [], secrets: [:], nonce: nonce, owner: "owner000", collected: [other])
        #expect(first(apply) == ["claim owner000 \(other)", "alone 0", "settle"])
        let rollback = try ShellCompiler.guardVerb(.rollback("p"), nonce: nonce, owner: "owner000")
        #expect(first(rollback) == ["claim owner000", "beats", "ask 0 guard 'rollback' 'p'"])
        let confirm = try ShellCompiler.guardVerb(.confirm("p", nonce: other), nonce: nonce)
        #expect(first(confirm) == ["look", "beats", "ask 0 guard 'confirm' 'p' '\(other)'"])
        let collect = try ShellCompiler.collect(nonce: nonce, ageSeconds: 7)
        #expect(first(collect) == ["look", "beats", "collect 7"])
        #expect(!collect.text.contains("file_apply"))
    }

    @Test func makesNoncesThatDiffer() {
        let nonces = (0..<100).map { _ in ShellProgram.makeNonce() }
        #expect(Set(nonces).count == 100)
        #expect(nonces.allSatisfy { $0.utf8.count == 32 && ShellProgram.isNonce($0) })
        #expect(
            !ShellProgram.isNonce("short") && !ShellProgram.isNonce("with space") && !ShellProgram.isNonce("a'b;cdefgh")
        )
    }
}
