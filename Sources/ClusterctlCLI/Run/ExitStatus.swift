import ArgumentParser
import Engine

/// The exit statuses of DESIGN's command line, the same for every verb.
enum ExitStatus {
    static let failed = ExitCode(1)
    static let changesPending = ExitCode(2)
    static let invalidInventory = ExitCode(3)
    static let unreachable = ExitCode(4)
    static let rolledBack = ExitCode(5)
    static let unconfirmed = ExitCode(6)
    static let leaseHeld = ExitCode(7)
    static let planChanged = ExitCode(8)
    static let wrongUsage = ExitCode.validationFailure
    static let interrupted = ExitCode(130)
}

extension Outcome {
    var exitCode: ExitCode {
        switch self {
        case .nothingToDo, .done: .success
        case .declined, .blocked, .unfinished: ExitStatus.failed
        case .stale: ExitStatus.planChanged
        case .unreachable: ExitStatus.unreachable
        case .interrupted: ExitStatus.interrupted
        case .refused: ExitStatus.leaseHeld
        case .failed(let failures): failures.map(\.exitCode).max { $0.rawValue < $1.rawValue } ?? ExitStatus.failed
        }
    }
}

extension Failure {
    var exitCode: ExitCode {
        switch (undoing, cause) {
        case (.unconfirmed, _): ExitStatus.unconfirmed
        case (.takenBack(_, let rollback), _) where !rollback.isComplete: ExitStatus.unconfirmed
        case (.rescued(let rollback, _, let ordinary), _):
            rollback.isComplete && ordinary == nil ? ExitStatus.rolledBack : ExitStatus.unconfirmed
        case (.takenBack, .gate), (.takenBack, .guardFired): ExitStatus.rolledBack
        case (.leftAsIs, .gate), (.leftAsIs, .guardFired): ExitStatus.failed
        case (.takenBack, .interrupted), (.leftAsIs, .interrupted): ExitStatus.failed
        case (_, .link): ExitStatus.unreachable
        case (_, .operation): ExitStatus.failed
        }
    }
}
