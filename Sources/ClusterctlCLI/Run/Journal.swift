import Engine
import Foundation

/// The record of a run: JSON lines, appended and flushed before what they announce is done; results reach the disk with
/// whatever is flushed next, at the latest with the run's end. Holds no secret, because a happening holds none. A torn
/// last line is what a killed run leaves, and readers skip it.
final class Journal {
    let path: String
    private let handle: FileHandle
    private let started: Date

    static func folder(directory: String, cluster: String) -> String { "\(directory)/.clusterctl/\(cluster)/runs" }

    /// Creates `.clusterctl/<cluster>/runs/<time>-<pid>.jsonl` below `directory`, readable by the user alone.
    /// - Parameter id: by which the nodes know the run.
    init(directory: String, cluster: String, verb: String, id: String, started: Date = Date()) throws {
        let folder = Journal.folder(directory: directory, cluster: cluster)
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let stamp = started.formatted(.iso8601.timeSeparator(.omitted).dateSeparator(.omitted))
        path = "\(folder)/\(stamp)-\(ProcessInfo.processInfo.processIdentifier).jsonl"
        self.started = started
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw JournalError(path: path) }
        self.handle = handle
        let line = line("run") { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.field("verb", verb)
            json.field("id", id)
            json.field("at", started.formatted(.iso8601))
        }
        write(line, isFlushed: true)
    }

    /// One write and at most one flush for all of them: a phase that begins on a thousand nodes waits for the disk once.
    func append(_ happenings: [Happening]) {
        let lines = happenings.map { happening in line(happening.name) { happening.write(to: &$0) } }
        write(lines.joined(), isFlushed: happenings.contains(where: \.isAnnouncement))
    }

    func append(_ outcome: Outcome) {
        write(line("outcome") { $0.field("is", outcome.name) }, isFlushed: true)
    }

    private func line(_ event: String, _ fields: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("t", Int(Date().timeIntervalSince(started) * 1000))
            json.field("event", event)
            fields(&json)
        }
        return json.text + "\n"
    }

    private func write(_ text: String, isFlushed: Bool) {
        // A full disk must not stop a run half way: the live nodes are the truth, the journal a record.
        try? handle.write(contentsOf: Data(text.utf8))
        if isFlushed { try? handle.synchronize() }
    }
}

struct JournalError: Error, CustomStringConvertible {
    let path: String
    var description: String { "cannot write the journal \(path)" }
}

extension Happening {
    /// Whether it must be on the disk before anything else is done: what is about to be changed, and what went wrong.
    var isAnnouncement: Bool {
        switch self {
        case .applying, .confirmed, .failed, .interrupted, .takingBack, .takenBack, .rescuing, .rescued, .rescueFailed:
            true
        case .surveyed, .skipped, .applied, .passed, .waiting, .signOfLife, .linkLost: false
        }
    }

    var isLostLink: Bool { if case .linkLost = self { true } else { false } }

    var name: String {
        switch self {
        case .surveyed: "surveyed"
        case .skipped: "skipped"
        case .applying: "applying"
        case .applied: "applied"
        case .waiting: "waiting"
        case .passed: "passed"
        case .signOfLife: "sign-of-life"
        case .confirmed: "confirmed"
        case .linkLost: "link-lost"
        case .failed: "failed"
        case .interrupted: "interrupted"
        case .takingBack: "taking-back"
        case .takenBack: "taken-back"
        case .rescuing: "rescuing"
        case .rescued: "rescued"
        case .rescueFailed: "rescue-failed"
        }
    }

    func write(to json: inout JSONWriter) {
        func task(_ id: TaskID) {
            json.field("phase", id.phase.rawValue)
            json.field("node", id.node.rawValue)
        }
        switch self {
        case .surveyed(let node): json.field("node", node.rawValue)
        case .skipped(let id, let why):
            task(id)
            json.field("why", why)
        case .applying(let id, let steps, let undo):
            task(id)
            json.field("steps", steps)
            if let window = undo.guardWindowSeconds { json.field("guardWindowSeconds", window) }
            json.field("undo", undo.words)
        case .applied(let id, let changed):
            task(id)
            json.field("changed", changed.map(\.operation.summary))
        case .waiting(let id, let what, let because):
            task(id)
            json.field("for", what)
            json.field("because", because)
        case .passed(let id, let changed):
            task(id)
            json.field("changed", changed)
        case .signOfLife(let id), .confirmed(let id), .takingBack(let id): task(id)
        case .linkLost(let node, let id, let failure):
            if let id { task(id) } else { json.field("node", node.rawValue) }
            json.field("why", failure.message)
        case .failed(let id, let why):
            task(id)
            json.field("why", why)
        case .interrupted(let takingBack, let finishing):
            json.field("takingBack", takingBack.map(\.description))
            json.field("finishing", finishing.map(\.description))
        case .takenBack(let id, let party, let rollback):
            task(id)
            json.field("by", party == .node ? "node" : "controller")
            write(rollback, to: &json)
        case .rescuing(let id, let way):
            task(id)
            json.field("over", way)
        case .rescued(let id, let way, let rollback, let ordinary):
            task(id)
            json.field("over", way)
            write(rollback, to: &json)
            if let ordinary { json.field("why", ordinary.message) }
        case .rescueFailed(let id, let way, let why):
            task(id)
            json.field("over", way)
            json.field("why", why)
        }
    }

    private func write(_ rollback: Rollback, to json: inout JSONWriter) {
        json.field("complete", rollback.isComplete)
        json.field("because", rollback.because)
        json.field("left", rollback.left)
        json.field("log", rollback.log)
    }
}

extension Outcome {
    var name: String {
        switch self {
        case .nothingToDo: "nothing-to-do"
        case .done: "done"
        case .unfinished: "unfinished"
        case .declined: "declined"
        case .blocked: "blocked"
        case .stale: "stale"
        case .unreachable: "unreachable"
        case .failed: "failed"
        case .interrupted: "interrupted"
        case .refused: "refused"
        }
    }
}
