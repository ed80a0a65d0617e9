import Engine

extension Happening {
    /// A line of the story that a replayed seed tells.
    var words: String {
        switch self {
        case .surveyed(let node): "\(node) has answered"
        case .skipped(let task, let why): "\(task): skipped, \(why)"
        case .applying(let task, let steps, _): "\(task): \(steps) steps"
        case .applied(let task, let changed): "\(task): \(changed.count) changed"
        case .waiting(let task, _, _): "\(task): waiting for the gate"
        case .passed(let task, _): "\(task): passed"
        case .signOfLife(let task): "\(task): sign of life"
        case .confirmed(let task): "\(task): confirmed"
        case .linkLost(let node, _, let failure): "\(node): \(failure.message)"
        case .failed(let task, let why): "\(task): failed, \(why)"
        case .interrupted(let takingBack, let finishing):
            "Ctrl-C; to be taken back: \(takingBack.words); to be finished: \(finishing.words)"
        case .takingBack(let task): "\(task): the controller takes it back"
        case .takenBack(let task, let party, _): "\(task): taken back by the \(party)"
        case .rescuing(let task, let way): "\(task): going over \(way)"
        case .rescued(let task, let way, _, _): "\(task): taken back over \(way)"
        case .rescueFailed(let task, let way, let why): "\(task): not taken back over \(way), \(why)"
        }
    }
}
