import Engine
import Inventory

/// The order in which a snapshot takes the place of etcd's data. Nothing else is in this file, and conditions are in the
/// phases.
public enum EtcdRestore {
    /// - Parameter inventory: the nodes that take part; each server of it is stopped, and each worker started anew.
    public static func order(for inventory: Inventory, _ restore: Restore) -> Order {
        let prepared: [Order.Dependency] = [.all("host-prep"), .all("artifacts")]
        return Order(
            name: "etcd-restore",
            [
                .init(RestorePreflight(inventory, restore)),
                .init(HostPrep(inventory), after: [.all("preflight")]),
                .init(Artifacts(inventory), after: [.all("preflight"), .sameNode("host-prep")]),
                .init(CheckSnapshot(inventory, restore), after: prepared),
                .init(StopServers(inventory, restore), after: [.all("check-snapshot")] + prepared),
                .init(ResetEtcd(inventory, restore), after: [.all("stop-servers")]),
                .init(SetDataAside(inventory, restore), after: [.all("reset-etcd"), .all("stop-servers")]),
                .init(
                    StartRestored(inventory, restore), after: [.all("reset-etcd"), .all("set-data-aside")] + prepared),
                .init(ForgetPasswords(inventory, restore), after: [.all("start-restored")]),
                .init(RejoinServers(inventory, restore), after: [.all("forget-passwords")] + prepared),
                .init(RestartAgents(inventory, restore), after: [.all("rejoin-servers")]),
                .init(ProveData(inventory, restore), after: [.all("rejoin-servers")]),
                .init(
                    Verify(inventory), after: [.all("rejoin-servers"), .all("restart-agents"), .all("prove-data")]),
                .init(EndRestore(inventory, restore), after: [.all("verify")]),
            ])
    }
}

/// What is restored, and where: the same for every node, so that a later run goes on with it.
public struct Restore: Sendable, Equatable {
    /// Where the snapshot is.
    public enum Source: Sendable, Equatable {
        /// Among the snapshots of the server, by its name.
        case named(String)
        /// A file of the controller's, with the SHA-256 of all of it in hexadecimal digits.
        case file(path: String, digest: String)
    }

    /// Tells this restore from earlier and later ones of the same snapshot: letters and digits.
    public let attempt: String
    public let source: Source
    /// The server that begins the cluster anew.
    public let server: NodeName
    /// The URLs of servers that do not take part, which must be dead.
    public let leftOut: [String]
    /// An earlier attempt that this one takes the place of, because the server that had its data is lost.
    public let replaced: String?

    public init(
        attempt: String, source: Source, server: NodeName, leftOut: [String] = [], replaced: String? = nil
    ) {
        self.attempt = attempt
        self.source = source
        self.server = server
        self.leftOut = leftOut
        self.replaced = replaced
    }

    /// As it is written down on the nodes and found by the programs there: a name, or where the file is brought.
    public var snapshot: String { Restore.snapshot(source) }

    public static func snapshot(_ source: Source) -> String {
        switch source {
        case .named(let name): name
        // K3s knows a compressed one by the end of its name.
        case .file(let path, let digest):
            "/var/lib/clusterctl/etcd/snapshot-\(digest.prefix(16))\(path.hasSuffix(".zip") ? ".zip" : "")"
        }
    }

    /// Where a server keeps what it had before.
    public var keptData: String { "/var/lib/rancher/k3s/server/etcd-before-\(attempt)" }
}
