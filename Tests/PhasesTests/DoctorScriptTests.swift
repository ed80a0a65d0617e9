import Engine
import Foundation
import Testing

@testable import Phases
@testable import Rendering

/// The programs of `diff` and `doctor`, in real shells, over a folder that stands for a node's root.
@ShellThread struct DoctorScriptTests {
    private nonisolated static let shells = [["dash"], ["bash"], ["busybox", "sh"]]

    private func run(_ template: Template, _ stage: Stage, in shell: [String]) throws -> Answer {
        let root = stage.folder.appending(path: "root").path
        let result = try Shell.run(
            shell + ["-c", template.text(), template.programName, root], commands: stage.commands)
        #expect(result.status == 0, "\(result.error)")
        return Answer(status: result.status, output: result.output, error: result.error)
    }

    @Test(arguments: shells) func namesForeignFiles(shell: [String]) throws {
        let stage = try Stage()
        for path in [
            "etc/rancher/k3s/config.yaml.d/a b.yaml", "etc/rancher/k3s/config.yaml.d/note.txt",
            "etc/systemd/system/k3s-agent.service.d/x.conf", "var/lib/rancher/k3s/server/manifests/coredns.yaml",
            "var/lib/rancher/k3s/server/manifests/mine.yaml",
        ] { try stage.write("x: 1\n", to: "root/\(path)") }
        let answer = try run(.foreignFiles, stage, in: shell)
        #expect(
            answer.output == """
                config /etc/rancher/k3s/config.yaml.d/a b.yaml
                unit /etc/systemd/system/k3s-agent.service.d/x.conf
                manifest /var/lib/rancher/k3s/server/manifests/mine.yaml

                """)
        #expect(ForeignFilesQuestion.files(answer, without: []).count == 3)
        try stage.command("nothing", "")
        let empty = try Stage()
        #expect(try run(.foreignFiles, empty, in: shell).output == "")
    }

    @Test(arguments: shells) func bringsManifestsLineByLine(shell: [String]) throws {
        let stage = try Stage()
        try stage.write("a: 1\nb: 2", to: "root/etc/rancher/k3s/config.yaml")
        try stage.write("", to: "root/etc/rancher/k3s/config.yaml.d/empty.yaml")
        try stage.write(
            String(repeating: "x", count: 300_000), to: "root/var/lib/rancher/k3s/server/manifests/large.yaml")
        try stage.write("file 9 x\n", to: "root/var/lib/rancher/k3s/server/manifests/odd.yaml")
        let files = ManifestsQuestion.files(try run(.manifests, stage, in: shell))
        #expect(
            files.map(\.path) == [
                "/etc/rancher/k3s/config.yaml", "/etc/rancher/k3s/config.yaml.d/empty.yaml",
                "/var/lib/rancher/k3s/server/manifests/odd.yaml",
            ])
        #expect(files.map(\.text) == ["a: 1\nb: 2\n", "", "file 9 x\n"])
    }

    @Test(arguments: shells) func saysHowDisksAndMemoryAre(shell: [String]) throws {
        let stage = try Stage()
        try stage.command(
            "df",
            "echo Filesystem; echo '/dev/a 100 60 40 61% /'; echo '/dev/a 100 60 40 61% /'; echo '/dev/b 9 8 1 95% /var/lib/rancher'"
        )
        let health = try #require(HealthQuestion(try run(.health, stage, in: shell)))
        // busybox has a df of its own, which it prefers: what that says is this machine's.
        if shell[0] == "busybox" {
            #expect(health.disks.first?.mount == "/")
        } else {
            #expect(
                health.disks.map(\.usedPercent) == [61, 95] && health.disks.map(\.mount) == ["/", "/var/lib/rancher"])
        }
        #expect((health.memory?.totalKiB ?? 0) > 1000)
    }

    @Test(arguments: shells) func gathersInSectionsWithTheSecretsFirst(shell: [String]) throws {
        let stage = try Stage()
        try stage.write("K10abc::server:x", to: "root/etc/rancher/k3s/token")
        try stage.write("bgp-secret\n", to: "root/var/lib/clusterctl/bgp/edge.password")
        try stage.write("next-secret\n", to: "root/var/lib/clusterctl/token/next")
        try stage.write("old-secret\n", to: "root/var/lib/clusterctl/token/old")
        try stage.write("token: y", to: "root/etc/rancher/k3s/config.yaml")
        try stage.write("m: 1\n", to: "root/var/lib/rancher/k3s/server/manifests/m.yaml")
        for name in ["journalctl", "nft", "ip", "systemctl", "curl", "k3s"] {
            try stage.command(name, "echo \"section 1 fake of \(name) $*\"; echo wrong >&2; exit 3")
        }
        for name in [
            "iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save", "iptables-save",
            "ip6tables-save",
        ] {
            try stage.command(name, "echo '*nat'; seq 1 5000")
        }
        let sections = GatherQuestion.sections(try run(.gather, stage, in: shell))
        let byName = Dictionary(sections.map { ($0.name, $0.text) }) { first, _ in first }
        #expect(sections.first?.name == GatherQuestion.secrets && sections.last?.name == GatherQuestion.end)
        #expect(
            byName["secrets"]?.split(separator: "\n") == [
                "K10abc::server:x", "bgp-secret", "next-secret", "old-secret",
            ], "\(byName["secrets"] ?? "")")
        #expect(byName["configuration"]?.hasPrefix("==> /etc/rancher/k3s/config.yaml\ntoken: y\n") == true)
        #expect(
            byName["manifests"]?.contains("m: 1") == true && byName["journal-k3s"]?.contains("(exit status 3)") == true)
        #expect(byName["journal-k3s"]?.contains("wrong") == true)
        let rules = byName["iptables-nft-save"]?.split(separator: "\n") ?? []
        #expect(rules.count == 1500 && rules.last == "5000", "the last lines count")
        #expect(byName["etcd-health"] != nil && byName["cilium"] != nil)
    }

    @Test(arguments: shells) func gathersTheRestWhereTheAPIHangs(shell: [String]) throws {
        let stage = try Stage()
        try stage.write("m: 1\n", to: "root/var/lib/rancher/k3s/server/manifests/m.yaml")
        let log = stage.folder.appending(path: "log").path
        for name in ["journalctl", "nft", "ip", "systemctl", "curl"] { try stage.command(name, "echo \(name)") }
        try stage.command(
            "k3s",
            "case $* in *kubectl*) echo \"$*\" >>'\(log)'; exec sleep 30 ;; *ps*) echo c1 ;; *) echo status ;; esac")
        let start = ContinuousClock.now
        let sections = GatherQuestion.sections(try run(.gather, stage, in: shell))
        #expect(ContinuousClock.now - start < .seconds(18))
        let asked = try String(contentsOfFile: log, encoding: .utf8)
        #expect(asked == "kubectl --request-timeout=3s get nodes -o wide\n")
        let byName = Dictionary(sections.map { ($0.name, $0.text) }) { first, _ in first }
        #expect(byName["cilium"] == "status\n" && byName["journal-k3s"] == "journalctl\n")
        for name in ["pods", "events", "helmcharts"] { #expect(byName[name]?.hasPrefix("not asked") == true) }
        let names = sections.map(\.name)
        #expect(try #require(names.firstIndex(of: "cilium")) < #require(names.firstIndex(of: "nodes")))
        #expect(names.last == GatherQuestion.end)
    }

    @Test(arguments: shells) func aSectionHasALimitAndWholeLines(shell: [String]) throws {
        let stage = try Stage()
        let line = String(repeating: "x", count: 400)
        let text = String(repeating: line + "\n", count: 1500)
        try stage.write(text, to: "long")
        try stage.write(text, to: "root/etc/rancher/k3s/config.yaml")
        for name in ["journalctl", "nft", "ip", "systemctl", "curl", "k3s"] { try stage.command(name, "echo x") }
        try stage.command("journalctl", "cat '\(stage.folder.appending(path: "long").path)'")
        let sections = GatherQuestion.sections(try run(.gather, stage, in: shell))
        let byName = Dictionary(sections.map { ($0.name, $0.text) }) { first, _ in first }
        let journal = try #require(byName["journal-k3s"])
        #expect(journal.utf8.count <= 100_000 && journal.utf8.count > 99_000)
        #expect(journal.split(separator: "\n").allSatisfy { $0 == line })
        let configuration = try #require(byName["configuration"])
        #expect(configuration.hasPrefix("==> ") && configuration.utf8.count <= 100_001)
    }

    /// Of bash it is not asked: that runs what is for EXIT by itself.
    @Test(arguments: [["dash"], ["busybox", "sh"]]) func leavesNothingWhereItIsEnded(shell: [String]) throws {
        let stage = try Stage()
        try stage.write("", to: "scratch/.keep")
        let (scratch, mark) = (stage.folder.appending(path: "scratch").path, stage.folder.appending(path: "mark").path)
        for name in ["journalctl", "nft", "ip", "curl", "k3s"] { try stage.command(name, "echo x") }
        // No applet of busybox, which it would prefer.
        try stage.command("systemctl", "touch '\(mark)'; sleep 1")
        let program = """
            mark=$1 scratch=$2 template=$3; shift 3
            TMPDIR=$scratch "$@" -c "$template" gather /nowhere >/dev/null 2>&1 &
            for wait in 1 2 3 4 5 6 7 8 9; do [ -e "$mark" ] || sleep 1; done
            ls "$scratch" | wc -l
            kill -TERM $!
            wait $!
            echo "status $?"
            ls "$scratch"
            """
        let result = try Shell.run(
            ["bash", "-c", program, "test", mark, scratch, Template.gather.text()] + shell, commands: stage.commands)
        // There was a file, and none is left; with which status it ended depends on where it was told to.
        let lines = result.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(lines.count == 2 && lines.first == "1" && lines.last?.hasPrefix("status ") == true, "\(lines)")
    }
}
