import Foundation
import Inventory
import SSH
import Testing

@testable import ClusterctlCLI

/// A folder with an ssh_config and a program that counts how often `ssh` is started.
private final class Box {
    let folder: String
    var file: String { "\(folder)/ssh_config" }

    init(_ configuration: String) throws {
        folder = NSTemporaryDirectory() + "clusterctl-config-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        try "#!/bin/sh\necho \"$*\" >>'\(folder)/started'\nexec ssh \"$@\"\n"
            .write(toFile: "\(folder)/ssh.sh", atomically: true, encoding: .utf8)
        // Not written by this program: another thread's child could still hold it open, and it would be busy.
        let install = Process()
        install.executableURL = URL(filePath: "/usr/bin/env")
        install.arguments = ["install", "-m", "755", "\(folder)/ssh.sh", "\(folder)/ssh"]
        try install.run()
        install.waitUntilExit()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func configuration(_ source: SSHConfigurationSource? = nil) -> UserConfiguration {
        UserConfiguration(source ?? .file(file), asWriter: false, program: "\(folder)/ssh")
    }

    /// The arguments of each start.
    var started: [String] {
        let text = (try? String(contentsOfFile: "\(folder)/started", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}

@Suite(.enabled(if: Programs.path(of: "ssh") != nil, "needs OpenSSH's client"))
struct UserConfigurationTests {
    private func ask(_ configuration: UserConfiguration, _ names: [String]) async throws -> [SSHConfiguration] {
        try await configuration.prepare(names.map { HostQuestion(name: $0) })
        var answers: [SSHConfiguration] = []
        for name in names { answers.append(try await configuration.answer(to: HostQuestion(name: name))) }
        return answers
    }

    @Test func asksOnceForHostsThatNoLineTellsApart() async throws {
        let box = try Box("Host web-*\n  User web\nHost db-*\n  Port 2222\n")
        let configuration = box.configuration()
        let found = try await ask(configuration, (1...20).map { "web-\($0)" } + ["db-1", "db-2", "other"])
        #expect(found.prefix(20).allSatisfy { $0.user == "web" && $0.hostName == nil && $0.port == nil })
        #expect(found[20] == found[21] && found[20].port == 2222 && found[22] == SSHConfiguration())
        // One for each of the three groups, and one for OpenSSH's own defaults.
        #expect(box.started.count == 4)
        _ = try await ask(configuration, ["web-1", "web-21"])
        #expect(box.started.count == 5)
    }

    @Test func asksForEachHostWhoseNameIsPutTogether() async throws {
        let box = try Box("Host web-*\n  HostName %h.example.org\n")
        let found = try await ask(box.configuration(), ["web-1", "web-2", "web-3"])
        #expect(found.map(\.hostName) == ["web-1.example.org", "web-2.example.org", "web-3.example.org"])
    }

    @Test func tellsOpenSSHWhatTheInventorySays() async throws {
        let box = try Box("Match user ops\n  Port 2222\nMatch user other\n  Port 2223\n")
        let configuration = box.configuration()
        let ops = try await configuration.answer(to: HostQuestion(name: "n", user: "ops"))
        let nobody = try await configuration.answer(to: HostQuestion(name: "n"))
        #expect(ops.port == 2222 && nobody.port == nil)
    }

    /// What the inventory says about one host is no answer for another.
    @Test func doesNotMixWhatTheInventorySaysAboutHosts() async throws {
        let box = try Box("ConnectTimeout 7\n")
        let configuration = box.configuration()
        let told = HostQuestion(name: "a", user: "ops", port: 2222)
        try await configuration.prepare([told, HostQuestion(name: "b"), HostQuestion(name: "c")])
        let plain = try await configuration.answer(to: HostQuestion(name: "b"))
        #expect(plain.user == nil && plain.port == nil && plain.connectTimeout == .seconds(7))
        #expect(try await configuration.answer(to: told).user == "ops")
        #expect(box.started.count == 3)
    }

    @Test func startsNothingWhereNothingCounts() async throws {
        let box = try Box("Port 2222")
        #expect(try await ask(box.configuration(.off), ["a"]) == [SSHConfiguration()])
        #expect(box.started.isEmpty)
    }

    @Test func goesOnWithoutOpenSSHAndSaysSo() async throws {
        let box = try Box("Port 2222")
        let configuration = UserConfiguration(.file(box.file), asWriter: false, program: nil)
        #expect(try await ask(configuration, ["a"]) == [SSHConfiguration()])
        #expect(await configuration.notes.count == 1)
    }

    @Test func showsWhatOpenSSHSaysAboutAMistake() async throws {
        let box = try Box("Host *\n  Bogus yes\n")
        do {
            _ = try await ask(box.configuration(), ["a"])
            Issue.record("a broken configuration was taken")
        } catch let problem as SSHConfigurationProblem {
            guard case .refused("a", let said) = problem else { throw problem }
            #expect(said.first?.hasPrefix("\(box.file): line 2: Bad configuration option: bogus") == true)
        }
    }

    @Test func notesOnceWhatDoesNotCount() async throws {
        let box = try Box("StrictHostKeyChecking no\nHost a\n  Port 1\n")
        let configuration = box.configuration()
        _ = try await ask(configuration, ["a", "b"])
        _ = try await ask(configuration, ["c"])
        #expect(await configuration.notes.count == 1)
    }
}
