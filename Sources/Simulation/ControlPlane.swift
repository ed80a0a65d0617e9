import Engine

/// What a step does to etcd on its node besides starting K3s anew.
public enum EtcdAct: String, Sendable, CaseIterable {
    /// K3s is stopped, and does not start with the machine.
    case stop
    /// A cluster of this member alone begins, with the data of a snapshot; what was there is kept aside.
    case reset
    /// The data are kept aside: K3s will join.
    case setAside
    /// K3s is started where it does not run.
    case start
}

/// The nodes that have a member of etcd, and the unit that runs it there.
public struct ControlPlane: Sendable {
    /// It starts the cluster; the others join it.
    public let primary: NodeName
    public let replicas: [NodeName]
    public let service: String
    /// The commands of the order that do something to etcd, by their names.
    public let acts: [String: EtcdAct]

    public init(
        primary: NodeName, replicas: [NodeName], service: String = "k3s.service", acts: [String: EtcdAct] = [:]
    ) {
        self.primary = primary
        self.replicas = replicas
        self.service = service
        self.acts = acts
    }

    var nodes: [NodeName] { [primary] + replicas }

    func act(of step: Step) -> EtcdAct? {
        if case .command(let command) = step.operation { acts[command.name] } else { nil }
    }

    /// Whether this step starts the service, or starts it anew.
    func starts(_ step: Step, on node: NodeName) -> Bool {
        guard case .unit(let unit) = step.operation, case .running = unit.activity else { return false }
        return unit.name == service && (node == primary || replicas.contains(node))
    }
}
