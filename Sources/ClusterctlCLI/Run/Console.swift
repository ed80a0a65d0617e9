import Engine
import Foundation

/// Progress and errors for people, on standard error: a line for each thing that happens, the reason of a wait always shown.
final class Console {
    private let started = ContinuousClock.now
    private let isColourful: Bool

    init() {
        let environment = ProcessInfo.processInfo.environment
        isColourful = isatty(STDERR_FILENO) == 1 && environment["NO_COLOR"] == nil && environment["TERM"] != "dumb"
    }

    func show(_ happening: Happening) {
        switch happening {
        case .surveyed, .signOfLife: break
        case .skipped(let task, let why): if why != "already so" { line(.quiet, task, "skipped: \(why)") }
        case .applying(let task, let steps, let undo):
            let armed = undo.guardWindowSeconds.map { ", guard armed first (fires after \($0) s of silence)" } ?? ""
            line(.plain, task, "\(steps) step\(steps == 1 ? "" : "s")\(armed)")
        case .applied(let task, let changed):
            let names = changed.prefix(4).map(\.operation.summary).joined(separator: ", ")
            let more = changed.count > 4 ? " and \(changed.count - 4) more" : ""
            line(.plain, task, changed.isEmpty ? "nothing had to be changed" : "changed \(names)\(more)")
        case .waiting(let task, let what, let because): line(.quiet, task, "waiting for \(what): \(because)")
        case .passed(let task, _): line(.good, task, "passed")
        case .confirmed(let task): line(.plain, task, "confirmed over a new connection, guard disarmed")
        case .linkLost(_, nil, _): break  // the end of the run names it
        case .linkLost(let node, let task, let failure):
            let waiting = failure.kind == .unreachable ? "; \(node) is being waited for" : ""
            line(.bad, task, failure.message.replacing("\n", with: "; ") + waiting, node: node)
        case .failed(let task, let why): line(.bad, task, "failed: \(why)")
        case .interrupted(let takingBack, let finishing):
            let backwards = takingBack.isEmpty ? "" : "; taking back \(takingBack.words)"
            let onwards = finishing.isEmpty ? "" : "; finishing \(finishing.words)"
            line(.bad, nil, "interrupted: nothing new begins\(backwards)\(onwards); once more ends the run at once")
        case .takingBack(let task): line(.plain, task, "taking the phase back")
        case .takenBack(let task, let party, let rollback):
            line(rollback.isComplete ? .plain : .bad, task, rollback.words(by: party))
        case .rescuing(let task, let way): line(.plain, task, "trying the rescue path (\(way))")
        case .rescued(let task, _, let rollback, let ordinary):
            let rest = ordinary == nil ? "; SSH answers again" : "; SSH does not answer at its own address"
            line(rollback.isComplete && ordinary == nil ? .plain : .bad, task, rollback.words(by: .controller) + rest)
        case .rescueFailed(let task, _, let why):
            line(.bad, task, "not over the rescue path either: " + why.replacing("\n", with: "; "))
        }
    }

    func say(_ text: String) { write(text.forTerminal) }

    private enum Tone: String {
        case plain = ""
        case quiet = "\u{1B}[2m"
        case good = "\u{1B}[32m"
        case bad = "\u{1B}[31m"
    }

    private func line(_ tone: Tone, _ task: TaskID?, _ text: String, node: NodeName? = nil) {
        let seconds = started.duration(to: .now).inSeconds
        let time = String(format: "%6.1f", seconds)
        let place = task.map { "\($0.phase.rawValue) \($0.node.rawValue)" } ?? node?.rawValue ?? ""
        let body =
            "\(time)  \(place.padding(toLength: max(26, place.count), withPad: " ", startingAt: 0))  \(text.forTerminal)"
        write(isColourful && tone != .plain ? "\(tone.rawValue)\(body)\u{1B}[0m" : body)
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}
