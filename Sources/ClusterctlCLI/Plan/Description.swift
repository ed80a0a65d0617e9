import Engine

/// The printable face of operations and probes, for every plan format: one of the three places that a new case breaks.
struct Description {
    let kind: String
    /// What it is about: a path, a unit, a setting.
    let subject: String
    /// Further fields in order, such as mode and content.
    var fields: [(String, String)] = []
    /// Text worth a block of its own: a file, a manifest, a program.
    var content: String?

    init(_ operation: Operation) {
        switch operation {
        case .directory(let path, let mode):
            (kind, subject, fields) = ("directory", path, [("mode", mode.description)])
        case .file(let path, .text(let text), let mode):
            (kind, subject, fields) = ("file", path, [("mode", mode.description)])
            content = text
        case .file(let path, .secret(let source), let mode):
            (kind, subject, fields) = ("file", path, [("mode", mode.description)])
            content = "(secret: \(source.words))\n"
        case .link(let path, let target): (kind, subject, fields) = ("link", path, [("target", target)])
        case .absent(let path): (kind, subject) = ("absent", path)
        case .artifact(let path, let source, let mode):
            (kind, subject) = ("artifact", path)
            fields = [("mode", mode.description), ("source", source.words), ("checksum", source.checksum.words)]
        case .module(let name): (kind, subject) = ("module", name)
        case .sysctl(let key, let value): (kind, subject, fields) = ("sysctl", key, [("value", value)])
        case .unit(let unit):
            (kind, subject) = ("unit", unit.name)
            fields = [("enabled", unit.enabled ? "true" : "false"), ("activity", unit.activity.words)]
        case .object(let object):
            (kind, subject, fields) = ("object", object.name, [("client", object.client.joined(separator: " "))])
            content = object.manifest
        case .command(let command):
            (kind, subject) = ("command", command.name)
            fields = [("arguments", command.arguments.words), ("timeoutSeconds", String(command.timeoutSeconds))]
            if let unless = command.unless { fields.append(("unless", unless.words)) }
        case .checkpoint(let checkpoint):
            (kind, subject) = (checkpoint.windowSeconds == nil ? "checkpoint" : "guard", checkpoint.phase.rawValue)
            fields = [("saves", (checkpoint.paths + checkpoint.units).joined(separator: " "))]
            if let window = checkpoint.windowSeconds { fields.append(("windowSeconds", String(window))) }
        }
    }

    /// Whether `subject` is a path, which `plan -o json` calls so.
    var isPath: Bool { ["directory", "file", "link", "absent", "artifact"].contains(kind) }
}

extension Probe {
    /// The question in words; commands as they are run.
    var words: String {
        switch self {
        case .host: "the machine itself"
        case .path(let path): "is there \(path)"
        case .unit(let name): "systemctl show \(name)"
        case .journal(let unit, let lines): "journalctl -u \(unit) -n \(lines)"
        case .command(let arguments): arguments.words
        case .http(let url): "GET \(url)"
        case .listeners(let ports): "who listens on \(ports.map(String.init).joined(separator: ", "))"
        case .syncLatency(let directory): "latency of synchronous writes in \(directory)"
        case .sshBanner(let address, let port): "the banner of SSH at \(address) port \(port)"
        case .guardState: "the guard's state"
        case .lease: "the lease, and programs of other runs"
        }
    }
}

extension SecretSource {
    var words: String {
        switch self {
        case .provided(let what): what
        case .generated(let bytes): "\(bytes) random bytes, made on the node when the file is not there"
        case .copied(let node, let path): "copied from \(node):\(path)"
        }
    }
}

extension ArtifactSource {
    var words: String {
        switch origin {
        case .localFile(let path): "\(path) on the controller"
        case .download(let url): "\(url), downloaded once by the controller"
        case .mirror(let url): "\(url), fetched by the node"
        }
    }
}

extension ArtifactSource.Checksum {
    var words: String {
        switch self {
        case .pinned(let digits): "sha256 \(digits)"
        case .listed(let file, let name): "sha256 of \(name) as \(file) lists it"
        }
    }
}

extension UnitState.Activity {
    var words: String {
        switch self {
        case .running(let files) where files.isEmpty: "running"
        case .running(let files): "running, started anew when \(files.joined(separator: ", ")) changed"
        case .stopped: "stopped"
        }
    }
}

extension Undo {
    /// A line for each thing that taking a phase back does.
    var words: [String] {
        switch self {
        case .nothing(let because): ["nothing: \(because)"]
        case .steps(let steps): steps.map { "\($0.operation.summary): \($0.because)" }
        case .restore(let first, let window):
            first.map { "\($0.operation.summary): \($0.because)" } + [
                window == nil
                    ? "what the steps touched is put back as it was"
                    : "what the steps touched, and firewall, routes and links, are put back as they were, by the node itself"
            ]
        }
    }
}

extension [String] {
    /// A command line as one would type it.
    var words: String {
        map { word in
            let plain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:=,@+%".contains($0) }
            return plain
                ? word
                : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }.joined(separator: " ")
    }
}
