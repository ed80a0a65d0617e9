/// A TCP or UDP port, 1 to 65535.
public struct Port: Sendable, Hashable {
    public let number: Int

    public init?(_ number: Int) {
        guard (1...65535).contains(number) else { return nil }
        self.number = number
    }

    private init(known number: Int) { self.number = number }

    public static let ssh = Port(known: 22)
    /// The port of the API server and of the K3s supervisor (K3s pkg/cli/cmds/server.go).
    public static let api = Port(known: 6443)
    /// The loopback port at which every K3s node reaches an API server (K3s pkg/agent/loadbalancer).
    public static let localAPI = Port(known: 6444)
    /// Where HAProxy passes on connections to the API unless the inventory says otherwise; OpenShift has it there too.
    public static let haproxy = Port(known: 9445)
    /// Outside of what K3s, Cilium, kube-vip, NodePorts and HAProxy have.
    static let coreDNSHealth = Port(known: 9453)
}

extension Port: Comparable, CustomStringConvertible {
    public static func < (left: Port, right: Port) -> Bool { left.number < right.number }
    public var description: String { String(number) }
}
