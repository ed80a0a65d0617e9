import Foundation
import Testing

@testable import Rendering

/// The programs of `verify`, against stand-ins for what they ask.
@ShellThread struct VerificationScriptTests {
    private nonisolated static let shells = [["dash"], ["bash"], ["busybox", "sh"]]

    private func run(
        _ template: Template, _ arguments: [String], _ stage: Stage, in shell: [String] = ["sh"]
    ) throws -> Shell.Result {
        try Shell.run(shell + ["-c", template.text(), template.programName] + arguments, commands: stage.commands)
    }

    // MARK: kube-proxy-rules

    @Test(arguments: shells) func namesWhatIsKubeProxysAndNothingElse(shell: [String]) throws {
        let stage = try Stage()
        try stage.command(
            "iptables-nft-save",
            """
            printf '%s\\n' '*mangle' ':PREROUTING ACCEPT [0:0]' ':KUBE-IPTABLES-HINT - [0:0]' ':KUBE-KUBELET-CANARY - [0:0]' \
                COMMIT '*nat' ':KUBE-SERVICES - [0:0]' ':KUBE-SVC-ABCDEFGHIJKLMNOP - [0:0]' ':KUBE-SEP-ABCDEFGHIJKLMNOP - [0:0]' \
                ':KUBE-SERVICESX - [0:0]' ':KUBE-SVC-of-a-site - [0:0]' \
                '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES' \
                '-A KUBE-SERVICES -j KUBE-SVC-ABCDEFGHIJKLMNOP' COMMIT \
                '*filter' ':KUBE-FIREWALL - [0:0]' ':CILIUM_INPUT - [0:0]' ':KUBE-FORWARD - [0:0]' COMMIT
            """)
        for quiet in ["ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save"] {
            try stage.command(quiet, "exit 1")
        }
        try stage.command("nft", "echo 'table ip nat'; echo 'table ip kube-proxy'")
        let result = try run(.kubeProxyRules, ["look"], stage, in: shell)
        #expect(result.status == 0, "\(result.error)")
        #expect(
            result.output == """
                iptables-nft nat rules=1 chains=3 jumps=1 services=1 KUBE-SERVICES
                iptables-nft filter rules=0 chains=1 jumps=0 services=0 KUBE-FORWARD
                nft ip kube-proxy

                """)
    }

    @Test(arguments: shells) func saysNothingWhereNothingIsLeft(shell: [String]) throws {
        let stage = try Stage()
        for quiet in ["iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save"] {
            try stage.command(quiet, "printf '%s\\n' '*filter' ':KUBE-FIREWALL - [0:0]' COMMIT")
        }
        try stage.command("nft", "true")
        let result = try run(.kubeProxyRules, ["look"], stage, in: shell)
        #expect(result.status == 0 && result.output.isEmpty)
    }

    // MARK: pause-k3s and resume-k3s

    /// A systemd that notes what it is asked; the timer is as given.
    private func systemd(timer: String, elapses: String, run: String = "exit 0") throws -> Stage {
        let stage = try Stage()
        try stage.command(
            "systemctl",
            """
            case "$*" in
                "is-active clusterctl-failover.timer") echo \(timer) ;;
                show*) echo "NextElapseUSecMonotonic=\(elapses)" ;;
            esac
            """)
        try stage.command("systemd-run", run)
        return stage
    }

    @Test(arguments: shells) func stopsOnlyWhenTheTimerThatStartsAgainHasBeenReadBack(shell: [String]) throws {
        let stage = try systemd(timer: "active", elapses: "2d 3h 4min")
        #expect(try run(.pauseK3s, ["k3s.service", "120"], stage, in: shell).status == 0)
        let calls = stage.calls
        let timer = try #require(calls.firstIndex { $0.hasPrefix("systemd-run ") })
        let asked = try #require(calls.firstIndex(of: "systemctl is-active clusterctl-failover.timer"))
        let stop = try #require(calls.firstIndex(of: "systemctl stop k3s.service"))
        #expect(timer < asked && asked < stop && stop == calls.count - 1)
        #expect(calls[timer].contains("--on-active=120s") && calls[timer].contains("AccuracySec=1s"))
        #expect(calls[timer].hasSuffix("systemctl start k3s.service"))
    }

    @Test(arguments: [
        ("inactive", "2d 3h", "exit 0"), ("active", "infinity", "exit 0"), ("active", "", "exit 0"),
        ("active", "2d 3h", "echo 'Failed to start transient timer unit' >&2; exit 1"),
    ])
    func stopsNothingWithoutTheTimer(_ timer: String, _ elapses: String, _ run: String) throws {
        let stage = try systemd(timer: timer, elapses: elapses, run: run)
        let result = try self.run(.pauseK3s, ["k3s.service", "120"], stage)
        #expect(result.status != 0 && !result.error.isEmpty)
        #expect(!stage.calls.contains("systemctl stop k3s.service"))
    }

    @Test(arguments: shells) func startsBeforeItTakesTheTimerBack(shell: [String]) throws {
        let stage = try systemd(timer: "active", elapses: "2d")
        #expect(try run(.resumeK3s, ["k3s.service"], stage, in: shell).status == 0)
        #expect(
            stage.calls.prefix(2) == [
                "systemctl start --no-block k3s.service", "systemctl stop clusterctl-failover.timer",
            ])
        try stage.command("systemctl", "exit 1")
        #expect(try run(.resumeK3s, ["k3s.service"], stage, in: shell).status == 1)
        #expect(stage.calls.last == "systemctl start --no-block k3s.service", "the timer stays, for it is still needed")
    }
}
