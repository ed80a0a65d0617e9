import Engine
import Foundation
import Inventory

/// The last words of a run, for people.
enum OutcomeText {
    /// - Parameter isByPlan: the run carried out a saved plan, which it has made stale as soon as it changed something.
    static func lines(_ outcome: Outcome, site: Site, journal: String, isByPlan: Bool = false) -> [String] {
        let name = site.inventory.name
        switch outcome {
        case .nothingToDo: return ["\(name): nothing to do"]
        case .done(let changed):
            return ["\(name): done, \(changed) task\(changed == 1 ? "" : "s") changed something; journal \(journal)"]
        case .unfinished(let changed, let putOff):
            return [
                "\(name): not done yet, \(changed) task\(changed == 1 ? "" : "s") changed something; journal \(journal)"
            ] + putOff.map { "  put off: \($0.task): \($0.why)" } + ["  run the same command again"]
        case .declined: return ["\(name): nothing was changed"]
        case .blocked(let blocked): return self.blocked(blocked)
        case .stale(let differences): return stale(differences)
        case .unreachable(let nodes):
            return nodes.map { "\($0.node): error: \($0.failure.message)" } + ["\(name): nothing was changed"]
        case .interrupted(let guarded, let undone):
            let how = isByPlan ? "bootstrap without --plan" : "the same command again"
            return undone.flatMap { self.failure($0, site: site) }
                + ["interrupted; run \(how) to go on"] + left(to: guarded) + ["journal: \(journal)"]
        case .refused(let refusal): return self.refused(refusal, name: name)
        case .failed(let failures):
            return failures.flatMap { self.failure($0, site: site) }
                + (isByPlan ? ["to go on, run bootstrap without --plan, or make a new plan"] : [])
                + ["journal: \(journal)"]
        }
    }

    private static func left(to guarded: [TaskID]) -> [String] {
        guarded.map {
            "\($0): its guard is armed; the node takes the phase back by itself unless the next run comes first"
        }
    }

    static func refused(_ refusal: Outcome.Refusal, name: String) -> [String] {
        switch refusal.reason {
        case .held(let lease):
            [
                "\(name): refused: another run is at work: \(lease.description)",
                "  it holds the lease on \(refusal.node), which lapses in \(lease.leftSeconds) s unless it shows life",
                "  nothing was changed; wait for it, or see who that is: 'clusterctl unlock'",
            ]
        case .moved:
            [
                "\(name): refused: another run has changed something since this one looked (lease on \(refusal.node))",
                "  nothing was changed; run the same command again",
            ]
        case .lost(let lease, let guarded):
            [
                "\(name): stopped: another run has taken the lease on \(refusal.node)"
                    + (lease.map { ": \($0.description)" } ?? ""),
                "  nothing more is changed by this one",
            ] + left(to: guarded)
        }
    }

    private static func blocked(_ blocked: [Outcome.Blocked]) -> [String] {
        var lines = ["refused before anything was changed:"]
        for item in blocked {
            for problem in item.problems {
                lines.append("  \(item.task): \(problem.what)")
                lines.append("    fix: \(problem.fix)")
            }
        }
        return lines
    }

    /// The most differences that are told one by one.
    private static let differencesToldAtMost = 20

    private static func stale(_ differences: [Outcome.Difference]) -> [String] {
        var lines = ["the nodes are not as they were when the plan was saved:"]
        lines += differences.prefix(differencesToldAtMost).map { "  \($0.words)" }
        let more = differences.count - differencesToldAtMost
        if more > 0 { lines.append("  and \(more) more") }
        return lines + [
            "nothing was changed",
            "fix: make a new plan, or run bootstrap without --plan to go on from here "
                + "(a run by this plan that stopped half way cannot be begun again by it)",
        ]
    }

    private static func failure(_ failure: Failure, site: Site) -> [String] {
        var lines = ["", "\(failure.task) \(failure.cause == .interrupted ? "was interrupted" : "failed")"]
        if let node = site.inventory.node(named: failure.task.node.rawValue) { lines.append("  from: \(node.place)") }
        switch failure.cause {
        case .operation(let step, let answer):
            lines.append("  step: \(step.operation.summary) (\(step.because))")
            lines.append("  got: exit status \(answer.status)")
            lines += indented(answer.error.isEmpty ? answer.output : answer.error)
        case .gate(let waitingFor, let lastSeen):
            lines.append("  waiting for: \(waitingFor)")
            lines.append("  last seen: \(lastSeen)")
        case .link(let link): lines += told("connection:", link.message)
        case .interrupted: break
        case .guardFired: lines.append("  \(failure.cause.summary)")
        }
        if !failure.journal.isEmpty {
            lines.append("  the unit's last lines on the node:")
            lines += indented(failure.journal)
        }
        lines += undoing(failure, site: site)
        if !failure.lookAt.isEmpty { lines.append("  look at: \(failure.lookAt)") }
        return lines
    }

    private static func undoing(_ failure: Failure, site: Site) -> [String] {
        switch failure.undoing {
        case .leftAsIs(let because): return ["  nothing was taken back: \(because)"]
        case .takenBack(let party, let rollback):
            return ["  " + rollback.words(by: party)] + rollback.log.map { "    | \($0)" }
                + (rollback.isComplete ? [] : card(failure, .takenBack(failure.task.phase), site))
        case .rescued(let rollback, let path, let ordinary):
            let isWhole = rollback.isComplete && ordinary == nil
            return ["  taken back over the rescue path (\(path)): " + rollback.words(by: .controller)]
                + rollback.log.map { "    | \($0)" }
                + [
                    ordinary.map { told("SSH does not answer at its own address:", $0.message) } ?? [
                        "  SSH answers again"
                    ]
                ]
                .flatMap(\.self) + (isWhole ? [] : card(failure, .takenBack(failure.task.phase), site))
        case .unconfirmed(let why):
            return told("whether the phase was taken back is not known:", why)
                + card(failure, .unconfirmed(failure.task.phase), site)
        }
    }

    /// A reason of more than one line below what it is the reason of.
    private static func told(_ what: String, _ why: String) -> [String] {
        let lines = why.split(whereSeparator: \.isNewline)
        return ["  \(what) \(lines.first ?? "")"] + lines.dropFirst().map { "    \($0)" }
    }

    private static func card(_ failure: Failure, _ standing: OutOfBandCard.Standing, _ site: Site) -> [String] {
        guard let node = site.inventory.node(named: failure.task.node.rawValue) else { return [] }
        return OutOfBandCard.lines(node, standing, in: site.inventory).map { "  \($0)" }
    }

    private static func indented(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).suffix(12).map { "    | \($0)" }
    }
}

extension Outcome.Difference {
    var words: String {
        let place = [node.rawValue, phase?.rawValue, what].compactMap(\.self).joined(separator: ", ")
        return "\(place): was \(was), is now \(now)"
    }
}

extension Rollback {
    /// One sentence: who did it, when, why, and what is left.
    func words(by party: Happening.Party) -> String {
        if because == Rollback.steps { return "the phase was taken back, by the steps that the plan has for it" }
        let who = party == .node ? "the node took the phase back by itself" : "the phase was taken back"
        let when = atEpochSeconds.map {
            " at " + Date(timeIntervalSince1970: TimeInterval($0)).formatted(.iso8601.dateTimeSeparator(.space))
                + " (its clock)"
        }
        let why =
            switch because {
            case "deadline": ", because no new connection confirmed it in time"
            case "boot": ", because it was started anew before the phase was confirmed"
            default: ""
            }
        let rest = isComplete ? "everything is as it was" : "could not be put back: \(left)"
        return "\(who)\(when ?? "")\(why); \(rest)"
    }
}
