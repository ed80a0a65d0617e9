/// When each phase was at work on each node, and what happened meanwhile: what a report draws.
struct RunTimeline {
    struct Bar: Equatable {
        enum End: Equatable { case passed, failed, takenBack, open }
        let phase: String
        let node: String
        /// Milliseconds since the run began.
        let begin: Int
        /// When the steps were through; nil where there were none, or they did not come to their end.
        var applied: Int?
        var end: Int
        var ending = End.open
        /// What the gate waited for, and the last reason why it did not hold yet.
        var waitingFor: String?
        var lastReason: String?
        var changes: [String] = []
        var isGuarded = false
        /// Guard events and lost links, with their times.
        var marks: [Mark] = []

        /// How long the gate was waited for.
        var waitedMilliseconds: Int { waitingFor == nil ? 0 : end - (applied ?? begin) }
    }

    struct Mark: Equatable {
        let at: Int
        let name: String
        let text: String
    }

    /// By name.
    let nodes: [String]
    let bars: [Bar]
    let length: Int

    init(_ record: RunRecord) {
        var open: [String: Bar] = [:]
        var done: [Bar] = []
        var nodes: [String] = []
        for event in record.events {
            if let node = event.node, !nodes.contains(node) { nodes.append(node) }
            guard let task = event.task, let phase = event.phase, let node = event.node else { continue }
            if event.name == "skipped" { continue }
            var bar = open[task] ?? Bar(phase: phase, node: node, begin: event.milliseconds, end: event.milliseconds)
            bar.take(event)
            bar.end = max(bar.end, event.milliseconds)
            if event.ends {
                done.append(bar)
                open[task] = nil
            } else {
                open[task] = bar
            }
        }
        let length = max(1, record.lastMilliseconds)
        for var bar in open.values {
            // A failed phase that is not taken back has its last word already.
            if bar.ending == .open { bar.end = length }
            done.append(bar)
        }
        self.nodes = nodes.sorted()
        self.length = length
        bars = done.sorted { ($0.begin, $0.phase, $0.node) < ($1.begin, $1.phase, $1.node) }
    }
}

extension RunTimeline {
    /// The bars of a node, those that overlap in lanes of their own.
    func lanes(of node: String) -> [[Bar]] {
        var lanes: [[Bar]] = []
        for bar in bars where bar.node == node {
            if let lane = lanes.firstIndex(where: { ($0.last?.end ?? 0) <= bar.begin }) {
                lanes[lane].append(bar)
            } else {
                lanes.append([bar])
            }
        }
        return lanes
    }
}

extension RunTimeline.Bar {
    fileprivate mutating func take(_ event: RunEvent) {
        switch event.name {
        case "applying": isGuarded = event.guardWindowSeconds != nil
        case "applied":
            applied = event.milliseconds
            changes = event.changes
        case "waiting":
            waitingFor = event.waitingFor
            lastReason = event.because
        case "passed": ending = .passed
        case "failed", "rescuing":
            ending = .failed
            mark(event)
        case "taken-back", "rescued":
            ending = .takenBack
            mark(event)
        case "confirmed", "link-lost", "taking-back", "rescue-failed": mark(event)
        default: break
        }
    }

    private mutating func mark(_ event: RunEvent) {
        marks.append(
            RunTimeline.Mark(at: event.milliseconds, name: event.name, text: RunStory.sentence(event) ?? event.name))
    }
}

extension RunEvent {
    /// Whether nothing more comes of its task; what has failed may still be taken back.
    fileprivate var ends: Bool { ["passed", "taken-back", "rescued"].contains(name) }
}
