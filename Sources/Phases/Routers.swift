import Engine
import Inventory
import Rendering

/// Asks whether FRR on the routers can take the cluster's part, and puts the guard there before it is changed.
public struct RouterPrep: Phase {
    public let id: PhaseID = "router-prep"
    public let title = "Install the guard on the routers"
    public var nodes: [NodeName] { routers.map(\.name) }
    private let routers: [RouterQuestion]

    public init(_ inventory: Inventory) { routers = RouterQuestion.changed(inventory) }

    public func needs(_ node: NodeName) -> [Probe] { routers.filter { $0.name == node }.map(\.refusal) }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard let question = routers.first(where: { $0.name == node }) else { return .satisfied }
        return question.finding(facts)
    }

    public func apply(_ node: NodeName) -> [Step] {
        GuardFiles.router.map { file in
            Step(.file(path: file.path, content: .text(file.text), mode: .program), because: file.because)
        }
    }

    public func undo(_ node: NodeName) -> Undo { .nothing(because: "it only adds what the guard needs") }
}

/// Leads each router to its end of the sessions: by the difference alone, checked by FRR before, taken back by the
/// router itself unless a new connection confirms it, and written only then.
public struct Routers: Phase {
    public let id: PhaseID = "routers"
    public let title = "The routers' end of the BGP sessions"
    public var nodes: [NodeName] { routers.map(\.name) }
    /// Where there are two, one of them always forwards.
    public let atOnce = 1
    private let inventory: Inventory
    private let routers: [RouterQuestion]

    public init(_ inventory: Inventory) {
        self.inventory = inventory
        routers = RouterQuestion.changed(inventory)
    }

    public func needs(_ node: NodeName) -> [Probe] {
        routers.filter { $0.name == node }.flatMap { [$0.refusal, $0.difference] }
    }

    public func check(_ node: NodeName, _ facts: Facts) -> Finding {
        guard let question = routers.first(where: { $0.name == node }) else { return .satisfied }
        return question.finding(facts)
    }

    public func apply(_ node: NodeName) -> [Step] {
        guard let router = routers.first(where: { $0.name == node })?.router else { return [] }
        let path = RouterConfiguration.path(inventory, router)
        let passwordPath = RouterConfiguration.passwordPath(inventory, router)
        let program = ["sh", GuardFiles.frr]
        guard let configuration = RouterConfiguration(inventory, router) else {
            return [
                Step(
                    .command(
                        Command(
                            name: "take the cluster's part out of FRR",
                            arguments: program + ["apply", inventory.name, "/dev/null"],
                            unless: program + ["done", inventory.name, "/dev/null"])),
                    because: "no node opens a session to it any more"),
                Step(.absent(path: path), because: "it would say otherwise"),
                Step(.absent(path: passwordPath), because: "nobody needs it any more"),
            ]
        }
        return [
            Step(
                .file(path: path, content: .text(configuration.text), mode: .publicFile),
                because: "what the difference is taken to"),
            RouterQuestion(inventory, router).passwordFile,
            Step(
                .command(
                    Command(
                        name: "lead FRR to \(path) by the difference",
                        arguments: program + ["apply", inventory.name, path],
                        unless: program + ["done", inventory.name, path])),
                because: "nodes find their sessions, and nothing else is taken from them"),
        ]
    }

    public func gate(_ node: NodeName) -> Gate? {
        let kept = Probe.command(["sh", GuardFiles.program, "kept"])
        return Gate(
            waitingFor: "every session that \(node) had before to be established", asks: [Ask(node, kept)],
            deadlineSeconds: inventory.deadlines.bgp.wholeSeconds,
            lookAt: "'show bgp summary' in vtysh on \(node)"
        ) { facts in
            guard let answer = facts[node, kept] else {
                return .waiting("\(node) has not said yet which sessions it has")
            }
            return answer.succeeded ? .holds : .waiting(answer.reason)
        }
    }

    public func undo(_ node: NodeName) -> Undo {
        let router = routers.first { $0.name == node }?.router
        return .restore(first: [], guardWindowSeconds: router?.guardWindow.wholeSeconds)
    }
}

/// Asks the routers whether their end of every session stands.
public struct RouterSessions: Phase {
    public let id: PhaseID = "router-sessions"
    public let title = "BGP sessions, as the routers see them"
    public var nodes: [NodeName] { routers.map(\.name) }
    private let inventory: Inventory
    private let routers: [RouterQuestion]

    public init(_ inventory: Inventory) {
        self.inventory = inventory
        routers = RouterQuestion.asked(inventory).filter { !$0.neighbors.isEmpty }
    }

    public func apply(_ node: NodeName) -> [Step] { [] }

    public func gate(_ node: NodeName) -> Gate? {
        guard let router = routers.first(where: { $0.name == node }) else { return nil }
        return Gate(
            waitingFor: "\(node) to have its \(router.neighbors.count) sessions with the nodes",
            asks: [Ask(node, RouterQuestion.summary)], deadlineSeconds: inventory.deadlines.bgp.wholeSeconds,
            lookAt: "'clusterctl router verify'; 'show bgp summary' in vtysh on \(node)"
        ) { .all(router.verdicts($0[node, RouterQuestion.summary])) }
    }
}

/// The order in which routers alone are changed.
public enum RouterChange {
    public static func order(for inventory: Inventory) -> Order {
        Order(
            name: "router",
            [
                .init(RouterPrep(inventory)),
                .init(Routers(inventory), after: [.sameNode("router-prep")]),
                .init(BGPPasswords(inventory)),
                .init(
                    BGPPasswordFiles(inventory, on: BGPPasswords(inventory).nodes), after: [.sameNode("bgp-passwords")]),
                .init(RouterSessions(inventory), after: [.all("routers"), .all("bgp-passwords")]),
            ])
    }
}

extension RouterQuestion {
    /// Whether the cluster's part can be taken to FRR; where no session needs it, there is nothing to be done about it.
    func finding(_ facts: Facts) -> Finding {
        let problems = problems(facts[name, refusal])
        guard let first = problems.first else { return .satisfied }
        return neighbors.isEmpty
            ? .notApplicable("no node opens a session to it, and \(first.what)") : .blocked(problems)
    }

    /// The routers that clusterctl changes.
    static func changed(_ inventory: Inventory) -> [RouterQuestion] {
        inventory.routers.filter { $0.management == .full }.map { RouterQuestion(inventory, $0) }
    }

    /// The routers that clusterctl asks.
    static func asked(_ inventory: Inventory) -> [RouterQuestion] {
        inventory.routers.filter { $0.management != .none }.map { RouterQuestion(inventory, $0) }
    }
}
