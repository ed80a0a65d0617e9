import CLibSSH2
import Engine

/// Answers a keyboard-interactive login (RFC 4256) with a password, and nothing else that the server may ask.
final class PasswordDialogue {
    private let password: Secret
    private let link: SSHLink
    /// Whether the password has been given away.
    private(set) var wasAnswered = false
    /// What the server asked that a password is no answer to: printable, at most 200 characters.
    private(set) var strangePrompt: String?

    init(_ password: Secret, on link: SSHLink) {
        self.password = password
        self.link = link
    }

    func noteAnswer() { wasAnswered = true }

    /// One call of libssh2's; it has to be repeated upon EAGAIN.
    func callLibrary(user: String) -> Int32 {
        link.turn.dialogue = self
        defer { link.turn.dialogue = nil }
        return libssh2_userauth_keyboard_interactive_ex(link.session, user, UInt32(user.utf8.count), answerPrompts)
    }

    /// The password goes to the first prompt, if that is the only one of its round and what is typed there is not
    /// shown. A round without prompts is just an announcement.
    fileprivate func answer(
        _ count: Int32, _ prompts: UnsafePointer<LIBSSH2_USERAUTH_KBDINT_PROMPT>?,
        _ responses: UnsafeMutablePointer<LIBSSH2_USERAUTH_KBDINT_RESPONSE>?
    ) {
        guard count > 0, let prompts, let responses else { return }
        let first = clusterctl_prompt(prompts)
        guard count == 1, first.echo == 0, !wasAnswered else {
            let bytes = UnsafeRawBufferPointer(start: first.text, count: min(first.length, 1000))
            let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            strangePrompt = SSHLink.printable(lines.joined(separator: " "), atMost: 200)
            // libssh2 would send an empty answer, which counts as a wrong one.
            link.breakOff()
            return
        }
        wasAnswered = true
        password.reveal().withCString { clusterctl_answer(responses, $0) }
    }
}

private let answerPrompts:
    @convention(c) (
        UnsafePointer<CChar>?, Int32, UnsafePointer<CChar>?, Int32, Int32,
        UnsafePointer<LIBSSH2_USERAUTH_KBDINT_PROMPT>?, UnsafeMutablePointer<LIBSSH2_USERAUTH_KBDINT_RESPONSE>?,
        UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Void = { _, _, _, _, count, prompts, responses, abstract in
        ReceivingTurn.of(abstract)?.dialogue?.answer(count, prompts, responses)
    }
