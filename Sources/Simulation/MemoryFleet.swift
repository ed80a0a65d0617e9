import Engine

/// A fleet in memory: nodes that keep what steps do to them, and answer probes by rules that a test gives.
public struct MemoryFleet: Sendable {
    var hosts: [Host]
    let position: [NodeName: Int]
    /// How probes are answered; by what is on the node.
    let answer: @Sendable (NodeName, Probe, Host) -> Answer
    /// Called after a step was performed: what a test makes of it.
    let afterStep: @Sendable (NodeName, Step, inout Host) -> Void
    /// Steps that fail, with what they say.
    let failing: @Sendable (NodeName, Step) -> Answer?

    /// - Precondition: the names are different.
    public init(
        _ nodes: [NodeName],
        answer: @escaping @Sendable (NodeName, Probe, Host) -> Answer = { _, _, _ in Answer(status: 0, output: "") },
        afterStep: @escaping @Sendable (NodeName, Step, inout Host) -> Void = { _, _, _ in },
        failing: @escaping @Sendable (NodeName, Step) -> Answer? = { _, _ in nil }
    ) {
        hosts = nodes.map(Host.init)
        position = Dictionary(uniqueKeysWithValues: zip(nodes, nodes.indices))
        self.answer = answer
        self.afterStep = afterStep
        self.failing = failing
    }

    /// - Precondition: the fleet has a node of this name.
    public subscript(node: NodeName) -> Host {
        get { hosts[index(node)] }
        set { hosts[index(node)] = newValue }
    }

    func index(_ node: NodeName) -> Int {
        guard let index = position[node] else { preconditionFailure("the fleet has no node \(node)") }
        return index
    }
}
