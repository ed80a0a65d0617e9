import Engine

@testable import SSH

/// What a node says before and after a command that becomes root's: bounded, and the same however it was cut.
enum TerminalFuzz {
    private static let nonce = "0123456789abcdef"

    static func take(_ bytes: [UInt8]) throws(Broken) {
        let size = Int(bytes.first ?? 0) % 64 + 1
        let said = Array(bytes.dropFirst())
        try divide(said, by: size)
        for program in BecomeProgram.allCases { try converse(program, said, by: size) }
    }

    private static func divide(_ said: [UInt8], by size: Int) throws(Broken) {
        func output(_ size: Int) -> (output: [UInt8], errors: [UInt8]) {
            var terminal = TerminalOutput(marker: nonce, errorLimitBytes: 1000)
            var output: [UInt8] = []
            var rest = said[...]
            while !rest.isEmpty {
                output += terminal.take(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            return (output + terminal.end(), terminal.errors.bytes)
        }
        let (whole, pieces) = (output(max(1, said.count)), output(size))
        try must(whole == pieces, "output and errors are divided otherwise in pieces of \(size)")
        try must(whole.output.count <= said.count && whole.errors.count <= 1100, "more than was said")
    }

    /// The password is given once at most, and is not among what is told.
    private static func converse(_ program: BecomeProgram, _ said: [UInt8], by size: Int) throws(Broken) {
        var dialogue = BecomeDialogue(BecomeCommand(program: program, command: "sh -s", nonce: nonce))
        var answers = 0
        var rest = said[...]
        listening: while !rest.isEmpty {
            switch dialogue.hear(rest.prefix(size), on: rest.count % 3 == 0 ? .errors : .output) {
            case .listen: break
            case .answer:
                answers += 1
                dialogue.answered(with: Secret("hush-hush"))
            case .begin, .refused: break listening
            }
            rest = rest.dropFirst(size)
        }
        try must(answers <= 1, "the password was given \(answers) times")
        try must(
            dialogue.said.utf8.count <= 8 * BecomeDialogue.limitBytes, "\(dialogue.said.utf8.count) bytes are kept")
        try must(answers == 0 || !dialogue.said.contains("hush-hush"), "the password is told")
        try must(!"\(dialogue.ended(status: 1))".isEmpty, "a refusal without words")
    }
}
