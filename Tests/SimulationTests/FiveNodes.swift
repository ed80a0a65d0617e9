import Engine

@testable import Simulation

/// A phase made of values.
struct ModelPhase: Phase {
    var id: PhaseID
    var title: String { id.rawValue }
    var nodes: [NodeName]
    var atOnce = Int.max
    var stepCount = 3
    var undoing = Undo.nothing(because: "it cuts nothing")
    var hasGate = true
    /// Whether its last step starts K3s, or starts it anew.
    var startsService = false
    /// Whether the steps of whom it asks are done through the API.
    var asksAPI = false
    /// Who is asked besides the node itself.
    var asked: NodeName?
    var ends: PhaseID?
    /// Where its steps run; nil: on the node itself.
    var placed: NodeName?

    static let guarded = Undo.restore(first: [], guardWindowSeconds: 90)
    /// With an undo of its own.
    static let leaving = Undo.restore(first: [Step(.module("undo"), because: "")], guardWindowSeconds: 90)
    static let saved = Undo.restore(first: [], guardWindowSeconds: nil)

    func apply(_ node: NodeName) -> [Step] {
        (0..<stepCount).map { number in
            if startsService, number == stepCount - 1 {
                let running = UnitState(name: "k3s.service", enabled: true, activity: .running(restartOn: []))
                return Step(.unit(running), because: "")
            }
            if asksAPI, asked == placed ?? node {
                return Step(.command(Command(name: "\(id) \(node) \(number)", arguments: [], unless: [])), because: "")
            }
            let text = asked.map { "server: \($0)" } ?? "x"
            let content = number == 0 ? FileContent.secret(.generated(bytes: 16)) : .text(text)
            return Step(.file(path: "/\(id)/\(number)", content: content, mode: .privateFile), because: "")
        }
    }

    func place(_ node: NodeName) -> NodeName { placed ?? node }
    func undo(_ node: NodeName) -> Undo { undoing }

    func witness(_ node: NodeName) -> Ask? {
        Ask(node == "d1" ? "d2" : "d1", .sshBanner(address: node.rawValue, port: 22))
    }

    func gate(_ node: NodeName) -> Gate? {
        guard hasGate else { return nil }
        let asks = [node, asked].compactMap(\.self).map { Ask($0, .unit("k")) }
        return Gate(waitingFor: "it", asks: asks, deadlineSeconds: 180, journal: (node, "k"), lookAt: "") { _ in .holds
        }
    }
}

/// Three control plane nodes with guards and two workers, in an order like that of a real cluster.
enum FiveNodes {
    static let controlPlane: [NodeName] = ["d1", "d2", "d3"]
    static let workers: [NodeName] = ["w1", "w2"]
    static let all = controlPlane + workers
    static let seeds: Range<UInt64> = 1..<2001

    static func phases() -> [ModelPhase] {
        [
            ModelPhase(id: "prepare", nodes: all, stepCount: 4, hasGate: false),
            ModelPhase(id: "first", nodes: ["d1"], undoing: ModelPhase.guarded, startsService: true),
            ModelPhase(
                id: "network", nodes: controlPlane, stepCount: 2, undoing: ModelPhase.guarded, asksAPI: true,
                asked: "d1"),
            ModelPhase(
                id: "others", nodes: ["d2", "d3"], atOnce: 1, undoing: ModelPhase.leaving, startsService: true,
                asked: "d1"),
            ModelPhase(id: "workers", nodes: workers, undoing: ModelPhase.saved, asked: "d1"),
            ModelPhase(id: "look", nodes: all, stepCount: 0),
        ]
    }

    static func order(
        change: (inout [ModelPhase]) -> Void = { _ in },
        after: [PhaseID: [Order.Dependency]] = [:]
    ) -> Order {
        var phases = phases()
        change(&phases)
        let right: [PhaseID: [Order.Dependency]] = [
            "first": [.all("prepare")], "network": [.all("first"), .sameNode("prepare")],
            "others": [.all("network"), .sameNode("prepare")], "workers": [.all("network"), .sameNode("prepare")],
            "look": [.all("others"), .all("workers")],
        ]
        return Order(
            name: "five", phases.map { Order.Entry($0, after: after[$0.id] ?? right[$0.id] ?? []) })
    }

    /// With one more phase, which starts K3s anew on every control plane node.
    static func restarting(atOnce: Int = 1) -> Order {
        let restart = ModelPhase(
            id: "restart", nodes: controlPlane, atOnce: atOnce, stepCount: 1, startsService: true)
        return Order(name: "five", order().entries + [.init(restart, after: [.all("others")])])
    }

    /// The workers in turn: begun on the first control plane node, changed, and ended there.
    static func turns(atOnce: Int = 1, isEnded: Bool = true) -> Order {
        let begin = ModelPhase(
            id: "begin", nodes: workers, atOnce: atOnce, stepCount: 1, hasGate: false, asksAPI: true, asked: "d1",
            placed: "d1")
        let change = ModelPhase(id: "change", nodes: workers, undoing: ModelPhase.guarded, asked: "d1")
        var end = begin
        end.id = "end"
        end.atOnce = .max
        end.ends = isEnded ? "begin" : nil
        return Order(
            name: "turns",
            [.init(begin), .init(change, after: [.sameNode("begin")]), .init(end, after: [.sameNode("change")])])
    }

    static func scenario(
        _ order: Order = order(), drivenBy driven: Order? = nil, turn: (@Sendable (Request) -> Request)? = nil
    ) -> Scenario {
        var scenario = Scenario(
            cluster: "five", order: order, nodes: all,
            controlPlane: ControlPlane(primary: "d1", replicas: ["d2", "d3"]),
            drivenBy: driven ?? order)
        scenario.turn = turn
        return scenario
    }

    /// The first seed that finds this violation; nil where none does.
    static func firstSeed(_ scenario: Scenario, finding invariant: Invariant) -> UInt64? {
        seeds.first { seed in
            scenario.run(seed: seed, faults: Set(Fault.allCases)).violations.contains { $0.invariant == invariant }
        }
    }
}
