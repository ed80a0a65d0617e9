import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

/// The programs on the node.
@ShellThread struct DNSScriptTests {
    private func run(_ template: Template, _ stage: Stage, _ words: [String], in shell: String) throws -> Shell.Result {
        try Shell.run(
            ["env", "CLUSTERCTL_ROOT=\(stage.folder.path)", shell, "-c", template.text(), template.programName] + words,
            commands: stage.commands)
    }

    @Test(arguments: ["sh", "bash"]) func upstreamsAreTheNodesOwnAndNeverCoreDNSItself(_ shell: String) throws {
        let stage = try Stage()
        let file = stage.folder.appending(path: "dns/upstreams.conf")
        let own = ["10.77.0.11", "10.77.0.12", "fd77::11"]
        func find(_ task: String) throws -> Int32 {
            try run(.findUpstreams, stage, [task, file.path] + own, in: shell).status
        }
        func upstreams() throws -> [Substring] {
            try #require(try find("note") == 0)
            #expect(try find("check") == 0)
            return try Repository.text(file).split(separator: "\n").filter { $0.hasPrefix("forward") }
        }
        try stage.command("systemctl", "exit 3")
        try stage.write("nameserver 127.0.0.53\n", to: "etc/resolv.conf")
        try stage.write("nameserver 192.0.2.1\n", to: "run/systemd/resolve/resolv.conf")
        #expect(try find("check") == 1)
        #expect(try upstreams() == [], "the list of a service that does not run is an old one")
        try stage.command("systemctl", "[ \"$3\" = systemd-resolved.service ]")
        try stage.write(
            "# A comment\nnameserver 10.77.0.11\nnameserver 10.77.0.12\nnameserver fd77::11\nnameserver 192.0.2.1\n"
                + "nameserver fd00::53\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch example.org\n",
            to: "run/systemd/resolve/resolv.conf")
        #expect(try find("check") == 1)
        #expect(try upstreams() == ["forward . 192.0.2.1 fd00::53 {"])
        try stage.command("systemctl", "exit 3")
        try stage.write("nameserver 10.77.0.1\nnameserver ::1\n", to: "etc/resolv.conf")
        #expect(try upstreams() == ["forward . 10.77.0.1 {"])
    }

    struct Machine: Sendable, CustomTestStringConvertible {
        let id: String
        var resolvConf = "nameserver 127.0.0.53\n"
        var nsswitch = "hosts: files dns\n"
        var active = ["systemd-resolved.service"]
        var servers = "Global:\nLink 2 (eth0): 192.0.2.1\n"
        var mode = "s \"default\""
        let word: String
        var testDescription: String { id }
    }

    @Test(arguments: [
        Machine(id: "Ubuntu's stub", word: "resolved"),
        Machine(
            id: "by glibc's own module", resolvConf: "nameserver 9.9.9.9\n",
            nsswitch: "hosts: files resolve [!UNAVAIL=return] dns\n", word: "resolved"),
        Machine(
            id: "ours are global", servers: "Global: 10.77.0.11 10.77.0.12\nLink 2 (eth0): fd00::53\n", word: "resolved"
        ),
        Machine(
            id: "theirs are global", servers: "Global: 9.9.9.9 10.77.0.11\nLink 2 (eth0): fd00::53\n",
            word: "resolved-global"),
        Machine(id: "no link has any", servers: "Global:\nLink 2 (eth0):\n", word: "resolved-global"),
        Machine(
            id: "it runs and nobody asks it", resolvConf: "nameserver 9.9.9.9\n",
            nsswitch: "hosts: files dns # resolve\n", word: "other"),
        Machine(
            id: "dnsmasq", resolvConf: "nameserver 127.0.0.1\n", active: ["NetworkManager.service"],
            mode: "s \"dnsmasq\"", word: "dnsmasq"),
        Machine(
            id: "NetworkManager alone", resolvConf: "nameserver 9.9.9.9\n", active: ["NetworkManager.service"],
            word: "networkmanager"),
        Machine(id: "a file", resolvConf: "nameserver 9.9.9.9\n", active: [], word: "other"),
    ])
    func whoFindsNamesIsKnown(_ machine: Machine) throws {
        let stage = try Stage()
        try stage.write(machine.resolvConf, to: "etc/resolv.conf")
        try stage.write(machine.nsswitch, to: "etc/nsswitch.conf")
        try stage.command(
            "systemctl", "case '\(machine.active.joined(separator: " "))' in *\"$3\"*) ;; *) exit 3 ;; esac")
        try stage.command("resolvectl", "printf '\(machine.servers.replacing("\n", with: "\\n"))'")
        try stage.command("busctl", "echo '\(machine.mode)'")
        for shell in ["sh", "bash"] {
            let said = try run(.resolver, stage, ["10.77.0.11", "10.77.0.12"], in: shell)
            #expect(said.output == machine.word + "\n" && said.status == 0, "\(shell): \(said.error)")
        }
    }

    @Test(arguments: ["sh", "bash"]) func resolvedIsStartedAnewWhereItAsksOthers(_ shell: String) throws {
        let stage = try Stage()
        let words = ["cluster.example.org", "10.77.0.12", "10.77.0.11"]
        func status(_ task: String, servers: String, domains: String) throws -> Int32 {
            try stage.command("systemctl", "")
            try stage.command(
                "resolvectl",
                "case $1 in dns) echo 'Global: \(servers)' ;; domain) echo 'Global: \(domains)' ;; esac\necho 'Link 2 (eth0): x'"
            )
            return try run(.loadResolved, stage, [task] + words, in: shell).status
        }
        let domain = "~cluster.example.org"
        #expect(try status("check", servers: "10.77.0.11 10.77.0.12", domains: "example.org \(domain)") == 0)
        #expect(try status("load", servers: "10.77.0.11 10.77.0.12", domains: domain) == 0)
        #expect(!stage.calls.contains { $0.hasPrefix("systemctl") })
        for (servers, domains) in [
            ("", ""), ("10.77.0.11", domain), ("10.77.0.11 10.77.0.12 10.77.0.13", domain),
            ("10.77.0.11 10.77.0.12", "~other.example.org"), ("10.77.0.11 10.77.0.12", "cluster.example.org"),
        ] {
            #expect(try status("check", servers: servers, domains: domains) == 1, "\(servers), \(domains)")
        }
        #expect(try status("load", servers: "", domains: "") == 0)
        #expect(stage.calls.last == "systemctl restart systemd-resolved.service")
    }

    @Test(arguments: ["sh", "bash"]) func dnsmasqIsStartedAnewWhenItsFileIsAnother(_ shell: String) throws {
        let stage = try Stage()
        let words = ["clusterctl.conf", "run/loaded"].map { stage.folder.appending(path: $0).path }
        let status = { (task: String) in try run(.loadDnsmasq, stage, [task] + words, in: shell).status }
        try stage.command("nmcli", "")
        try stage.write("server=/a/1\n", to: "clusterctl.conf")
        #expect(try [status("check"), status("load"), status("check")] == [1, 0, 0])
        try FileManager.default.removeItem(atPath: words[0])
        #expect(try status("check") == 1)
        try stage.write("server=/a/1\n", to: "clusterctl.conf")
        #expect(
            try [status("check"), status("load"), status("check")] == [1, 0, 0], "meanwhile it was there without it")
        #expect(stage.calls == ["nmcli general reload dns-full", "nmcli general reload dns-full"])
        try stage.command("nmcli", "exit 8")
        try stage.write("server=/a/3\n", to: "clusterctl.conf")
        #expect(try [status("load"), status("check")] == [8, 1], "what was not loaded is not noted")
    }
}
