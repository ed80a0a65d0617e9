import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering
@testable import SSH

private let canUnshare = geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare")

/// What the phases for names have done is taken back by the guard itself, on a machine whose `/etc` is a copy, whose
/// `/var/lib` and `/run` are empty, and which has no network. Its systemctl and its nmcli are stand-ins.
@Suite(.enabled(if: canUnshare, "needs root and unshare"))
@ShellThread struct DNSUndoTests {
    struct Machine: Sendable, CustomTestStringConvertible {
        let id: String
        let phase: PhaseID
        /// What is there before, as path and text.
        var files: [String] = []
        var testDescription: String { id }
    }

    nonisolated private static let machines = [
        Machine(id: "a node without names", phase: "dns"),
        Machine(
            id: "a node with other names", phase: "dns",
            files: [
                DNS.upstreamsFile, "forward . 192.0.2.9\n", "\(DNS.folder)/zone", "; earlier\n", DNS.manifest, "{}\n",
            ]),
        Machine(id: "a dnsmasq of others alone", phase: "dns-networkmanager"),
        Machine(
            id: "a dnsmasq with other servers", phase: "dns-networkmanager",
            files: [DNSNetworkManager.file, "server=/cluster.example.org/192.0.2.9\n"]),
    ]

    private static let scenario = """
        guard=$1 program=$2 phase=$3
        shift 3
        mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /run && mkdir /run/etc && cp -a /etc/. /run/etc &&
            mount --bind /run/etc /etc || exit
        mkdir -p /var/lib/clusterctl/guard /etc/NetworkManager/dnsmasq.d
        cp "$guard" /var/lib/clusterctl/guard/guard.sh
        echo 'nameserver 192.0.2.1' >/etc/resolv.conf
        echo 'server=/example.net/192.0.2.2' >/etc/NetworkManager/dnsmasq.d/others.conf
        while [ $# -gt 0 ]; do
            mkdir -p "${1%/*}" && printf %s "$2" >"$1"
            shift 2
        done
        state() {
            find /etc/NetworkManager /var/lib/clusterctl/dns /var/lib/clusterctl/dnsmasq /var/lib/rancher /run/loaded \\
                ! -type d -exec stat -c '%n %a' {} + -exec cksum {} + 2>/dev/null | sort
        }
        nmcli general reload dns-full
        state >/run/before
        sh -s <"$program" >/run/said
        state >/run/between
        ! cmp -s /run/before /run/between || { echo 'nothing was changed:'; cat /run/said; }
        sh /var/lib/clusterctl/guard/guard.sh rollback "$phase" >/run/said
        grep -q ' left=none$' /run/said || { cat /run/said; cat /var/lib/clusterctl/guard/log; }
        state | diff /run/before -
        """

    nonisolated private static let shells = ["dash", "bash", "busybox"].map { "/usr/bin/\($0)" }.filter {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test(arguments: machines, shells) func theNodeIsAsItWasBefore(_ machine: Machine, _ shell: String) throws {
        let inventory = try DNSTests.inventory()
        let plan = Plan(cluster: "small", order: Bootstrap.order(for: inventory))
        let work = try #require(plan.phases.first { $0.id == machine.phase }?.work.first)
        let stage = try Stage()
        try stage.command("systemctl", "exit 3")
        try stage.command("sleep", "exec /usr/bin/sleep 0.1")  // else each waits for the last sign of life
        try stage.command("nmcli", "cat /etc/NetworkManager/dnsmasq.d/*.conf >/run/loaded")
        let program = try ShellCompiler.apply(steps: work.steps, secrets: [:], nonce: "0123456789abcdef")
        try stage.write(program.text, to: "program")
        try stage.write(String(decoding: PackageResources.guard_sh, as: UTF8.self), to: "guard.sh")
        try FileManager.default.createSymbolicLink(
            atPath: stage.commands.appending(path: "sh").path, withDestinationPath: shell)
        // Threads of the tests block signals, and a shell that inherits that never hears of a child's end; bash lifts it.
        let unshare = #"exec unshare --net --mount --pid --fork --mount-proc sh -c "$@""#
        let result = try Shell.run(
            ["bash", "-c", unshare, "bash", Self.scenario, "scenario"]
                + ["guard.sh", "program"].map { stage.folder.appending(path: $0).path }
                + [machine.phase.rawValue] + machine.files,
            commands: stage.commands)
        #expect(result.output.isEmpty && result.status == 0, "\(result.output)\(result.error)")
    }
}
