/// How a step stands on a node before it is applied.
public enum StepState: Sendable, Hashable {
    /// Already so.
    case same
    /// Not so; `current` is the present text of a file where that may be shown, else a short description.
    case differs(current: String)
}

/// Everything the nodes have answered so far. Grows as answers come in; the newest answer to a probe counts.
public struct Facts: Sendable, Equatable {
    private var answers: [NodeName: [Probe: Answer]] = [:]
    private var states: [NodeName: [Step: StepState]] = [:]

    public init() {}

    public subscript(node: NodeName, probe: Probe) -> Answer? {
        get { answers[node]?[probe] }
        set { answers[node, default: [:]][probe] = newValue }
    }

    public subscript(node: NodeName, step: Step) -> StepState? {
        get { states[node]?[step] }
        set { states[node, default: [:]][step] = newValue }
    }

    /// What a node has answered to a survey, all at once.
    mutating func add(_ node: NodeName, answers new: [Probe: Answer], states newStates: [Step: StepState]) {
        if answers[node]?.merge(new, uniquingKeysWith: { $1 }) == nil { answers[node] = new }
        if states[node]?.merge(newStates, uniquingKeysWith: { $1 }) == nil { states[node] = newStates }
    }

    /// The steps that are known not to be so on a node.
    public func differing(of node: NodeName) -> [Step] {
        (states[node] ?? [:]).filter { $0.value != .same }.map(\.key)
    }

    /// How the steps stand on a node.
    func states(of node: NodeName) -> [Step: StepState] { states[node] ?? [:] }
}
