/// The command lines by which a simple command becomes root's, for a login shell of any kind: no line breaks, nothing
/// but single quotes, and English texts.
struct BecomeCommand {
    let program: BecomeProgram
    /// Must be one simple command: words, no pipes.
    let command: String
    /// Never said before the command is known to be reached, so that nothing else can be taken for its start.
    let nonce: String

    /// In one round trip: whoever would ask a question refuses instead.
    static func unasked(_ program: BecomeProgram, _ command: String) -> String {
        "env LC_ALL=C \(program.rawValue) -n -- \(command)"
    }

    /// What sudo asks with. doas has a question of its own.
    var prompt: String { "\(nonce):" }

    /// Says that root's shell was reached, on a line of its own; the command line does not contain it as it stands.
    var ready: String { "\(nonce)-ready" }

    /// The line that the command waits for: whatever comes before it on its input is thrown away, so that a password
    /// that nobody asked for is never taken for a program.
    var go: String { "\(nonce)-go" }

    /// Between output and errors of a command on a terminal.
    var errors: String { "\(nonce)-errors" }

    private var waits: String {
        "echo \"$1-ready\"; go=; "
            + "while IFS= read -r line; do if [ \"$line\" = \"$1-go\" ]; then go=yes; break; fi; done; "
            + "[ \"$go\" ] || exit 70; "
    }

    /// With input and both outputs as they are without root.
    func overPipes(asks: Bool) -> String { line(asks: asks, waits + "exec \(command)") }

    /// On a terminal, where the input has no end of its own and errors have no stream of their own.
    func onTerminal(inputBytes: Int64, asks: Bool) -> String {
        line(
            asks: asks,
            waits + "{ errors=$(head -c \(inputBytes) 2>/dev/null | \(command) 2>&1 >&3 3>&-); status=$?; } 3>&1; "
                + "echo; echo \"$1-errors\"; printf %s \"$errors\"; exit $status")
    }

    private func line(asks: Bool, _ program: String) -> String {
        let how =
            switch (self.program, asks) {
            case (.sudo, true): "sudo -S -p \(quoted(prompt))"
            case (.doas, true): "doas"
            case (_, false): "\(self.program.rawValue) -n"
            }
        return "env LC_ALL=C \(how) -- sh -c \(quoted(program)) sh \(nonce)"
    }
}
