import Foundation
import Synchronization
import Testing

@testable import SSH

@Suite(.serialized, .enabled(if: BecomeBox.missing == nil, "needs root, sshd, sudo, doas and unshare"))
struct RootAccessTests {
    private static let all = "walter ALL=(ALL) ALL"
    private static let program = "id -u; echo err >&2; exit 3"

    // MARK: sudo

    @Test func needsNoPasswordWhereSudoAsksForNone() async throws {
        let box = try await BecomeBox(sudoers: "walter ALL=(ALL) NOPASSWD: ALL")
        let (result, output) = try await box.run(RootAccess(.sudo), Self.program)
        #expect(output == "0\n")
        #expect(result == ExecResult(exitStatus: 3, signal: nil, stderr: Array("err\n".utf8), wasStopped: false))
    }

    @Test func keepsAPasswordThatNobodyAsksFor() async throws {
        let box = try await BecomeBox(sudoers: "walter ALL=(ALL) NOPASSWD: ALL")
        let password = NotedPassword(BecomeBox.password)
        let access = RootAccess(.sudo, secrets: password)
        for _ in 0..<2 {
            let (result, output) = try await box.run(access, Self.program)
            #expect(output == "0\n" && result.exitStatus == 3 && result.stderr == Array("err\n".utf8))
        }
        #expect(password.asked == 0)
    }

    @Test func answersWithThePasswordAndKeepsItOutOfSight() async throws {
        let box = try await BecomeBox(sudoers: "Defaults lecture=always, timestamp_timeout=0\n\(Self.all)")
        let password = NotedPassword(BecomeBox.password)
        let (result, output) = try await box.run(
            RootAccess(.sudo, secrets: password), "id -u; env; tr '\\0' ' ' </proc/$$/cmdline; exit 3")
        #expect(output.hasPrefix("0\n") && result.exitStatus == 3)
        #expect(!output.contains(BecomeBox.password) && !box.sudoLog.contains(BecomeBox.password))
        #expect(password.asked == 1 && password.outcomes == [.right])
    }

    @Test func asksAgainOnlyWhenTheTicketIsOver() async throws {
        let box = try await BecomeBox(sudoers: Self.all)
        let password = NotedPassword(BecomeBox.password)
        let access = RootAccess(.sudo, secrets: password)
        for _ in 0..<3 { #expect(try await box.run(access, "id -u").output == "0\n") }
        let (_, _) = try await box.session.run("sudo -k")
        #expect(try await box.run(access, "id -u").output == "0\n")
        #expect(password.outcomes.allSatisfy { $0 == .right } && password.asked <= 4)
    }

    @Test func triesAWrongPasswordOnce() async throws {
        let box = try await BecomeBox(sudoers: Self.all)
        let password = NotedPassword("falsch")
        #expect(try await box.refusal(RootAccess(.sudo, secrets: password)) == .passwordWrong)
        #expect(password.asked == 1 && password.outcomes == [.wrong])
        #expect(try await box.session.run("echo usable").output == "usable\n")
        while !box.sudoLog.contains("COMMAND") { await Task.yield() }
        #expect(box.sudoLog.contains("1 incorrect password attempt"))
    }

    @Test func tellsAWrongPasswordAlsoWhereSudoAsksOnce() async throws {
        let box = try await BecomeBox(sudoers: "Defaults passwd_tries=1\n\(Self.all)")
        #expect(try await box.refusal(RootAccess(.sudo, secrets: NotedPassword("falsch"))) == .passwordWrong)
    }

    @Test func tellsThatAPasswordIsNeeded() async throws {
        let box = try await BecomeBox(sudoers: Self.all)
        #expect(try await box.refusal(RootAccess(.sudo)) == .passwordNeeded)
    }

    @Test func tellsThatTheUserMayNot() async throws {
        let password = NotedPassword(BecomeBox.password)
        let stranger = try await BecomeBox()
        #expect(
            try await stranger.refusal(RootAccess(.sudo, secrets: password))
                == .notAllowed(said: "walter is not in the sudoers file."))
        #expect(password.outcomes == [.right])
        let lister = try await BecomeBox(sudoers: "walter ALL=(ALL) NOPASSWD: /bin/ls")
        guard case .notAllowed(let said)? = try await lister.refusal(RootAccess(.sudo, secrets: password)) else {
            Issue.record("the command ran, or failed otherwise")
            return
        }
        #expect(said.hasPrefix("Sorry, user walter is not allowed to execute"))
    }

    @Test func tellsThatSudoIsNotThere() async throws {
        let box = try await BecomeBox(more: "mount --bind /dev/null /usr/bin/sudo")
        #expect(try await box.refusal(RootAccess(.sudo)) == .notInstalled)
        #expect(try await box.refusal(RootAccess(.sudo, secrets: NotedPassword("x"))) == .notInstalled)
    }

    @Test func tellsAnExpiredAccount() async throws {
        let box = try await BecomeBox(sudoers: Self.all, more: "")
        let access = RootAccess(.sudo, secrets: NotedPassword(BecomeBox.password))
        #expect(try await box.run(access, "chage -E 0 walter").result.exitStatus == 0)
        guard case .accountUnusable? = try await box.refusal(access) else {
            Issue.record("the command ran, or failed otherwise")
            return
        }
    }

    @Test func givesUpOnQuestionsThatItDoesNotKnow() async throws {
        let box = try await BecomeBox(
            more: "printf '#!/bin/sh\\nprintf \"Verification code: \" >&2\\nread code\\n' >\"$1/sudo\"; "
                + "chmod 0755 \"$1/sudo\"; mount --bind \"$1/sudo\" /usr/bin/sudo")
        let access = RootAccess(.sudo, secrets: NotedPassword("x"), patience: .milliseconds(300))
        #expect(
            try await box.refusal(access) == .silent(for: .milliseconds(300), said: "Verification code: "))
        #expect(try await box.session.run("echo usable").output == "usable\n")
    }

    @Test func passesOverWhatTheLoginShellSays() async throws {
        let box = try await BecomeBox(
            sudoers: Self.all, shell: "/bin/bash",
            more: "echo 'echo welcome; printf \"no break: \"; echo careful >&2' >\"$1/home/.bashrc\"")
        let (_, output) = try await box.run(RootAccess(.sudo, secrets: NotedPassword(BecomeBox.password)), "id -u")
        #expect(output == "0\n")
    }

    // MARK: Terminals

    @Test(arguments: ["", ", use_pty", ", !use_pty"])
    func givesSudoATerminalWhereItWantsOne(how: String) async throws {
        let box = try await BecomeBox(sudoers: "Defaults requiretty\(how)\n\(Self.all)")
        let password = NotedPassword(BecomeBox.password)
        let access = RootAccess(.sudo, secrets: password)
        for _ in 0..<2 {
            let (result, output) = try await box.run(access, Self.program)
            #expect(output == "0\n" && result.exitStatus == 3)
            #expect(String(decoding: result.stderr, as: UTF8.self) == "err")
        }
        #expect(password.outcomes.allSatisfy { $0 == .right })
    }

    @Test func givesATerminalWithoutAPassword() async throws {
        let box = try await BecomeBox(sudoers: "Defaults requiretty\nwalter ALL=(ALL) NOPASSWD: ALL")
        let (result, output) = try await box.run(RootAccess(.sudo), Self.program)
        #expect(output == "0\n" && result.exitStatus == 3)
    }

    @Test func aTerminalChangesNoByte() async throws {
        let box = try await BecomeBox(sudoers: "Defaults requiretty\n\(Self.all)")
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let collector = Collector()
        let result = try await RootAccess(.sudo, secrets: NotedPassword(BecomeBox.password)).execute(
            "cat", on: box.session, input: .bytes(bytes), deadline: .now + .seconds(60), onOutput: collector.take)
        #expect(result.exitStatus == 0)
        #expect(collector.bytes == bytes)
    }

    @Test func tellsAServerThatGivesNoTerminal() async throws {
        let box = try await BecomeBox(sudoers: "Defaults requiretty\n\(Self.all)", options: ["PermitTTY no"])
        #expect(try await box.refusal(RootAccess(.sudo)) == .terminalNeeded)
        #expect(try await box.session.run("echo usable").output == "usable\n")
    }

    @Test func triesAWrongPasswordOnceOnATerminal() async throws {
        let box = try await BecomeBox(sudoers: "Defaults requiretty\n\(Self.all)")
        let password = NotedPassword("falsch")
        #expect(try await box.refusal(RootAccess(.sudo, secrets: password)) == .passwordWrong)
        #expect(password.asked == 1)
    }

    // MARK: doas

    @Test func doasWithoutAPassword() async throws {
        let box = try await BecomeBox(doas: "permit nopass walter")
        let (result, output) = try await box.run(RootAccess(.doas), Self.program)
        #expect(output == "0\n" && result.exitStatus == 3 && result.stderr == Array("err\n".utf8))
        let password = NotedPassword(BecomeBox.password)
        #expect(try await box.run(RootAccess(.doas, secrets: password), "id -u").output == "0\n")
        #expect(password.asked == 0)
    }

    @Test(arguments: ["permit walter", "permit persist walter"])
    func doasWithAPassword(rule: String) async throws {
        let box = try await BecomeBox(doas: rule)
        let password = NotedPassword(BecomeBox.password)
        let access = RootAccess(.doas, secrets: password)
        for _ in 0..<2 {
            let (result, output) = try await box.run(access, Self.program)
            #expect(output == "0\n" && result.exitStatus == 3)
        }
        #expect(password.outcomes.allSatisfy { $0 == .right })
    }

    @Test func doasRefusals() async throws {
        let box = try await BecomeBox(doas: "permit walter")
        #expect(try await box.refusal(RootAccess(.doas)) == .passwordNeeded)
        let password = NotedPassword("falsch")
        #expect(try await box.refusal(RootAccess(.doas, secrets: password)) == .passwordWrong)
        #expect(password.asked == 1 && password.outcomes == [.wrong])
        let stranger = try await BecomeBox(doas: "permit root")
        #expect(
            try await stranger.refusal(RootAccess(.doas, secrets: password))
                == .notAllowed(said: "doas: Operation not permitted"))
        let without = try await BecomeBox()
        guard case .notAllowed? = try await without.refusal(RootAccess(.doas)) else {
            Issue.record("the command ran, or failed otherwise")
            return
        }
    }
}
