/// How long the gate of each phase may take on a plain machine; a node's `deadlineFactor` multiplies it.
public struct Deadlines: Sendable, Hashable {
    public var preflight: Duration
    public var hostPrep: Duration
    /// For the links of each node by itself.
    public var interfaces: Duration
    public var artifacts: Duration
    public var k3sPrimary: Duration
    public var cilium: Duration
    public var kubeVip: Duration
    public var keepalived: Duration
    public var dns: Duration
    /// For each replica by itself.
    public var replicas: Duration
    public var workers: Duration
    public var bgp: Duration
    public var apiEndpoint: Duration
    /// For each addon by itself.
    public var addons: Duration
    public var verify: Duration

    /// A learner that makes no progress is evicted after five minutes (K3s pkg/etcd), so replicas get longer than that.
    public init(
        preflight: Duration = .seconds(60), hostPrep: Duration = .seconds(120), interfaces: Duration = .seconds(60),
        artifacts: Duration = .seconds(900),
        k3sPrimary: Duration = .seconds(300), cilium: Duration = .seconds(600), kubeVip: Duration = .seconds(120),
        keepalived: Duration = .seconds(120), dns: Duration = .seconds(240),
        replicas: Duration = .seconds(420), workers: Duration = .seconds(300), bgp: Duration = .seconds(120),
        apiEndpoint: Duration = .seconds(120), addons: Duration = .seconds(600),
        verify: Duration = .seconds(300)
    ) {
        self.preflight = preflight
        self.hostPrep = hostPrep
        self.interfaces = interfaces
        self.artifacts = artifacts
        self.k3sPrimary = k3sPrimary
        self.cilium = cilium
        self.kubeVip = kubeVip
        self.keepalived = keepalived
        self.dns = dns
        self.replicas = replicas
        self.workers = workers
        self.bgp = bgp
        self.apiEndpoint = apiEndpoint
        self.addons = addons
        self.verify = verify
    }
}

extension Duration {
    /// The duration in seconds, with its fraction.
    public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }

    /// The duration in whole seconds, rounded up so that a deadline is never shortened.
    public var wholeSeconds: Int { Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0) }
}
