import Engine
import Foundation
import SSH
import Synchronization
import Testing

@testable import ClusterctlCLI

/// Nodes that say what no program of ours prints: each is told at once as what it is, whatever is left of it is bounded,
/// and the other nodes of the run go on.
@Suite(.enabled(if: ServerFixture.missing == nil, "needs root, sshd, ssh-keygen and ssh-agent"))
struct HostileNodeTests {
    @Test(arguments: [
        ("a greeting", "echo Welcome; exec sh -s", "the node said 'Welcome' where"),
        ("an endless line", "exec cat /dev/zero", "the node said '"),
        ("an endless stream", "exec yes", "the node said 'y' where"),
    ])
    func tellsGarbageAtOnce(id: String, command: String, words: String) async throws {
        let failure = await surveyFailure(try NodeFixture(options: ["ForceCommand \(command)"]))
        #expect(failure?.kind == .garbled && failure?.message.hasPrefix(words) == true, "\(id): \(failure as Any)")
    }

    struct Lie: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// A shell text; `$n` is the nonce of the program that was sent, which a node knows.
        var text: String
        var message: String
        init(_ id: String, _ text: String, _ message: String) {
            (testDescription, self.text, self.message) = (id, text, message)
        }
    }

    private static let unasked = "the node gave an answer to what it was not asked"
    private static let endless = "the node's answer does not end"

    @Test(arguments: [
        Lie("an index beyond the list", "echo $n answer 7 0 0 0", unasked),
        Lie("the largest index", "echo $n answer 9223372036854775807 0 0 0", unasked),
        Lie("an index beyond numbers", "echo $n answer 9223372036854775808 0 0 0", "the node said '"),
        Lie("a negative index", "echo $n answer -1 0 0 0", "the node said '"),
        Lie("a negative length", "echo $n answer 0 0 -1 0", "the node said '"),
        Lie("a length beyond numbers", "echo $n answer 0 0 99999999999999999999 0", "the node said '"),
        Lie(
            "lengths that overflow", "echo $n answer 0 0 9223372036854775807 9223372036854775807",
            "the node's answer has a"),
        Lie("a huge length", "echo $n answer 0 0 999999999 0", "the node's answer has a part of 999999999 bytes"),
        Lie("an unterminated header", "printf '%0300d' 0", "the node said '0000"),
        Lie(
            "a guessed nonce", "echo 0123456789abcdef0123456789abcdef answer 0 0 0 0",
            "the node gave the answer to another"),
        Lie("more answers than asked", "echo $n answer 0 0 0 0; echo $n answer 0 0 0 0", unasked),
        Lie("fewer answers than asked", "echo $n end", "the node's answer ended early"),
        Lie("work that was not asked for", "echo $n changed 0 0 0 0", unasked),
        Lie("more after the end", "echo $n answer 0 0 0 0; echo $n end; echo more", "the node went on after"),
        Lie("an endless answer", "echo $n answer 0 0 1000000 0; exec cat /dev/zero", "the node said '"),
        Lie("endless frames", "exec yes $n answer 0 0 0 0", endless),
        Lie("endless signs of life", "exec yes $n beat 0 0 0 0", endless),
        Lie("an endless flood of errors", "exec yes >&2", "the node's errors do not end"),
    ])
    func tellsALie(_ lie: Lie) async throws {
        let failure = await surveyFailure(try .hostile(lie.text))
        #expect(failure?.kind == .garbled && failure?.message.contains(lie.message) == true, "\(failure as Any)")
    }

    @Test func takesNothingForAFrameThatACommandPrints() async throws {
        let node = try NodeFixture()
        // Its output goes to a file that is called by the nonce.
        let program =
            "n=$(readlink /proc/$$/fd/1); n=${n#*clusterctl.}; n=${n%.out}; "
            + "echo $n answer 1 0 0 0; echo $n end; echo 0123456789abcdef0123456789abcdef end"
        let forging = Probe.command(["sh", "-c", program])
        let answers = try await node.fleet.survey("n", probes: [forging, .path("/")], steps: []).answers
        #expect(answers.count == 2 && answers[.path("/")]?.output.hasPrefix("directory ") == true)
        let lines = answers[forging]?.output.split(separator: "\n").map(String.init) ?? []
        #expect(lines.count == 3 && lines[0].count == 32 + " answer 1 0 0 0".count, "\(lines)")
        await node.close()
    }

    @Test func answersThoughErrorsPourOut() async throws {
        let node = try NodeFixture.hostile("yes no | head -c 9000000 >&2; echo $n answer 0 0 3 0; echo it; echo $n end")
        #expect(try await node.fleet.survey("n", probes: [.host], steps: []).answers[.host]?.output == "it\n")
        await node.close()
    }

    @Test(arguments: [
        Lie("another step", "echo $n changed 1 0 0 0", unasked),
        Lie("only some of the steps", "echo $n changed 0 0 0 0; echo $n end", "the node's answer ended early"),
        Lie("more steps", "echo $n changed 0 0 0 0; echo $n changed 1 0 0 0; exec yes $n changed 2 0 0 0", unasked),
    ])
    func isNotToldThatStepsAreDone(_ lie: Lie) async throws {
        let node = try NodeFixture.hostile(lie.text)
        let told = Mutex(0)
        let steps = ["a", "b"].map { Step(.absent(path: node.path($0)), because: "a test") }
        let failure = await failure {
            try await node.fleet.apply(TaskID(phase: "p", node: "n"), on: "n", steps: steps, then: nil) { _ in
                told.withLock { $0 += 1 }
            }
        }
        #expect(failure?.kind == .garbled && failure?.message == lie.message, "\(failure as Any)")
        #expect(told.withLock(\.self) == 0)
        await node.close()
    }

    /// The controller looks up the artifact by what the node answers.
    @Test func asksForNoArtifactThatIsNotThere() async throws {
        let node = try NodeFixture.hostile("echo $n answer 7 0 2 0; echo 0; echo $n end")
        try "k3s".write(toFile: node.path("k3s"), atomically: true, encoding: .utf8)
        let source = ArtifactSource(
            name: "k3s", origin: .localFile(path: node.path("k3s")),
            checksum: .pinned(String(repeating: "0", count: 64)))
        let step = Step(.artifact(path: "/k3s", source: source, mode: .program), because: "a test")
        let failure = await failure {
            try await node.fleet.apply(TaskID(phase: "p", node: "n"), on: "n", steps: [step], then: nil) { _ in }
        }
        #expect(failure == LinkFailure(kind: .garbled, message: Self.unasked))
        await node.close()
    }

    @Test func leavesTheOtherNodesAlone() async throws {
        let good = try NodeFixture()
        let bad = try ["exec cat /dev/zero", "exec yes >&2", "exec yes $n beat 0 0 0 0"].map {
            try NodeFixture.hostile($0)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in bad { group.addTask { #expect(await self.surveyFailure(node)?.kind == .garbled) } }
            for _ in 0..<4 {
                group.addTask {
                    let answers = try await good.fleet.survey("n", probes: [.path("/")], steps: []).answers
                    #expect(answers[.path("/")]?.output.hasPrefix("directory ") == true)
                }
            }
            try await group.waitForAll()
        }
        for node in bad + [good] { await node.close() }
    }

    private func surveyFailure(_ node: NodeFixture) async -> LinkFailure? {
        await failure { _ = try await node.fleet.survey("n", probes: [.host], steps: []) }
    }

    private func failure(_ body: () async throws -> Void) async -> LinkFailure? {
        do {
            try await body()
            return nil
        } catch { return error as? LinkFailure }
    }
}

extension NodeFixture {
    /// sed's word for the nonce of a program, one line or quoted in one.
    static let nonce = #"'s/^begin [^A-Za-z0-9]*\([A-Za-z0-9]*\).*/\1/p'"#

    /// A node that knows the program that it is sent, and says something else.
    static func hostile(_ text: String) throws -> NodeFixture {
        let node = try ServerFixture.makeDirectory() + "/hostile"
        try """
        case $SSH_ORIGINAL_COMMAND in *"sh -s") program=$(cat) ;; *) program=$SSH_ORIGINAL_COMMAND ;; esac
        n=$(printf '%s\\n' "$program" | sed -n \(nonce))
        \(text)
        """.write(toFile: node, atomically: true, encoding: .utf8)
        return try NodeFixture(options: ["ForceCommand exec sh \(node)"])
    }
}
