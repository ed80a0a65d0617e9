import Engine

/// The nodes that have a member of etcd, and the unit that runs it there.
public struct ControlPlane: Sendable {
    /// It starts the cluster; the others join it.
    public let primary: NodeName
    public let replicas: [NodeName]
    public let service: String

    public init(primary: NodeName, replicas: [NodeName], service: String = "k3s.service") {
        self.primary = primary
        self.replicas = replicas
        self.service = service
    }

    var nodes: [NodeName] { [primary] + replicas }

    /// Whether this step starts the service, or starts it anew.
    func starts(_ step: Step, on node: NodeName) -> Bool {
        guard case .unit(let unit) = step.operation, case .running = unit.activity else { return false }
        return unit.name == service && (node == primary || replicas.contains(node))
    }
}
