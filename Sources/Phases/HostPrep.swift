import Engine
import Inventory
import Rendering

/// Sets up what K3s and Cilium need of the host, and puts the guard in place before anything risky is done.
public struct HostPrep: Phase {
    public let id: PhaseID = "host-prep"
    public let title = "Prepare the hosts and install the guard"
    public var nodes: [NodeName] { cluster.managed }
    let cluster: Cluster

    public init(_ inventory: Inventory) { cluster = Cluster(inventory) }

    public func apply(_ node: NodeName) -> [Step] {
        guardSteps(node) + [
            ResetQuestion.baseline,
            Step(
                .file(
                    path: "/etc/modules-load.d/clusterctl.conf", content: .text(Template.modules.source),
                    mode: .publicFile),
                because: "the modules are there after a reboot too"),
            Step(.module("overlay"), because: "containerd keeps container layers in overlay file systems"),
            Step(
                .file(
                    path: "/etc/sysctl.d/90-clusterctl.conf", content: .text(Template.sysctl.source), mode: .publicFile),
                because: "the settings are there after a reboot too, and bridged frames stay out of iptables"),
            Step(
                .sysctl(key: "net.ipv4.ip_forward", value: "1"),
                because: "pods of different nodes talk through this node"),
        ]
    }

    public func undo(_ node: NodeName) -> Undo {
        .nothing(because: "it only adds what a later run and the guard need, and cuts nothing")
    }

    func guardSteps(_ node: NodeName) -> [Step] {
        (GuardFiles.all + (cluster[node].isControlPlane ? [GuardFiles.member] : [])).map { file in
            Step(
                .file(path: file.path, content: .text(file.text), mode: file.isProgram ? .program : .publicFile),
                because: file.because)
        }
    }
}
