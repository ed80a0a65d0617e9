import Engine
import Foundation
import Inventory
import SSH
import Synchronization
import Testing

@testable import ClusterctlCLI

/// What was asked, and the answers to it.
private final class Person: Sendable {
    private let state = Mutex<(questions: [String], open: Int, mostOpen: Int)>(([], 0, 0))

    func answer(_ question: String) async -> Secret? {
        state.withLock {
            $0.questions.append(question)
            $0.open += 1
            $0.mostOpen = max($0.mostOpen, $0.open)
        }
        for _ in 0..<10 { await Task.yield() }
        state.withLock { $0.open -= 1 }
        return Secret("typed")
    }

    var questions: [String] { state.withLock { $0.questions } }
    var mostOpen: Int { state.withLock { $0.mostOpen } }
}

struct RunSecretsTests {
    private func secrets(_ ssh: String, askPass: Bool = false, _ person: Person) throws -> RunSecrets {
        let text = """
            version: 1
            name: lab
            ssh: {\(ssh)}
            k3s: {version: v1.35.7+k3s1}
            network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
            cilium: {version: 1.19.4}
            endpoint: {dns: api.example.org}
            servers: {s1: {address: 10.0.0.1}}
            workers: {w1: {address: 10.0.0.2}, w2: {address: 10.0.0.3, ssh: {user: other}}}
            """
        let inventory = try InventoryReader.read(text: text, file: "/lab/i.yaml").get().inventory
        var targets: [NodeName: SSHTarget] = [:]
        for node in inventory.nodes {
            targets[NodeName(node.name)] = SSHTarget(host: node.sshHost, user: node.ssh.user ?? "me")
        }
        var options = ConnectionOptions()
        options.acceptNewHostKeys = false
        options.askPass = askPass
        options.askBecomePass = false
        return RunSecrets(inventory, targets: targets, options: options) { await person.answer($0) }
    }

    @Test func asksOnceForEachUserAndOneAtATime() async throws {
        let person = Person()
        let secrets = try secrets("user: ops", askPass: true, person)
        await withTaskGroup(of: Void.self) { group in
            for (user, host) in [("ops", "10.0.0.1"), ("ops", "10.0.0.2"), ("other", "10.0.0.3")] {
                for _ in 0..<5 {
                    group.addTask { #expect(await secrets.password(of: user, on: host) == Secret("typed")) }
                }
            }
            group.addTask { #expect(await secrets.passphrase(forKey: "/k") == Secret("typed")) }
        }
        #expect(person.questions.count == 3 && person.mostOpen == 1)
    }

    @Test func readsReferencesInsteadOfAsking() async throws {
        let person = Person()
        let secrets = try secrets(
            "password: {command: [echo, \" by reference \"]}, identityFile: key, passphrase: {command: [echo, opener]}",
            person)
        #expect(await secrets.password(of: "me", on: "10.0.0.1") == Secret(" by reference "))
        #expect(await secrets.passphrase(forKey: "/lab/key") == Secret("opener"))
        #expect(person.questions.isEmpty)
    }

    @Test func givesJumpHostsNoPassword() async throws {
        let person = Person()
        let secrets = try secrets("password: ask", person)
        #expect(await secrets.password(of: "me", on: "bastion") == nil)
        #expect(person.questions.isEmpty)
    }
}

/// A terminal of Linux with somebody at the other end.
private final class PseudoTerminal: Sendable {
    let far: Int32
    let device: String

    init() throws {
        far = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var (locked, number) = (Int32(0), Int32(0))
        let (setLock, getNumber) = (UInt(0x4004_5431), UInt(0x8004_5430))
        try #require(far >= 0 && ioctl(far, setLock, &locked) == 0 && ioctl(far, getNumber, &number) == 0)
        device = "/dev/pts/\(number)"
    }

    deinit { close(far) }

    func type(_ text: String) { _ = text.withCString { write(far, $0, strlen($0)) } }

    /// Waits until this was shown, on a thread of its own, as the pool may have no more than the one that it would block.
    func waitFor(_ text: String) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var seen = ""
                var byte: UInt8 = 0
                while !seen.contains(text), read(self.far, &byte, 1) == 1 {
                    seen.unicodeScalars.append(Unicode.Scalar(byte))
                }
                continuation.resume(returning: seen)
            }
        }
    }

    var echoes: Bool {
        var state = termios()
        return tcgetattr(far, &state) == 0 && state.c_lflag & tcflag_t(ECHO) != 0
    }
}

@Suite(.enabled(if: FileManager.default.fileExists(atPath: "/dev/ptmx")))
struct TerminalTests {
    @Test func readsALineWithoutShowingIt() async throws {
        let terminal = try PseudoTerminal()
        // Held open here, so that its settings can be looked at afterwards.
        let near = open(terminal.device, O_RDWR | O_NOCTTY)
        defer { close(near) }
        #expect(terminal.echoes)
        async let answer = Terminal.ask("Password: ", on: terminal.device)
        #expect(await terminal.waitFor("Password: ") == "Password: ")
        #expect(!terminal.echoes)
        terminal.type("wrong\u{15}sex\u{7f}cre\u{e9}\u{7f}t\r")
        #expect(await answer == Secret("secret"))
        #expect(await !terminal.waitFor("\n").contains("s"))
        #expect(terminal.echoes)
    }

    @Test func putsTheTerminalRightBeforeCtrlCInterrupts() async throws {
        let terminal = try PseudoTerminal()
        let near = open(terminal.device, O_RDWR | O_NOCTTY)
        defer { close(near) }
        let echoedAtInterrupt = Mutex<Bool?>(nil)
        async let answer = Terminal.ask(
            "Password: ", on: terminal.device, interrupt: { echoedAtInterrupt.withLock { $0 = terminal.echoes } })
        _ = await terminal.waitFor("Password: ")
        terminal.type("half\u{3}")
        #expect(await answer == nil)
        #expect(echoedAtInterrupt.withLock { $0 } == true)
    }

    @Test func givesNothingWithoutATerminal() async {
        #expect(await Terminal.ask("Password: ", on: "/dev/null", interrupt: {}) == nil)
        #expect(await Terminal.ask("Password: ", on: "/nonexistent", interrupt: {}) == nil)
    }
}
