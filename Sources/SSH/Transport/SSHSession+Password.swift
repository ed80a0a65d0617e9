import CLibSSH2
import Engine

extension SSHSession {
    /// Offers the password once, by the first method that the server takes in OpenSSH's order; true when that was it.
    ///
    /// A password that was sent is never sent again, whatever came of it: accounts are locked after a few wrong ones.
    func logInByPassword(
        _ link: SSHLink, _ secrets: any LoginSecrets, _ trail: inout LoginTrail
    ) async throws(SSHFailure) -> Bool {
        let methods = (trail.methods ?? []).filter { $0 == "keyboard-interactive" || $0 == "password" }.sorted()
        if methods.isEmpty {
            trail.hints.append(.passwordNotTaken)
            return false
        }
        let (user, host) = (target.user, target.host)
        guard let password = try await ask(&trail, { await secrets.password(of: user, on: host) }) else {
            trail.hints.append(.passwordMissing)
            return false
        }
        for method in methods where !link.isBroken {
            let dialogue = PasswordDialogue(password, on: link)
            let status: Int32
            do throws(SSHFailure) {
                status =
                    try await method == "password"
                    ? send(password, dialogue, link, trail) : answer(dialogue, link, trail)
            } catch {
                // A deadline or a cut while the answer is awaited: what the server makes of the password is not known.
                if case .cancelled = error { throw error }
                guard dialogue.wasAnswered else { throw error }
                trail.hints.append(.passwordUnanswered(method: method, reason: error.summary))
                link.breakOff()
                return false
            }
            if status == 0 { return true }
            if let hint = hint(for: status, method, dialogue, link) {
                trail.hints.append(hint)
                return false
            }
        }
        return false
    }

    private func send(
        _ password: Secret, _ dialogue: PasswordDialogue, _ link: SSHLink, _ trail: LoginTrail
    ) async throws(SSHFailure) -> Int32 {
        let user = target.user
        dialogue.noteAnswer()
        return Int32(
            try await perform(.login, on: link, until: trail.deadline) { session in
                let text = password.reveal()
                return Int(
                    libssh2_userauth_password_ex(
                        session, user, UInt32(user.utf8.count), text, UInt32(text.utf8.count), nil))
            })
    }

    private func answer(
        _ dialogue: PasswordDialogue, _ link: SSHLink, _ trail: LoginTrail
    ) async throws(SSHFailure) -> Int32 {
        let user = target.user
        return Int32(
            try await perform(.login, on: link, until: trail.deadline) { _ in Int(dialogue.callLibrary(user: user)) })
    }

    /// nil when the server has not seen the password yet, so that another method may be tried.
    private func hint(
        for status: Int32, _ method: String, _ dialogue: PasswordDialogue, _ link: SSHLink
    ) -> LoginHint? {
        if let prompt = dialogue.strangePrompt { return .promptUnanswered(prompt) }
        if status == Int32(LIBSSH2_ERROR_PASSWORD_EXPIRED) { return .passwordExpired }
        guard dialogue.wasAnswered else { return nil }
        if status == Int32(LIBSSH2_ERROR_AUTHENTICATION_FAILED) && !link.isAtEnd {
            return .passwordRefused(method: method)
        }
        return .passwordUnanswered(method: method, reason: link.lastMessage)
    }
}
