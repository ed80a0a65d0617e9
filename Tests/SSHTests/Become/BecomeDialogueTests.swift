import Engine
import Testing

@testable import SSH

struct BecomeDialogueTests {
    private static let command = BecomeCommand(program: .sudo, command: "sh -s", nonce: "abcd1234")
    private static let doas = BecomeCommand(program: .doas, command: "sh -s", nonce: "abcd1234")

    private func hear(
        _ dialogue: inout BecomeDialogue, _ text: String, on stream: BecomeDialogue.Stream = .errors
    ) -> BecomeDialogue.Turn { dialogue.hear(Array(text.utf8)[...], on: stream) }

    @Test func writesWhatEveryLoginShellUnderstands() {
        #expect(BecomeCommand.unasked(.sudo, "sh -s") == "env LC_ALL=C sudo -n -- sh -s")
        #expect(
            Self.command.overPipes(asks: true)
                == #"""
                env LC_ALL=C sudo -S -p 'abcd1234:' -- sh -c 'echo "$1-ready"; go=; while IFS= read -r line; do \#
                if [ "$line" = "$1-go" ]; then go=yes; break; fi; done; [ "$go" ] || exit 70; exec sh -s' sh abcd1234
                """#)
        for line in [Self.command.overPipes(asks: false), Self.doas.onTerminal(inputBytes: 3, asks: true)] {
            #expect(!line.contains("\n") && !line.contains("!"), "csh would not take it")
            #expect(!line.contains(Self.command.ready) && !line.contains(Self.command.errors))
        }
    }

    @Test func answersTheQuestionAfterALecture() {
        var dialogue = BecomeDialogue(Self.command)
        #expect(hear(&dialogue, "We trust you have received\nthe usual lecture:") == .listen)
        #expect(hear(&dialogue, "\n\nabcd1234") == .listen)
        #expect(hear(&dialogue, ":") == .answer)
        dialogue.answered(with: Secret("geheim"))
        #expect(hear(&dialogue, "welcome\nabcd1234-rea", on: .output) == .listen)
        #expect(hear(&dialogue, "dy\n", on: .output) == .begin)
        #expect(dialogue.hasAnswered)
    }

    @Test func takesAnotherSudosQuestion() {
        var dialogue = BecomeDialogue(Self.command)
        #expect(hear(&dialogue, "[sudo: abcd1234:] Password: ") == .answer)
        var cut = BecomeDialogue(Self.command)
        #expect(hear(&cut, "[sudo: abcd1234:") == .answer)
        cut.answered(with: Secret("geheim"))
        #expect(hear(&cut, "] Password: ") == .listen, "the rest of the same question")
    }

    @Test func doesNotAnswerToItsOwnCommandLine() {
        var dialogue = BecomeDialogue(Self.command)
        #expect(hear(&dialogue, Self.command.overPipes(asks: true) + "\n") == .listen)
        #expect(hear(&dialogue, "abcd1234:\n") == .listen)
        #expect(hear(&dialogue, "'abcd1234-ready' is what it says\n", on: .output) == .listen)
    }

    @Test func refusesASecondQuestion() {
        var dialogue = BecomeDialogue(Self.command)
        #expect(hear(&dialogue, "abcd1234:") == .answer)
        dialogue.answered(with: Secret("geheim"))
        #expect(hear(&dialogue, "\nSorry, try again.\nabcd1234:") == .refused(.passwordWrong))
        var locked = BecomeDialogue(Self.command)
        #expect(hear(&locked, "The account is locked due to 3 failed logins.\nabcd1234:") == .answer)
        locked.answered(with: Secret("geheim"))
        #expect(
            hear(&locked, "\nSorry, try again.\nabcd1234:")
                == .refused(.accountUnusable(said: "The account is locked due to 3 failed logins.")))
    }

    @Test func knowsTheQuestionOfDoas() {
        var dialogue = BecomeDialogue(Self.doas)
        #expect(hear(&dialogue, "doas (someone) said nothing", on: .output) == .listen)
        #expect(hear(&dialogue, "\rdoas (walter@n1) password: ", on: .output) == .answer)
    }

    @Test func keepsLittleOfALotAndHidesTheAnswer() {
        var dialogue = BecomeDialogue(Self.command)
        for _ in 0..<1000 { #expect(hear(&dialogue, String(repeating: "x", count: 1000)) == .listen) }
        #expect(dialogue.said.utf8.count <= BecomeDialogue.limitBytes)
        #expect(hear(&dialogue, "\nabcd1234:") == .answer)
        dialogue.answered(with: Secret("geheim"))
        #expect(hear(&dialogue, "geheim: not found\n") == .listen)
        #expect(dialogue.ended(status: 1) == .other(said: "(secret): not found"))
    }

    @Test(arguments: [
        ("sudo: a password is required", 1, BecomeRefusal.passwordNeeded),
        ("sudo: interactive authentication is required", 1, .passwordNeeded),
        ("doas: Authentication required", 1, .passwordNeeded),
        ("doas: Authorization required", 1, .passwordNeeded),
        ("sudo: sorry, you must have a tty to run sudo", 1, .terminalNeeded),
        (
            "sudo: unable to resolve host n1: Name or service not known\nsudo: a password is required", 1,
            .passwordNeeded
        ),
        ("walter is not in the sudoers file.", 1, .notAllowed(said: "walter is not in the sudoers file.")),
        (
            "sudo: account validation failure, is your account locked?", 1,
            .accountUnusable(said: "sudo: account validation failure, is your account locked?")
        ),
        ("env: 'sudo': No such file or directory", 127, .notInstalled),
        ("env: can't execute 'sudo': No such file or directory", 127, .notInstalled),
    ])
    func understandsRefusals(said: String, status: Int32, refusal: BecomeRefusal) {
        #expect(BecomeRefusal(said: said, status: status) == refusal)
        let result = ExecResult(exitStatus: status, stderr: Array("\(said)\n".utf8), wasStopped: false)
        let program: BecomeProgram = said.hasPrefix("doas") ? .doas : .sudo
        #expect(BecomeRefusal(unasked: program, result) == refusal)
    }

    @Test(arguments: [
        "sudo: unable to resolve host n1: Name or service not known", "cat: write error: Operation not permitted", "",
    ])
    func leavesACommandsOwnFailureAlone(said: String) {
        let result = ExecResult(exitStatus: 1, stderr: Array(said.utf8), wasStopped: false)
        #expect(BecomeRefusal(unasked: .sudo, result) == nil)
    }

    @Test func dividesATerminalsOutputWhereverItIsCut() {
        let all = Array("out\n\nabcd1234-error\n\nabcd1234-errors\nerr\nabcd".utf8)
        for size in 1...all.count {
            var terminal = TerminalOutput(marker: Self.command.errors, errorLimitBytes: 1000)
            var output: [UInt8] = []
            for start in stride(from: 0, to: all.count, by: size) {
                output += terminal.take(all[start..<min(start + size, all.count)])
            }
            output += terminal.end()
            #expect(String(decoding: output, as: UTF8.self) == "out\n\nabcd1234-error\n")
            #expect(String(decoding: terminal.errors.bytes, as: UTF8.self) == "err\nabcd")
        }
        var cut = TerminalOutput(marker: Self.command.errors, errorLimitBytes: 1000)
        #expect(Array(cut.take(Array("out\n\nabcd".utf8)[...])) == Array("out\n".utf8))
        #expect(Array(cut.end()) == Array("\nabcd".utf8))
    }
}
