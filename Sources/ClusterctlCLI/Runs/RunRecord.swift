import Foundation

/// One run as its journal tells it. A line that was cut, or is none of ours, is left out and counted.
struct RunRecord {
    /// The journal's file name without its ending: what `runs show` takes.
    let name: String
    let cluster: String
    let verb: String
    /// When it began, as the journal has it (ISO 8601).
    let at: String
    let events: [RunEvent]
    /// Lines that could not be read; one is what a killed run leaves.
    let unreadable: Int

    /// How it ended, in the words of the journal; nil for a run that was killed, or is still at work.
    var outcome: String? { events.last { $0.name == "outcome" }?.outcome }
    var lastMilliseconds: Int { events.map(\.milliseconds).max() ?? 0 }
    /// How many tasks changed something.
    var changedTasks: Int {
        Set(events.filter { $0.name == "applied" && !$0.changes.isEmpty }.compactMap(\.task)).count
    }

    /// - Returns: nil where the text does not begin as a journal does.
    init?(name: String, text: String) {
        let decoder = JSONDecoder()
        let lines = text.split(separator: "\n")
        let read = lines.map { try? decoder.decode(RunEvent.self, from: Data($0.utf8)) }
        guard let head = read.first ?? nil, head.name == "run", head.version == 1 else { return nil }
        self.name = name
        cluster = head.cluster ?? ""
        verb = head.verb ?? ""
        at = head.at ?? ""
        events = read.dropFirst().compactMap(\.self)
        unreadable = read.count { $0 == nil }
    }
}

/// One line of a journal.
struct RunEvent: Decodable, Equatable {
    let milliseconds: Int
    let name: String
    var version: Int?
    var cluster: String?
    var verb: String?
    var at: String?
    var phase: String?
    var node: String?
    var why: String?
    var steps: Int?
    var guardWindowSeconds: Int?
    /// What steps changed; of `passed` only whether anything was.
    var changes: [String] = []
    var waitingFor: String?
    var because: String?
    var by: String?
    /// What was under way when the user ended the run.
    var takingBack: [String] = []
    var finishing: [String] = []
    /// The rescue path.
    var over: String?
    var isComplete: Bool?
    var left: String?
    var log: [String] = []
    var outcome: String?

    /// "PHASE on NODE", where it is about one.
    var task: String? {
        guard let phase, let node else { return nil }
        return "\(phase) on \(node)"
    }

    private enum Key: String, CodingKey {
        case t, event, version, cluster, verb, at, phase, node, why, steps, guardWindowSeconds, changed, because, by,
            over, takingBack, finishing
        case complete, left, log
        case `for`
        case `is`
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String? { try fields.decodeIfPresent(String.self, forKey: key) }
        milliseconds = try fields.decode(Int.self, forKey: .t)
        name = try fields.decode(String.self, forKey: .event)
        version = try fields.decodeIfPresent(Int.self, forKey: .version)
        (cluster, verb, at) = (try text(.cluster), try text(.verb), try text(.at))
        (phase, node, why) = (try text(.phase), try text(.node), try text(.why))
        steps = try fields.decodeIfPresent(Int.self, forKey: .steps)
        guardWindowSeconds = try fields.decodeIfPresent(Int.self, forKey: .guardWindowSeconds)
        changes = (try? fields.decodeIfPresent([String].self, forKey: .changed)) ?? []
        (waitingFor, because, by, left) = (try text(.for), try text(.because), try text(.by), try text(.left))
        over = try text(.over)
        takingBack = try fields.decodeIfPresent([String].self, forKey: .takingBack) ?? []
        finishing = try fields.decodeIfPresent([String].self, forKey: .finishing) ?? []
        isComplete = try fields.decodeIfPresent(Bool.self, forKey: .complete)
        log = try fields.decodeIfPresent([String].self, forKey: .log) ?? []
        outcome = try text(.is)
    }
}

/// The journals of a cluster's runs, in the order in which they began.
struct RunArchive {
    let folder: String

    init(directory: String = FileManager.default.currentDirectoryPath, cluster: String) {
        folder = Journal.folder(directory: directory, cluster: cluster)
    }

    var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".jsonl") }.map { String($0.dropLast(".jsonl".count)) }.sorted()
    }

    /// - Returns: nil where there is no such journal, or it is none.
    func record(_ name: String) -> RunRecord? {
        guard !name.contains("/"), let data = FileManager.default.contents(atPath: "\(folder)/\(name).jsonl") else {
            return nil
        }
        return RunRecord(name: name, text: String(decoding: data, as: UTF8.self))
    }
}
