import Engine
import SSH

/// How the guard of one node stands, and the end of its log: what `guard.sh report` prints.
struct GuardReport: Equatable {
    let state: GuardState
    /// The nonce of the run that armed it, which a confirmation has to name.
    let nonce: String?
    /// When it fires, or goes on, by the node's own clock; nil where it does not, or that is not known.
    let untilEpochSeconds: Int?
    let log: [String]

    /// - Returns: nil where there is no guard on the node.
    init?(_ answer: Answer) {
        guard answer.succeeded else { return nil }
        let lines = answer.output.split(separator: "\n").map(String.init)
        guard let first = lines.first else { return nil }
        state = GuardState(line: first)
        func value(_ key: String) -> String? {
            first.split(separator: " ").first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
        }
        nonce = value("nonce")
        untilEpochSeconds = value("until").flatMap(Int.init)
        log = Array(lines.dropFirst())
    }

    /// The phase that the guard holds, or has taken back last.
    var phase: PhaseID? {
        switch state {
        case .armed(let phase), .firing(let phase), .held(let phase, _), .armedOtherwise(let phase),
            .confirmed(let phase):
            phase
        case .rolledBack(let rollback): rollback.phase
        case .none, .failed: nil
        }
    }

    /// Whether a change is unconfirmed just now.
    var isUnconfirmed: Bool {
        switch state {
        case .armed, .held: true
        default: false
        }
    }
}
