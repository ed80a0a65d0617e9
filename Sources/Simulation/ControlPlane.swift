import Engine

/// What a command of the order does to etcd.
public enum EtcdAct: String, Sendable, CaseIterable {
    /// K3s is stopped, and does not start with the machine.
    case stop
    /// A cluster of this member alone begins, with the data of a snapshot; what was there is kept aside.
    case reset
    /// The data are kept aside: K3s will join.
    case setAside
    /// K3s is started where it does not run.
    case start
    /// K3s is started anew by somebody else, whom the command lets do so.
    case startAnew
    /// The others forget this member.
    case forget
    /// K3s is stopped, and starts with the machine.
    case halt
    /// The cluster's data are under another token from now on: K3s starts with that one alone.
    case rotateToken
    /// K3s will start with that token.
    case takeToken
}

/// The nodes that have a member of etcd, and the unit that runs it there.
public struct ControlPlane: Sendable {
    /// The server that the others join, and that speaks for the cluster: the one that starts it, where it is born.
    public let primary: NodeName
    public let replicas: [NodeName]
    public let service: String
    /// The commands of the order that do something to etcd, by their names; and the files, by their paths.
    public var acts: [String: EtcdAct]
    /// What is different about servers of a living cluster.
    public var change = Change()

    /// How a living cluster is about to change.
    public struct Change: Sendable {
        /// Servers of which the others know as voters, and whose machines are new and empty.
        public var dead: Set<NodeName> = []
        /// Servers that nobody knows yet.
        public var new: Set<NodeName> = []
        /// Whether the cluster comes to its end: a server that is stopped counts for nothing any more.
        public var isGivenUp = false
        public init() {}
    }

    public init(
        primary: NodeName, replicas: [NodeName], service: String = "k3s.service", acts: [String: EtcdAct] = [:]
    ) {
        self.primary = primary
        self.replicas = replicas
        self.service = service
        self.acts = acts
    }

    var nodes: [NodeName] { [primary] + replicas }

    /// Those that are members when a run on a living cluster begins.
    var living: Set<NodeName> { Set(nodes).subtracting(change.dead).subtracting(change.new) }

    /// What a step does to K3s and etcd, if anything.
    func effect(of step: Step, on node: NodeName, among steps: [Step]) -> Effect? {
        guard node == primary || replicas.contains(node) else { return nil }
        switch step.operation {
        case .unit(let unit) where unit.name == service:
            if case .stopped = unit.activity { return change.isGivenUp ? .acts(.stop) : .stops }
            return .starts(founds: ControlPlane.founds(steps))
        case .command(let command): return acts[command.name].map { .acts($0) }
        case .file(let path, _, _): return acts[path].map { .acts($0) }
        default: return nil
        }
    }

    enum Effect: Sendable, Equatable {
        /// The service is started, or started anew.
        /// - `founds`: without data it begins a cluster.
        case starts(founds: Bool)
        case stops
        case acts(EtcdAct)
    }

    /// Whether nothing that these steps write says where to join (K3s pkg/cluster).
    private static func founds(_ steps: [Step]) -> Bool {
        !steps.contains { step in
            guard case .file(_, .text(let text), _) = step.operation else { return false }
            return text.split(separator: "\n").contains { $0.hasPrefix("server: ") }
        }
    }
}

extension ControlPlane.Effect {
    /// The step of the model that has this effect: no other step is of these kinds.
    func step(_ name: String) -> Step {
        switch self {
        case .starts(let founds):
            let files = founds ? [ControlPlane.Effect.founding] : []
            return Step(.unit(UnitState(name: name, enabled: true, activity: .running(restartOn: files))), because: "")
        case .stops: return Step(.directory(path: name, mode: .privateDirectory), because: "")
        case .acts(let act): return Step(.link(path: name, target: act.rawValue), because: "")
        }
    }

    /// - Parameter step: of the model.
    init?(_ step: Step) {
        switch step.operation {
        case .unit(let unit):
            guard case .running(let files) = unit.activity else { return nil }
            self = .starts(founds: !files.isEmpty)
        case .directory: self = .stops
        case .link(_, let target):
            guard let act = EtcdAct(rawValue: target) else { return nil }
            self = .acts(act)
        default: return nil
        }
    }

    private static let founding = "founds"
}
