import Engine

/// What one seed brought: a cluster from bare nodes until a run said that there is nothing left to do.
public struct Trial: Sendable, Equatable {
    /// How a run of clusterctl ended, as its user sees it.
    public enum Ending: String, Sendable, CaseIterable, Hashable {
        case done
        /// What an earlier run had left armed has passed, and something before it is left for the next run.
        case unfinished
        case nothingToDo = "nothing to do"
        /// A phase failed, and was taken back by the guard or the controller.
        case takenBack = "taken back"
        /// A phase failed that had nothing to take back.
        case failed
        /// Whether a phase was taken back could not be found out.
        case unconfirmed = "not confirmed"
        /// A node did not answer at the start.
        case unreachable
        case interrupted
        case killed
        case blocked
        /// Another run had the lease, or took it.
        case refused
    }

    public let seed: UInt64
    /// One for each run that the operator began, the one after `done` not counted.
    public let endings: [Ending]
    /// Whether the cluster came to its end.
    public let isWhole: Bool
    public let violations: [Violation]
    /// The longest time that a node was out of reach, and which.
    public let longestOutSeconds: Double
    public let longestOutNode: NodeName?
    public let seconds: Double
    public let eventCount: Int
    /// What happened, where that was asked for.
    public let story: [String]
}

extension Trial.Ending {
    /// Whether nothing is left to do.
    var isEnd: Bool { self == .done || self == .nothingToDo }

    /// - Parameter outcome: nil where the controller died.
    init(_ outcome: Outcome?) {
        switch outcome {
        case .nothingToDo: self = .nothingToDo
        case .done: self = .done
        case .unfinished: self = .unfinished
        case .declined, .blocked, .stale: self = .blocked
        case .unreachable: self = .unreachable
        case .interrupted: self = .interrupted
        case .refused: self = .refused
        case nil: self = .killed
        case .failed(let failures): self = .init(failures.map(\.undoing))
        }
    }

    /// The worst of them counts.
    private init(_ undoings: [Failure.Undoing]) {
        self = .failed
        for undoing in undoings {
            switch undoing {
            case .unconfirmed:
                self = .unconfirmed
                return
            case .takenBack, .rescued: self = .takenBack
            case .leftAsIs: break
            }
        }
    }
}
