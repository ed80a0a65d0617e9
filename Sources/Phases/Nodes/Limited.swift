import Engine

/// Another phase, on some of its nodes alone: in a living cluster those that are added get what the others have already.
struct Limited: Phase {
    private let phase: any Phase
    let nodes: [NodeName]
    /// Why the phase does not concern a node, by the facts; nil where it does.
    private let exception: @Sendable (NodeName, Facts) -> String?

    init(
        _ phase: any Phase, to nodes: [NodeName],
        unless exception: @escaping @Sendable (NodeName, Facts) -> String? = { _, _ in nil }
    ) {
        self.phase = phase
        self.nodes = phase.nodes.filter(nodes.contains)
        self.exception = exception
    }

    var id: PhaseID { phase.id }
    var title: String { phase.title }
    var atOnce: Int { phase.atOnce }
    var last: NodeName? { phase.last.flatMap { nodes.contains($0) ? $0 : nil } }
    var standsWith: PhaseID? { phase.standsWith }
    var ends: PhaseID? { phase.ends }
    func place(_ node: NodeName) -> NodeName { phase.place(node) }
    func turns(_ facts: Facts) -> [NodeName] { phase.turns(facts).filter(nodes.contains) }
    func needs(_ node: NodeName) -> [Probe] { phase.needs(node) }
    func check(_ node: NodeName, _ facts: Facts) -> Finding {
        exception(node, facts).map(Finding.notApplicable) ?? phase.check(node, facts)
    }
    func apply(_ node: NodeName) -> [Step] { phase.apply(node) }
    func gate(_ node: NodeName) -> Gate? { phase.gate(node) }
    func undo(_ node: NodeName) -> Undo { phase.undo(node) }
    func witness(_ node: NodeName) -> Ask? { phase.witness(node) }
    func ties(_ node: NodeName, _ facts: Facts) -> [Tie] { phase.ties(node, facts) }
}
