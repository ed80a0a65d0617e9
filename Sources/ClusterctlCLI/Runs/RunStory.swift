import Engine

/// A run in sentences, a line an event, for people.
enum RunStory {
    static func lines(_ record: RunRecord) -> [String] {
        let head = "\(record.cluster): \(record.verb), begun \(record.at) (\(record.name))"
        let told = record.events.compactMap { event -> String? in
            guard let sentence = sentence(event) else { return nil }
            let time = seconds(event.milliseconds).leftPadded(to: 8)
            return "\(time)  \(place(event).padded(to: 26))  \(sentence)"
        }
        return [head] + told + [ending(record)]
    }

    static func ending(_ record: RunRecord) -> String {
        let cut = record.unreadable > 0 ? "; \(record.unreadable) line(s) of the journal cannot be read" : ""
        guard let outcome = record.outcome else {
            return "no end is in the journal: the run was killed, or is still at work" + cut
        }
        return "\(outcome) after \(seconds(record.lastMilliseconds)) s" + cut
    }

    /// What an event says; nil for those that are only there to be counted.
    static func sentence(_ event: RunEvent) -> String? {
        switch event.name {
        case "surveyed": "asked"
        case "skipped": "skipped: \(event.why ?? "")"
        case "applying": applying(event)
        case "applied" where event.changes.isEmpty: "nothing had to be changed"
        case "applied": "changed \(event.changes.joined(separator: ", "))"
        case "waiting": "waiting for \(event.waitingFor ?? ""): \(event.because ?? "")"
        case "passed": "passed"
        case "sign-of-life": "a sign of life reached the guard"
        case "confirmed": "confirmed over a new connection, guard disarmed"
        case "link-lost": "connection: \(event.why ?? "")"
        case "failed": "failed: \(event.why ?? "")"
        case "interrupted": interrupted(event)
        case "taking-back": "taking the phase back"
        case "taken-back": takenBack(event)
        case "rescuing": "trying the rescue path (\(event.over ?? ""))"
        case "rescued": takenBack(event) + "; " + ordinary(event)
        case "rescue-failed": "not over the rescue path either: \(event.why ?? "")"
        case "outcome": nil
        default: event.name
        }
    }

    private static func applying(_ event: RunEvent) -> String {
        let steps = event.steps ?? 0
        let armed = event.guardWindowSeconds.map { ", guard armed first (fires after \($0) s of silence)" } ?? ""
        return "\(steps) step\(steps == 1 ? "" : "s")\(armed)"
    }

    private static func interrupted(_ event: RunEvent) -> String {
        let backwards = event.takingBack.isEmpty ? "" : "; taking back \(event.takingBack.joined(separator: ", "))"
        let onwards = event.finishing.isEmpty ? "" : "; finishing \(event.finishing.joined(separator: ", "))"
        return "interrupted: nothing new begins" + backwards + onwards
    }

    private static func takenBack(_ event: RunEvent) -> String {
        let who = event.by == "node" ? "the node took the phase back by itself" : "the phase was taken back"
        if event.because == Rollback.steps { return "\(who) by its own steps" }
        let why = event.because.map { " (\($0))" } ?? ""
        return who + why + (event.isComplete == true ? "; everything is as it was" : "; left: \(event.left ?? "")")
    }

    private static func ordinary(_ event: RunEvent) -> String {
        event.why.map { "SSH does not answer at its own address: \($0)" } ?? "SSH answers again"
    }

    private static func place(_ event: RunEvent) -> String {
        [event.phase, event.node].compactMap(\.self).joined(separator: " ")
    }

    /// With one decimal.
    static func seconds(_ milliseconds: Int) -> String { "\(milliseconds / 1000).\(milliseconds % 1000 / 100)" }
}
