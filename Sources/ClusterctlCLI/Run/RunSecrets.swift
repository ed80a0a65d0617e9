import Engine
import Foundation
import Inventory
import SSH

/// What logins and sudo need and no file holds in the clear: by reference, or asked on the terminal. Each thing is read
/// or asked for at most once a run, and one question is put at a time.
actor RunSecrets: LoginSecrets {
    private struct Login: Hashable {
        var user: String
        var host: String
    }

    private enum Source: Hashable {
        case reference(SecretReference, key: String)
        case question(String)
    }

    private let passwords: [Login: SecretOrigin]
    /// By the path of the key, without `~`.
    private let passphrases: [String: SecretOrigin]
    private let terminal: @Sendable (String) async -> Secret?
    private var answers: [Source: Task<Secret?, Never>] = [:]
    private var lastQuestion: Task<Secret?, Never>?

    /// - Parameter terminal: puts a question to the user; nil if there is nobody to ask.
    init(
        _ inventory: Inventory, targets: [NodeName: SSHTarget], options: ConnectionOptions,
        terminal: @escaping @Sendable (String) async -> Secret? = { await Terminal.ask($0) }
    ) {
        var passwords: [Login: SecretOrigin] = [:]
        var passphrases: [String: SecretOrigin] = [:]
        for node in inventory.hosts {
            guard let target = targets[NodeName(node.name)] else { continue }
            let login = Login(user: target.user, host: target.host)
            passwords[login] = node.ssh.password ?? (options.askPass ? .ask : nil)
            for path in node.ssh.identityFiles ?? target.login.identityFiles {
                passphrases[Self.expanded(path)] = node.ssh.passphrase
            }
        }
        self.passwords = passwords
        self.passphrases = passphrases
        self.terminal = terminal
    }

    /// Keys that the inventory says nothing about are asked for.
    func passphrase(forKey path: String) async -> Secret? {
        let origin = passphrases[Self.expanded(path)] ?? .ask
        return await secret(origin, key: "ssh.passphrase", question: "Passphrase of the key \(path): ")
    }

    /// Nodes with the same user share one answer on the terminal; jump hosts get no password.
    func password(of user: String, on host: String) async -> Secret? {
        guard let origin = passwords[Login(user: user, host: host)] else { return nil }
        return await secret(origin, key: "ssh.password", question: "SSH password of \(user): ")
    }

    /// The password for sudo or doas.
    ///
    /// - Parameter origin: what the inventory says, or `.ask`.
    func becomePassword(of user: String, from origin: SecretOrigin) async -> Secret? {
        await secret(origin, key: "ssh.becomePassword", question: "Password of \(user) for sudo or doas: ")
    }

    private func secret(_ origin: SecretOrigin, key: String, question: String) async -> Secret? {
        let source: Source =
            switch origin {
            case .ask: .question(question)
            case .reference(let reference): .reference(reference, key: key)
            }
        if let known = answers[source] { return await known.value }
        let task: Task<Secret?, Never>
        switch source {
        case .question(let text):
            task = Task { [terminal, lastQuestion] in
                _ = await lastQuestion?.value
                return await terminal(text)
            }
            lastQuestion = task
        case .reference(let reference, let key):
            task = Task {
                do {
                    return try await Secrets.read(reference, key: key)
                } catch {
                    Standard.error("error: \(error)")
                    return nil
                }
            }
        }
        answers[source] = task
        return await task.value
    }

    private static func expanded(_ path: String) -> String { (path as NSString).expandingTildeInPath }
}
