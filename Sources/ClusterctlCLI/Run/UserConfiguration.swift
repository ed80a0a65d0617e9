import Foundation
import Inventory
import SSH
import Subprocess

/// One question to `ssh -G`: a host as one would write it after `ssh`, and what the inventory already says about it.
struct HostQuestion: Hashable, Sendable {
    var name: String
    var user: String?
    var port: Int?
}

/// The user's SSH configuration, worked out by OpenSSH itself; the answers are kept for the run.
///
/// A process costs more than a login, so hosts that no line of the files tells apart share one, and where the files
/// hold nothing that matters here none is started.
actor UserConfiguration {
    /// Hosts that one answer holds for.
    private struct Group: Hashable {
        var patterns: [Bool]
        // Asked with the question, and part of the answer.
        var user: String?
        var port: Int?
    }

    private let file: String?
    private let files: SSHConfigurationFiles?
    private let program: String?
    private var answers: [HostQuestion: SSHConfiguration] = [:]
    private var standard: String?
    /// What the user should know, once.
    private(set) var notes: [String] = []

    /// - Parameters:
    ///   - asWriter: whether new host keys are written down in this run.
    ///   - program: OpenSSH's client; nil if there is none.
    init(
        _ source: SSHConfigurationSource, asWriter: Bool, user: LocalUser = .current,
        program: String? = Programs.path(of: "ssh")
    ) {
        file = if case .file(let path) = source { user.expandHome(path) } else { nil }
        let found = SSHConfigurationFiles(file, user: user)
        let isWanted: Bool =
            switch source {
            case .off: false
            case .standard: found.matters(asWriter: asWriter)
            // OpenSSH says it if the file is not there.
            case .file: true
            }
        files = isWanted && program != nil ? found : nil
        self.program = program
        if isWanted && program == nil {
            notes.append("note: there is no 'ssh' program here to read your SSH configuration with; it does not count")
        }
    }

    /// What holds for a host; nothing where the configuration does not count.
    func answer(to question: HostQuestion) async throws -> SSHConfiguration {
        try await prepare([question])
        return answers[question] ?? SSHConfiguration()
    }

    /// Works out what holds for these hosts, as many at once as there are cores.
    func prepare(_ questions: [HostQuestion]) async throws {
        guard let files else { return }
        let open = Set(questions).subtracting(answers.keys).sorted { $0.name < $1.name }
        guard !open.isEmpty else { return }
        var single: [HostQuestion] = []
        var groups: [Group: [HostQuestion]] = [:]
        for question in open {
            if let patterns = files.group(of: question.name) {
                let group = Group(patterns: patterns, user: question.user, port: question.port)
                groups[group, default: []].append(question)
            } else {
                single.append(question)
            }
        }
        let first = try await ask(groups.values.compactMap(\.first) + single)
        for group in groups.values {
            guard let shown = group.first.flatMap({ first[$0] }) else { continue }
            // A name that was put together from the host's own says nothing about the others.
            if shown.hostName != nil {
                single += group.dropFirst()
            } else {
                for question in group { answers[question] = shown }
            }
        }
        answers.merge(first) { $1 }
        answers.merge(try await ask(single.filter { answers[$0] == nil })) { $1 }
        note(Set(open.flatMap { answers[$0]?.disregarded ?? [] }))
    }

    private func note(_ disregarded: Set<String>) {
        for name in disregarded.sorted() {
            let text =
                name == "StrictHostKeyChecking"
                ? "note: StrictHostKeyChecking of your SSH configuration does not count; host keys are always checked"
                : "note: \(name) of your SSH configuration does not count here"
            if !notes.contains(text) { notes.append(text) }
        }
    }

    // MARK: ssh -G

    private func ask(_ questions: [HostQuestion]) async throws -> [HostQuestion: SSHConfiguration] {
        guard let program, !questions.isEmpty else { return [:] }
        let file = file
        async let standard = standardOutput(program)
        var found: [HostQuestion: String] = [:]
        try await withThrowingTaskGroup(of: (HostQuestion, String).self) { group in
            for (index, question) in questions.enumerated() {
                if index >= ProcessInfo.processInfo.activeProcessorCount, let (asked, output) = try await group.next() {
                    found[asked] = output
                }
                group.addTask { (question, try await Self.run(program, question, file: file)) }
            }
            for try await (asked, output) in group { found[asked] = output }
        }
        let base = try await standard
        return Dictionary(
            uniqueKeysWithValues: found.map { question, output in
                (question, SSHConfiguration(output: output, standard: base, name: question.name))
            })
    }

    /// What OpenSSH does without any file.
    private func standardOutput(_ program: String) async throws -> String {
        if let standard { return standard }
        let output = try await Self.run(program, HostQuestion(name: "localhost"), file: "none")
        standard = output
        return output
    }

    private static func run(_ program: String, _ question: HostQuestion, file: String?) async throws -> String {
        var words = ["-G", "-T"]
        if let file { words += ["-F", file] }
        if let user = question.user { words += ["-l", user] }
        if let port = question.port { words += ["-p", "\(port)"] }
        let result = try await Subprocess.run(
            .path(.init(program)), arguments: Arguments(words + ["--", question.name]),
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
        guard result.terminationStatus.isSuccess else {
            let said = result.standardError.split(whereSeparator: \.isNewline).map(String.init)
            throw SSHConfigurationProblem.refused(name: question.name, said: said)
        }
        return result.standardOutput
    }
}

/// Programs of this machine.
enum Programs {
    /// Where `PATH` has the program.
    static func path(of name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
