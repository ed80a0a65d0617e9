/// The files of the guard as they lie on a node; what they do is told in the program itself.
public enum GuardFiles {
    public struct File: Sendable {
        public let path: String
        public let text: String
        public let isProgram: Bool
        public let because: String
    }

    /// For every managed node, in the order in which they are placed: the program before what starts it.
    public static var all: [File] {
        [
            File(
                path: program, text: text(PackageResources.guard_sh), isProgram: true,
                because: "takes a change back by itself unless a new SSH connection confirms it"),
            File(
                path: reset, text: Template.reset.source, isProgram: true,
                because: "keeps how the node is before anything is changed, and leads it back there when it is reset"),
            File(
                path: K3sPaths.unitFile("clusterctl-guard.service"),
                text: text(PackageResources.clusterctl_guard_service),
                isProgram: false, because: "runs the guard at its deadline, and at boot if a change is unconfirmed"),
            File(
                path: K3sPaths.unitFile("clusterctl-guard.timer"), text: text(PackageResources.clusterctl_guard_timer),
                isProgram: false, because: "the guard's clock, kept by systemd and not by the connection"),
        ]
    }

    /// For routers, in place of those of nodes.
    public static var router: [File] {
        [
            File(
                path: frr, text: Template.frr.source, isProgram: true,
                because: "finds out and takes over the difference to what FRR runs"),
            File(
                path: program, text: text(PackageResources.router_guard_sh), isProgram: true,
                because: "takes a change back by itself unless a new SSH connection confirms it"),
        ]
    }

    /// What every guard is asked by.
    public static let program = "\(K3sPaths.state)/guard/guard.sh"
    public static let reset = "\(K3sPaths.state)/guard/reset.sh"
    public static let frr = "\(K3sPaths.state)/guard/frr.sh"

    /// For nodes whose links are in the inventory.
    public static var interfaces: File {
        File(
            path: "\(K3sPaths.state)/guard/interfaces.sh", text: Template.interfaces.source, isProgram: true,
            because: "leads links to what the inventory has, and back")
    }

    /// For control plane nodes alone.
    public static var member: File {
        File(
            path: K3sPaths.unitFile("clusterctl-etcd.service"), text: text(PackageResources.clusterctl_etcd_service),
            isProgram: false, because: "the guard keeps a member of etcd by it where K3s must not run")
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
