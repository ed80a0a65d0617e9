import Foundation
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// The kernel's own firewalls in a network namespace, and the shells that a program is run in.
enum KernelFirewalls {
    static let shells = [["dash"], ["bash"], ["busybox", "sh"]]
    static let names = ["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"]
    static let canRun =
        getuid() == 0
        && [
            "/usr/bin/unshare", "/usr/sbin/iptables-nft", "/usr/sbin/iptables-legacy", "/usr/sbin/nft", "/usr/sbin/ip",
            "/usr/bin/busybox",
        ].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
}

/// What takes kube-proxy's rules out of a firewall, in a network namespace with the kernel's own: both back-ends, both
/// families.
@Suite(.enabled(if: KernelFirewalls.canRun, "needs root, unshare, both iptables, nft, ip and busybox"))
@ShellThread struct KubeProxyScriptTests {
    private let stage: Stage
    private let cleaning = "\"$@\" clean \"$(cat cilium-dbg)\""

    init() throws {
        stage = try Stage()
        try stage.write(Template.ciliumDbg.text(), to: "cilium-dbg")
        try answerOfCilium(#"{"kube-proxy-replacement": {"features": {"nodePort": {"mode": "SNAT"}}, "mode": "True"}}"#)
        for firewall in KernelFirewalls.names {
            try stage.command("\(firewall)-restore", "exec /usr/sbin/\(firewall)-restore \"$@\"")
        }
    }

    private func answerOfCilium(_ text: String) throws {
        try stage.command("k3s", "case \"$*\" in *crictl\\ ps*) echo c ;; *) echo '\(text)' ;; esac")
    }

    /// Runs a program in a namespace whose firewalls have all of `services`; `"$@"` in it is the script.
    private func run(_ program: String, services: Int, in shell: [String] = ["dash"]) throws -> Shell.Result {
        for (name, isIPv6) in [("v4", false), ("v6", true)] {
            try stage.write(KubeProxyRules(services: services, isIPv6: isIPv6).text, to: name)
        }
        let prepared = """
            cd '\(stage.folder.path)' && ip link set lo up || exit 90
            for firewall in \(KernelFirewalls.names.joined(separator: " ")); do
                case $firewall in ip6*) family=v6 ;; *) family=v4 ;; esac
                /usr/sbin/$firewall-restore <$family || exit 91
            done
            save() { # save NAME: without counters
                for firewall in \(KernelFirewalls.names.joined(separator: " ")); do
                    $firewall-save 2>/dev/null | sed -e '/^#/d' -e 's/ \\[.*//' >$1-$firewall
                done
            }
            save before
            \(program)
            status=$?
            save after
            exit $status
            """
        return try Shell.run(
            ["unshare", "--net", "dash", "-c", prepared, "test"] + shell
                + ["-c", Template.kubeProxyRules.text(), Template.kubeProxyRules.programName],
            commands: stage.commands)
    }

    private func lines(_ when: String, _ firewall: String) throws -> [String] {
        try Repository.text(stage.folder.appending(path: "\(when)-\(firewall)")).split(separator: "\n").map(String.init)
    }

    private func expectOnlyItsAreGone(_ services: Int) throws {
        for firewall in KernelFirewalls.names {
            let rules = KubeProxyRules(services: services, isIPv6: firewall.hasPrefix("ip6"))
            let before = try lines("before", firewall)
            let its = before.filter(rules.isIts)
            #expect(its.count > 7 * services, "\(firewall)")
            #expect(try lines("after", firewall) == before.filter { !rules.isIts($0) }, "\(firewall)")
        }
    }

    private func expectNothingChanged() throws {
        for firewall in KernelFirewalls.names {
            #expect(try lines("after", firewall) == lines("before", firewall), "\(firewall)")
        }
        #expect(!stage.calls.contains { $0.contains("-restore ") })
    }

    @Test(arguments: [(["dash"], 2000), (["bash"], 30), (["busybox", "sh"], 30)])
    func onlyItsOwnGoInOneLoadATableAndAllElseIsTheSameByteForByte(shell: [String], services: Int) throws {
        let watched = """
            watch() {
                while [ ! -e ended ]; do iptables-nft-save -t nat 2>/dev/null | grep -c '^:KUBE-S[VE]' >>seen; sleep 0.1; done
                iptables-nft-save -t nat 2>/dev/null | grep -c '^:KUBE-S[VE]' >>seen
            }
            watch & watcher=$!
            until [ -s seen ]; do sleep 0.1; done
            "$@" look >found && began=$(cut -d ' ' -f 1 /proc/uptime) && \(cleaning) && { \
                cut -d ' ' -f 1 /proc/uptime | awk -v b="$began" '{ print $1 - b }' >seconds; \
                "$@" look >left && "$@" is-clean; }
            status=$?
            : >ended
            wait $watcher
            (exit $status)
            """
        let result = try run(watched, services: services, in: shell)
        #expect(result.status == 0, "\(result.error)")
        try expectOnlyItsAreGone(services)
        for firewall in KernelFirewalls.names {
            let loads = stage.calls.filter { $0.hasPrefix("\(firewall)-restore ") }
            #expect(loads == Array(repeating: "\(firewall)-restore -w 5 --noflush", count: 3), "mangle, nat, filter")
        }
        let seen = try Repository.text(stage.folder.appending(path: "seen")).split(separator: "\n")
        // KUBE-SERVICES, and two chains for each Service; besides that of the site's.
        let all = "\(2 * services + 2)"
        #expect(Set(seen).isSubset(of: [Substring(all), "1"]), "never a part of them: \(Set(seen))")
        #expect(seen.first == Substring(all) && seen.last == "1")
        let found = try #require(
            KubeProxyQuestion(.init(status: 0, output: try Repository.text(stage.folder.appending(path: "found")))))
        #expect(found.services == services && found.tables.count == 12 && found.others.isEmpty)
        let its = try KernelFirewalls.names.reduce(0) { sum, firewall in
            let rules = KubeProxyRules(services: services, isIPv6: firewall.hasPrefix("ip6"))
            return sum + (try lines("before", firewall).count(where: rules.isIts))
        }
        #expect(found.rules + found.chains == its, "\(found.words)")
        #expect(try Repository.text(stage.folder.appending(path: "left")).isEmpty)
        if services > 100 {
            print("\(found.words): gone in \(try Repository.text(stage.folder.appending(path: "seconds"))) s")
        }
    }

    @Test(arguments: KernelFirewalls.shells) func aForeignRuleThatLeadsToItsChainsStopsAllOfIt(shell: [String]) throws {
        let chain = "KUBE-SEP-AAAAAAAAAAAAAAA3"
        let result = try run(
            "ip6tables-legacy -t nat -A site -g \(chain) && save before && \"$@\" look >found && \(cleaning)",
            services: 5, in: shell)
        #expect(result.status == 1)
        let found = try #require(
            KubeProxyQuestion(.init(status: 0, output: try Repository.text(stage.folder.appending(path: "found")))))
        #expect(found.foreign == ["ip6tables-legacy nat: -A site -g \(chain)"] && found.others.isEmpty)
        #expect(
            result.error.contains(
                "rules that are not kube-proxy's lead to its chains: ip6tables-legacy nat: -A site -g \(chain); nothing was"
            ))
        try expectNothingChanged()
    }

    /// Somebody's own jump from a built-in chain is no jump of kube-proxy's, whatever its comment says.
    @Test(arguments: [
        "-A INPUT -p tcp -m comment --comment 'kubernetes like' -j KUBE-SERVICES", "-A FORWARD -j KUBE-FORWARD",
        "-A OUTPUT -m comment --comment mine -j KUBE-SERVICES",
    ])
    func whatIsNotExactlyItsJumpIsForeign(rule: String) throws {
        let result = try run("iptables-nft \(rule) && save before && \(cleaning)", services: 1)
        #expect(
            result.status == 1 && result.error.contains("lead to its chains: iptables-nft filter: "), "\(result.error)")
        try expectNothingChanged()
    }

    @Test(arguments: KernelFirewalls.shells) func nothingGoesWhereItRuns(shell: [String]) throws {
        for port in [10249, 10256] {
            let listening = """
                busybox nc -l -p \(port) >/dev/null 2>&1 & nc=$!
                for wait in $(seq 50); do ! ss -Hltn | grep -q :\(port) || break; sleep 0.1; done
                "$@" look | head -n 1 >said; ! "$@" is-off && \(cleaning)
                status=$?; kill $nc; (exit $status)
                """
            let result = try run(listening, services: 2, in: shell)
            #expect(result.status == 1 && result.error.contains("kube-proxy still runs here"), "\(result.error)")
            #expect(try Repository.text(stage.folder.appending(path: "said")) == "running\n")
            try expectNothingChanged()
        }
    }

    @Test(arguments: [
        #"{"kube-proxy-replacement": {"mode": "False"}, "x": {"mode": "Partial"}}"#, "connection refused",
    ])
    func nothingGoesWhereCiliumDoesNotReplaceIt(said: String) throws {
        try answerOfCilium(said)
        let result = try run(cleaning, services: 2)
        #expect(
            result.status == 1 && result.error.contains("does not say that it replaces kube-proxy; nothing was changed")
        )
        try expectNothingChanged()
    }

    /// Whoever comes in between makes one load fail, which is then made from what is there by now.
    @Test func aLoadThatFailsIsMadeAnewOnce() throws {
        try stage.command(
            "iptables-nft-restore",
            "[ -e tried ] || { : >tried; iptables-nft -A KUBE-FORWARD -j RETURN; exit 4; }\n"
                + "exec /usr/sbin/iptables-nft-restore \"$@\"")
        #expect(try run(cleaning, services: 2).status == 0)
        try expectOnlyItsAreGone(2)
    }

    @Test(arguments: KernelFirewalls.shells) func whatWasCutGoesOnWhereItWas(shell: [String]) throws {
        try stage.command(
            "ip6tables-legacy-restore",
            "[ -e healed ] || { echo 'no such luck' >&2; exit 4; }\nexec /usr/sbin/ip6tables-legacy-restore \"$@\"")
        let twice = "\(cleaning) && exit 95; \"$@\" is-clean && exit 96; : >healed; \(cleaning)"
        let result = try run(twice, services: 3, in: shell)
        #expect(result.status == 0, "\(result.error)")
        #expect(
            result.error.contains("ip6tables-legacy does not take kube-proxy's chains out of table"), "\(result.error)")
        #expect(result.error.contains("no such luck"))
        try expectOnlyItsAreGone(3)
    }

    @Test(arguments: KernelFirewalls.shells) func tablesOfNftablesAndWhatIPVSMakesGoAsAWhole(shell: [String]) throws {
        try stage.command(
            "ipset", "[ \"$*\" != 'list -n' ] || printf '%s\\n' KUBE-CLUSTER-IP KUBE-6-NODE-PORT-TCP KUBE-SRC-X")
        try stage.command(
            "ipvsadm",
            """
            [ "$*" != '-S -n' ] || printf '%s\\n' '-A -t 10.43.0.1:443 -s rr' '-a -t 10.43.0.1:443 -r 10.0.0.1:6443 -m -w 1' \
                '-A -u [fd00:43::a]:53 -s rr' '-A -t 10.0.0.9:30080 -s rr' '-A -t 10.0.0.9:80 -s rr' '-A -t 10.0.0.8:30080 -s rr'
            """)
        let program = """
            mount -t sysfs none /sys && ip link add kube-ipvs0 type bridge && ip addr add 10.43.0.1/32 dev kube-ipvs0 &&
                ip addr add fd00:43::a/128 dev kube-ipvs0 nodad && ip addr add 10.0.0.9/32 dev lo || exit 92
            nft add table ip kube-proxy && nft add table ip6 kube-proxy && nft add table inet mine || exit 93
            "$@" look >found; \(cleaning) && nft list tables >tables && ! ip link show kube-ipvs0 2>/dev/null
            """
        let result = try run(
            "exec 3>&1; unshare --mount dash -c '\(program.replacing("'", with: "'\\''"))' x \"$@\"", services: 1,
            in: shell)
        #expect(result.status == 0, "\(result.error)")
        let found = try Repository.text(stage.folder.appending(path: "found"))
        #expect(
            found.hasSuffix(
                "nft ip kube-proxy\nnft ip6 kube-proxy\nipset KUBE-CLUSTER-IP\nipset KUBE-6-NODE-PORT-TCP\nlink kube-ipvs0\n"
            ))
        let tables = try Repository.text(stage.folder.appending(path: "tables"))
        #expect(tables.contains("inet mine") && !tables.contains("kube-proxy"))
        #expect(
            stage.calls.filter { $0.hasPrefix("ipset destroy") || $0.hasPrefix("ipvsadm -D") } == [
                "ipset destroy KUBE-CLUSTER-IP", "ipset destroy KUBE-6-NODE-PORT-TCP", "ipvsadm -D -t 10.43.0.1:443",
                "ipvsadm -D -u [fd00:43::a]:53", "ipvsadm -D -t 10.0.0.9:30080",
            ])
    }

    @Test(arguments: KernelFirewalls.shells) func theDifferenceIsAllThatGoesInParts(shell: [String]) throws {
        let result = try run(
            "for from in 1 8 15 22 29 36 43 50 57 64; do \"$@\" show iptables-legacy $from 7 >>shown; done",
            services: 4,
            in: shell)
        #expect(result.status == 0)
        let shown = try Repository.text(stage.folder.appending(path: "shown")).split(separator: "\n")
            .map { $0.split(separator: " ", maxSplits: 1)[1].replacing(" [0:0]", with: "") }
        let rules = KubeProxyRules(services: 4, isIPv6: false)
        let its = try lines("before", "iptables-legacy").filter(rules.isIts)
        #expect(shown.map(String.init) == its)
        try expectNothingChanged()
    }
}

/// Where it is said whether K3s runs kube-proxy, in the order in which K3s reads it.
@Suite @ShellThread struct KubeProxySettingsTests {
    struct Said: Sendable, CustomTestStringConvertible {
        let id: String
        var files: [String: String] = [:]
        var unit = ""
        let lines: [String]
        let isOff: Bool
        var overruled: String?
        var testDescription: String { id }
    }

    nonisolated static let table = [
        Said(id: "nowhere", lines: [], isOff: false),
        Said(
            id: "in the file", files: ["config.yaml": "disable-kube-proxy: true\n"], lines: ["true config.yaml"],
            isOff: true),
        Said(
            id: "a later one",
            files: [
                "config.yaml": "disable-kube-proxy: true\n",
                "config.yaml.d/70-site.yml": "  x: 1\ndisable-kube-proxy : 'false'\n",
            ], lines: ["true config.yaml", "false config.yaml.d/70-site.yml"], isOff: false),
        Said(
            id: "ours comes after it",
            files: [
                "config.yaml.d/70-site.yaml": "\"disable-kube-proxy\": false # x\n",
                "config.yaml.d/90-clusterctl-kube-proxy.yaml": "# Written\ndisable-kube-proxy: true\n",
            ], lines: ["false config.yaml.d/70-site.yaml", "true config.yaml.d/90-clusterctl-kube-proxy.yaml"],
            isOff: true),
        Said(
            id: "and one after ours",
            files: [
                "config.yaml.d/90-clusterctl-kube-proxy.yaml": "disable-kube-proxy: true\n",
                "config.yaml.d/95-late.yaml": "disable-kube-proxy: false\n",
            ], lines: ["true config.yaml.d/90-clusterctl-kube-proxy.yaml", "false config.yaml.d/95-late.yaml"],
            isOff: false,
            overruled: "/etc/rancher/k3s/config.yaml.d/95-late.yaml"),
        Said(
            id: "the unit", files: ["config.yaml": "disable-kube-proxy: true\n"],
            unit: "server --disable-kube-proxy=false",
            lines: ["true config.yaml", "false unit"], isOff: false, overruled: "the command line in its unit"),
        Said(id: "the unit alone", unit: "server --disable-kube-proxy --x", lines: ["true unit"], isOff: true),
        Said(id: "a longer word", unit: "server --disable-kube-proxy-x", lines: [], isOff: false),
    ]

    @Test(arguments: table, KernelFirewalls.shells) func theLastOneCounts(said: Said, shell: [String]) throws {
        let stage = try Stage()
        try stage.command(
            "systemctl", "echo 'ExecStart={ path=/x ; argv[]=/usr/local/bin/k3s \(said.unit) ; ignore_errors=no }'")
        for (name, text) in said.files { try stage.write(text, to: "k3s/\(name)") }
        let folder = stage.folder.appending(path: "k3s").path
        let result = try Shell.run(
            shell + ["-c", Template.kubeProxySettings.text(), "kube-proxy-settings", "k3s.service", folder],
            commands: stage.commands)
        #expect(result.status == 0, "\(result.error)")
        let output = result.output.replacing("\(folder)/", with: "")
        #expect(output.split(separator: "\n").map(String.init) == said.lines)
        let real = Answer(status: 0, output: result.output.replacing(folder, with: "/etc/rancher/k3s"))
        #expect(KubeProxySettingsQuestion.isOff(real) == said.isOff)
        #expect(KubeProxySettingsQuestion.overruled(real) == said.overruled)
    }
}
