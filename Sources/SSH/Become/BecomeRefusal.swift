/// The programs that make a command root's.
public enum BecomeProgram: String, Sendable, Hashable, CaseIterable { case sudo, doas }

/// Why a command did not become root's; it has not run then. Texts from the node are cut and made printable.
public enum BecomeRefusal: Error, Sendable, Hashable {
    /// A password is asked for, and none is configured.
    case passwordNeeded
    /// One is configured, but could not be had.
    case passwordUnavailable(reason: String)
    case passwordWrong
    /// Another node has refused the same password, so that it was not tried on this one.
    case passwordWrongElsewhere(host: String)
    case notAllowed(said: String)
    /// Locked or expired, as the node says.
    case accountUnusable(said: String)
    case notInstalled
    /// It wants a terminal, and the server gives none.
    case terminalNeeded
    /// Neither a question that is known nor the command's start came in that time.
    case silent(for: Duration, said: String)
    case other(said: String)
}

extension BecomeRefusal {
    /// What sudo, doas or the login shell meant by what it said before it ended with `status`; texts are in English,
    /// because the locale was set so.
    init(said: String, status: Int32?) {
        let words = said.lowercased()
        let line = Self.lastLine(said)
        func says(_ phrases: String...) -> Bool { phrases.contains { words.contains($0) } }
        if says("must have a tty", "a tty is required") {
            self = .terminalNeeded
        } else if says("is your account locked", "account is locked", "account locked", "expired") {
            self = .accountUnusable(said: Self.line(of: said, with: ["locked", "expired"]) ?? line)
        } else if says(
            "not in the sudoers", "not allowed to", "may not run", "operation not permitted", "not enabled",
            "afraid i can't do that")
        {
            // sudo repeats the whole command, which is ours and long.
            self = .notAllowed(said: line.split(separator: " -c ").first.map { String($0) } ?? line)
        } else if says("incorrect password", "incorrect authentication", "authentication failed", "sorry, try again") {
            self = .passwordWrong
        } else if says(
            "password is required", "authentication is required", "authentication required", "authorization required")
        {
            self = .passwordNeeded
        } else if status == 127 || status == 126 {
            self = .notInstalled
        } else {
            self = .other(said: line)
        }
    }

    /// nil unless it is certain that the command did not begin: what it says itself may read alike.
    init?(unasked program: BecomeProgram, _ result: ExecResult) {
        guard let status = result.exitStatus, status != 0 else { return nil }
        let said = String(decoding: result.stderr, as: UTF8.self)
        let line = Self.lastLine(said)
        let isOurs =
            line.hasPrefix("\(program.rawValue): ") || line.hasSuffix("is not in the sudoers file.")
            || line.hasPrefix("Sorry, user ") || (line.hasPrefix("env: ") && status >= 126)
        guard isOurs else { return nil }
        self.init(said: said, status: status)
        // sudo warns in the same form, and goes on.
        if case .other = self { return nil }
    }

    static func lastLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).last.map { printable($0) } ?? ""
    }

    private static func line(of text: String, with words: [String]) -> String? {
        text.split(whereSeparator: \.isNewline)
            .last { line in words.contains { line.lowercased().contains($0) } }
            .map { printable($0) }
    }

    private static func printable(_ text: Substring) -> String {
        String(text.filter { $0 >= " " && $0 != "\u{7f}" }.prefix(200))
    }
}
