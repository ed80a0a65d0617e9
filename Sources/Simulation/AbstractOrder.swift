import Engine

/// A phase of a real plan with everything of it that the order depends on, and nothing of what it does.
///
/// It keeps the id, the nodes, how many at once, where it is done, what it ends, how many steps there are, which of them
/// hold secrets, whether and how it is taken back, the guard's window, whom its gate asks, and for how long. Each step
/// is a switch that is on or off. What the gate's judge would have read is replaced by a word that the model says: the
/// gate comes to hold a while after the steps were applied. What starts K3s on a control plane node is the only step
/// that is a unit's, what talks to the API the only one that is a command, and what else is done to K3s or etcd has kinds of
/// its own, too (`ControlPlane.Effect`).
struct AbstractPhase: Phase {
    let id: PhaseID
    let title: String
    let nodes: [NodeName]
    let atOnce: Int
    let last: NodeName?
    let standsWith: PhaseID?
    let ends: PhaseID?
    private var steps: [NodeName: [Step]] = [:]
    private var gates: [NodeName: Gate] = [:]
    private var undos: [NodeName: Undo] = [:]
    private var witnesses: [NodeName: Ask] = [:]
    private var places: [NodeName: NodeName] = [:]

    /// Before the name of a gate that asks the machine alone: it holds whatever becomes of the cluster.
    static let local = "local "
    static let holds = Answer(status: 0, output: "holds")
    static let waits = Answer(status: 0, output: "waits")

    /// - Parameter number: of its first task.
    init(_ phase: any Phase, number: Int, controlPlane: ControlPlane?) {
        id = phase.id
        title = phase.title
        nodes = phase.nodes
        atOnce = phase.atOnce
        last = phase.last
        standsWith = phase.standsWith
        ends = phase.ends
        for (offset, node) in phase.nodes.enumerated() {
            let task = number + offset
            places[node] = phase.place(node)
            let all = phase.apply(node)
            steps[node] = all.enumerated().map { offset, step in
                let name = "\(task).\(offset)"
                return controlPlane?.effect(of: step, on: node, among: all)?.step(name)
                    ?? AbstractPhase.step(step, name: name)
            }
            gates[node] = phase.gate(node).map { AbstractPhase.gate($0, name: "\(task)") }
            // By name instead of by address.
            witnesses[node] = phase.witness(node).map { Ask($0.node, .sshBanner(address: node.rawValue, port: 22)) }
            if case .restore(let first, let window) = phase.undo(node) {
                let undo = first.isEmpty ? [] : [Step(.module("\(task).undo"), because: "")]
                undos[node] = .restore(first: undo, guardWindowSeconds: window)
            }
        }
    }

    func place(_ node: NodeName) -> NodeName { places[node] ?? node }
    func apply(_ node: NodeName) -> [Step] { steps[node] ?? [] }
    func gate(_ node: NodeName) -> Gate? { gates[node] }
    func witness(_ node: NodeName) -> Ask? { witnesses[node] }
    func undo(_ node: NodeName) -> Undo { undos[node] ?? .nothing(because: "") }

    private static func step(_ step: Step, name: String) -> Step {
        if case .file(_, .secret(let source), let mode) = step.operation {
            return Step(.file(path: name, content: .secret(source), mode: mode), because: "")
        }
        // Whoever only looks needs no API of its own: its question is its deed.
        if case .command(let command) = step.operation, let question = command.unless,
            question.prefix(4) == command.arguments.prefix(4)
        {
            return Step(.module(name), because: "")
        }
        let asksAPI =
            switch step.operation {
            case .object: true
            case .command(let command): command.arguments.asksAPI
            default: false
            }
        return asksAPI
            ? Step(.command(Command(name: name, arguments: [], unless: [])), because: "")
            : Step(.module(name), because: "")
    }

    private static func gate(_ gate: Gate, name: String) -> Gate {
        let isLocal = gate.asks.allSatisfy { ask in
            if case .command(let arguments) = ask.probe { !arguments.asksAPI } else { false }
        }
        let probe = Probe.path(isLocal ? AbstractPhase.local + name : name)
        let asks = gate.askedNodes.map { Ask($0, probe) }
        return Gate(
            waitingFor: name, asks: asks, deadlineSeconds: gate.deadlineSeconds,
            journal: gate.journal.map { ($0.node, "unit") }, lookAt: ""
        ) { facts in
            asks.allSatisfy { facts[$0.node, probe] == holds } ? .holds : .waiting("")
        }
    }
}

extension Order {
    /// The same order over abstract phases.
    func abstracted(for controlPlane: ControlPlane? = nil) -> Order {
        var number = 0
        return Order(
            name: name,
            entries.map { entry in
                defer { number += entry.phase.nodes.count }
                return Entry(AbstractPhase(entry.phase, number: number, controlPlane: controlPlane), after: entry.after)
            })
    }
}

extension Gate {
    /// Each node that is asked, once, in the order of the asks.
    fileprivate var askedNodes: [NodeName] {
        var seen: Set<NodeName> = []
        return asks.map(\.node).filter { seen.insert($0).inserted }
    }
}

extension [String] {
    /// Whether a command talks to the API, on its own or by what its program calls.
    fileprivate var asksAPI: Bool { contains { $0.contains("kubectl") } }
}
