import Engine
import Simulation

/// A phase made of values, for tests of the machine.
struct FixturePhase: Phase {
    let id: PhaseID
    var title: String { id.rawValue }
    var nodes: [NodeName]
    var atOnce = Int.max
    var last: NodeName?
    var steps: [Step]
    var window: Int?
    var canBeTakenBack = false
    var gatePath: String?
    /// Who the gate asks; nil: the node itself.
    var asked: NodeName?
    /// Who is asked whether it hears SSH on the node.
    var hearer: NodeName?
    var standsWith: PhaseID?
    /// What takes it back in place of a guard.
    var stepsBack: [Step]?
    /// Whom each node has to change together with.
    var tied: NodeName?
    var finding: @Sendable (NodeName, Facts) -> Finding = { _, _ in .satisfied }

    func check(_ node: NodeName, _ facts: Facts) -> Finding { finding(node, facts) }
    func apply(_ node: NodeName) -> [Step] { steps }
    func ties(_ node: NodeName, _ facts: Facts) -> [Tie] { tied.map { [Tie($0, why: "they change together")] } ?? [] }
    func undo(_ node: NodeName) -> Undo {
        if let stepsBack { return .steps(stepsBack) }
        return canBeTakenBack || window != nil
            ? .restore(first: [], guardWindowSeconds: window) : .nothing(because: "a fixture")
    }
    func witness(_ node: NodeName) -> Ask? { hearer.map { Ask($0, .sshBanner(address: node.rawValue, port: 22)) } }
    func gate(_ node: NodeName) -> Gate? {
        guard let gatePath else { return nil }
        return Gate(
            waitingFor: "\(gatePath) to be there", asks: [Ask(asked ?? node, .path(gatePath))], deadlineSeconds: 30,
            lookAt: "the fixture"
        ) { facts in
            guard let answer = facts[asked ?? node, .path(gatePath)] else { return .waiting("no answer yet") }
            return answer.output == "file" ? .holds : .waiting("it is \(answer.output)")
        }
    }
}

extension Machine {
    /// Agrees to the review, and gives the lease.
    mutating func agree(at now: Double) -> [Request] {
        var requests: [Request] = []
        for request in handle(.approved, at: now) {
            guard case .lease(let id, _, .take) = request else {
                requests.append(request)
                continue
            }
            requests += handle(.leased(id, .ours), at: now)
        }
        return requests
    }
}

enum Fixture {
    static let nodes: [NodeName] = ["a", "b", "c"]

    static func file(_ path: String, _ text: String = "x") -> Step {
        Step(.file(path: path, content: .text(text), mode: .publicFile), because: "a fixture")
    }

    /// Answers path probes by what is on the host.
    static let answer: @Sendable (NodeName, Probe, Host) -> Answer = { _, probe, host in
        switch probe {
        case .path(let path): Answer(status: 0, output: host.contents.files[path] == nil ? "absent" : "file")
        default: Answer(status: 0, output: "")
        }
    }

    /// Two phases on three nodes, the second after the first everywhere; the second has a gate.
    static func order(second: (inout FixturePhase) -> Void = { _ in }) -> Order {
        let first = FixturePhase(id: "first", nodes: nodes, steps: [file("/first")])
        var last = FixturePhase(id: "second", nodes: nodes, steps: [file("/second")], gatePath: "/second")
        second(&last)
        return Order(name: "test", [.init(first), .init(last, after: [.all("first")])])
    }
}
