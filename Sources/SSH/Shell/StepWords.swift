import Engine

/// The lines by which a program names probes and steps to its prelude; the exhaustive switches live here.
struct StepWords {
    enum Purpose {
        /// Look only; what is not known may be left out.
        case survey
        /// Everything must be known.
        case apply
        /// Kept on the node's disk, so it must not hold secrets.
        case undo
    }

    let purpose: Purpose
    let checksums: [ArtifactSource: String]
    let secrets: [SecretSource: Secret]

    /// The lines for one step; `verb` is what the prelude is to do with it, such as `state 3`.
    func lines(for operation: Operation, verb: String) throws(ShellError) -> [String] {
        switch operation {
        case .directory(let path, let mode):
            return ["\(verb) directory \(quoted(path)) \(mode)"]
        case .file(let path, .text(let text), let mode):
            return ["\(verb) file \(quoted(path)) \(mode) \(content(text))"]
        case .file(let path, .secret(let source), let mode):
            return ["\(verb) \(try secret(source, path: path, mode: mode))"]
        case .link(let path, let target):
            return ["\(verb) link \(quoted(path)) \(quoted(target))"]
        case .absent(let path):
            return ["\(verb) absent \(quoted(path))"]
        case .artifact(let path, let source, let mode):
            return ["\(verb) artifact \(quoted(path)) \(mode) \(try artifact(source))"]
        case .module(let name):
            return ["\(verb) module \(quoted(name))"]
        case .sysctl(let key, let value):
            return ["\(verb) sysctl \(quoted(key)) \(quoted(value))"]
        case .unit(let state):
            return ["\(verb) unit \(words(of: state))"]
        case .object(let object):
            return ["\(verb) object \(try words(of: object))"]
        case .command(let command):
            return lines(for: command, verb: verb)
        case .checkpoint(let checkpoint):
            return [try line(for: checkpoint, verb: verb)]
        }
    }

    /// Lines that look at what these probes and steps are about in one go, for a program that only looks, and once.
    static func looks(probes: [Probe], steps: [Step]) -> [String] {
        var paths: [String] = []
        var files: [String] = []
        for case .path(let path) in probes { paths.append(path) }
        for step in steps {
            switch step.operation {
            case .file(let path, _, _):
                paths.append(path)
                files.append(path)
            case .directory(let path, _), .artifact(let path, _, _): paths.append(path)
            case .link, .absent, .module, .sysctl, .unit, .object, .command, .checkpoint: break
            }
        }
        return [("look_over", paths), ("sum_up", files)].filter { !$0.1.isEmpty }.map { "\($0) \(quoted($1))" }
    }

    /// The question that the prelude's function `answer_...` answers.
    func words(of probe: Probe) -> String {
        switch probe {
        case .host: "host"
        case .path(let path): "path \(quoted(path))"
        case .unit(let name): "unit \(quoted(name))"
        case .journal(let unit, let lines): "journal \(quoted(unit)) \(lines)"
        case .command(let arguments): "command \(quoted(arguments))"
        case .http(let url): "http \(quoted(url))"
        case .listeners(let ports): "listeners \(ports.map(String.init).joined(separator: " "))"
        case .syncLatency(let directory): "sync_latency \(quoted(directory))"
        case .sshBanner(let address, let port): "ssh_banner \(quoted(address)) \(port)"
        case .guardState: "guard_state"
        case .lease: "lease"
        }
    }

    /// The SHA-256 of a file's content, which a survey compares, and the content itself where it may have to be written.
    private func content(_ text: String) -> String {
        let digest = Digests.sha256Text(of: text)
        return purpose == .survey ? digest : "\(digest) \(quoted(text))"
    }

    private func secret(_ source: SecretSource, path: String, mode: FileMode) throws(ShellError) -> String {
        switch source {
        case .generated(let bytes):
            return "generated \(quoted(path)) \(mode) \(bytes)"
        case .provided, .copied:
            let place = "secret \(quoted(path)) \(mode)"
            if let secret = secrets[source] { return "\(place) \(content(secret.reveal()))" }
            guard purpose == .survey else { throw .missingSecret(source) }
            return place
        }
    }

    private func artifact(_ source: ArtifactSource) throws(ShellError) -> String {
        let checksum: String
        switch source.checksum {
        case .pinned(let digest): checksum = digest
        case .listed: checksum = checksums[source] ?? ""
        }
        guard !checksum.isEmpty || purpose == .survey else { throw .missingChecksum(artifact: source.name) }
        let fetched: String
        switch source.origin {
        case .mirror(let url): fetched = url
        case .localFile, .download: fetched = ""
        }
        return quoted([ShellCompiler.fileName(source.name), checksum.lowercased(), fetched])
    }

    private func words(of unit: UnitState) -> String {
        let enabled = unit.enabled ? "enabled" : "disabled"
        switch unit.activity {
        case .stopped: return "\(quoted(unit.name)) \(enabled) stopped"
        case .running(let files):
            let name = quoted(unit.name)
            return files.isEmpty ? "\(name) \(enabled) running" : "\(name) \(enabled) running \(quoted(files))"
        }
    }

    private func words(of object: KubernetesObject) throws(ShellError) -> String {
        guard object.manifest.contains(KubernetesObject.digestAnnotation), object.manifest.contains(object.digest)
        else {
            throw .objectWithoutDigest(object.name)
        }
        let references = object.references.map { "\($0.kind)/\($0.namespace ?? "")/\($0.name)" }
        return quoted([object.digest, object.manifest, references.joined(separator: " ")] + object.client)
    }

    private func lines(for command: Command, verb: String) -> [String] {
        let run = "\(verb) command \(command.timeoutSeconds) \(quoted(command.arguments))"
        guard let question = command.unless else { return [run] }
        return ["unless \(command.timeoutSeconds) \(quoted(question))", run]
    }

    // MARK: Checkpoints

    /// In a survey a checkpoint is never a reason for work; the step that it protects is.
    private func line(for checkpoint: Checkpoint, verb: String) throws(ShellError) -> String {
        switch purpose {
        case .survey: return "\(verb) nothing"
        case .undo: throw .unsafeCheckpoint(checkpoint.phase, reason: "an undo cannot hold a checkpoint")
        case .apply:
            let index = verb.split(separator: " ").last.map(String.init) ?? "0"
            let what = quoted([
                checkpoint.phase.rawValue, String(checkpoint.windowSeconds ?? 0), try CheckpointText(checkpoint).text,
            ])
            return "checkpoint \(index) \(what)"
        }
    }
}

/// What `guard.sh arm` reads: a line a path and a unit, the line `undo`, then the undo program.
struct CheckpointText {
    let text: String

    init(_ checkpoint: Checkpoint) throws(ShellError) {
        for word in checkpoint.paths + checkpoint.units where word.contains(where: \.isNewline) {
            throw .unsafeCheckpoint(checkpoint.phase, reason: "a name with a line break: \(word.debugDescription)")
        }
        var lines = checkpoint.paths.map { "path \($0)" } + checkpoint.units.map { "unit \($0)" }
        lines.append("undo")
        if !checkpoint.undo.isEmpty { lines.append(try CheckpointText.undo(checkpoint)) }
        text = lines.joined(separator: "\n") + "\n"
    }

    /// A program of its own that tries each step and goes on after a failure; it prints words instead of frames.
    private static func undo(_ checkpoint: Checkpoint) throws(ShellError) -> String {
        let words = StepWords(purpose: .undo, checksums: [:], secrets: [:])
        var lines = ["begin undo", "look", "undo_failed=''"]
        for step in checkpoint.undo {
            lines += try words.lines(for: step.operation, verb: "attempt \(quoted(step.because))")
        }
        lines.append("[ -z \"$undo_failed\" ] || exit 1")
        lines.insert(Prelude.text(for: lines), at: 0)
        return "clusterctl_undo() {\n\(lines.joined(separator: "\n"))\n}\nclusterctl_undo </dev/null"
    }
}
