import Engine
import Inventory
import Rendering

/// The order in which a living cluster is led away from kube-proxy, and the one in which what it has left is removed.
/// Nothing else is in this file, and conditions are in the phases.
public enum KubeProxy {
    public struct Options: Sendable {
        public var workersAtOnce = WorkersAtOnce.number(1)
        /// Whether the rules that kube-proxy has left go on nodes with `manage: verify`, too.
        public var cleansVerified = false
        /// The Cilium chart in base64, where the inventory names an archive.
        public var chartContent: String?
        public init() {}
    }

    /// Cilium takes its place on every node first; then it is no longer started, on servers before workers, which learn
    /// it from them; then its rules go.
    public static func disable(for inventory: Inventory, options: Options = Options()) -> Order {
        let off: [Order.Dependency] = [.all("kube-proxy-servers"), .all("kube-proxy-workers")]
        return Order(
            name: "kube-proxy-disable",
            [
                .init(KubeProxyPreflight(inventory, .disable)),
                .init(HostPrep(inventory), after: [.all("preflight")]),
                .init(ServersRun(inventory), after: [.all("preflight"), .all("host-prep")]),
                .init(
                    Cilium(inventory, chartContent: options.chartContent, isKeptWhere: KubeProxyReplaced.everywhere),
                    after: [.all("preflight"), .all("servers-run"), .sameNode("host-prep")]),
                .init(
                    Cilium(
                        inventory, .endpoint, chartContent: options.chartContent,
                        isKeptWhere: KubeProxyReplaced.everywhere),
                    after: [.all("cilium"), .sameNode("host-prep")]),
                .init(KubeProxyReplaced(inventory), after: [.all("cilium"), .all("cilium-api-server")]),
                .init(KubeProxyServers(inventory), after: [.all("kube-proxy-replaced"), .all("host-prep")]),
                .init(
                    KubeProxyWorkers(inventory, atOnce: options.workersAtOnce),
                    after: [.all("kube-proxy-replaced"), .all("kube-proxy-servers"), .all("host-prep")]),
            ] + cleaning(inventory, options, .disable, after: off + [.all("kube-proxy-replaced"), .all("host-prep")]))
    }

    /// What kube-proxy has left where it runs no more.
    public static func clean(for inventory: Inventory, options: Options = Options()) -> Order {
        Order(
            name: "kube-proxy-clean",
            [
                .init(KubeProxyPreflight(inventory, .clean)),
                .init(HostPrep(inventory), after: [.all("preflight")]),
            ] + cleaning(inventory, options, .clean, after: [.all("preflight"), .all("host-prep")]))
    }

    private static func cleaning(
        _ inventory: Inventory, _ options: Options, _ verb: KubeProxyVerb, after: [Order.Dependency]
    ) -> [Order.Entry] {
        let clean: [Order.Dependency] = [.all("kube-proxy-clean"), .all("kube-proxy-clean-workers")]
        return [
            .init(KubeProxyClean(inventory, .servers, verb, cleansVerified: options.cleansVerified), after: after),
            .init(
                KubeProxyClean(inventory, .workers, verb, cleansVerified: options.cleansVerified),
                after: after + [.all("kube-proxy-clean")]),
            .init(Verify(inventory), after: clean),
        ]
    }
}

/// Which of the verbs a phase is part of.
public enum KubeProxyVerb: Sendable {
    case disable
    case clean
}
