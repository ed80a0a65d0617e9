import Foundation
import Testing

@testable import Rendering

/// The programs of an upgrade, against a `k3s` that keeps one node as files.
@ShellThread struct UpgradeScriptTests {
    private let stage: Stage
    nonisolated static let shells = [["dash"], ["bash"], ["busybox", "ash"]]

    init() throws {
        stage = try Stage()
        let folder = stage.folder.path
        try stage.write("", to: "annotation")
        try stage.write("", to: "unschedulable")
        try stage.command(
            "k3s",
            """
            cd '\(folder)'
            [ ! -e down ] || { echo 'connection refused' >&2; exit 1; }
            case "$*" in
                *' get node '*) printf '%s %s' "$(cat annotation)" "$(cat unschedulable)" ;;
                *' --type=json '*)
                    [ ! -e ended ] || : >annotation
                    kept=$(sed -n s/^draining//p annotation)
                    grep -q ^draining annotation || { echo 'the test operation failed' >&2; exit 1; }
                    echo "drained$kept" >annotation
                    ;;
                *' patch node '*)
                    value=${*##*clusterctl.dev/drain\\":} value=${value%%\\}*}
                    case $value in null) : >annotation ;; *) echo "$value" | tr -d '"' >annotation ;; esac
                    value=${*##*unschedulable\\":} value=${value%%\\}*}
                    case $value in null) : >unschedulable ;; *) echo "$value" >unschedulable ;; esac
                    ;;
                'kubectl drain '*) [ ! -e stuck ] || { echo 'error: timed out' >&2; exit 1; } ;;
                'etcd-snapshot save --name '*) [ -e unlisted ] || echo "$4-dpu-01-$(date +%s) file:///x 1 now" >>snapshots ;;
                'etcd-snapshot ls') echo 'Name Location Size Created'; cat snapshots 2>/dev/null ;;
            esac
            """)
    }

    private func run(_ template: Template, _ arguments: [String], in shell: [String]) throws -> Shell.Result {
        try Shell.run(shell + ["-c", template.text(), template.programName] + arguments, commands: stage.commands)
    }

    private func node() throws -> String {
        let words = try ["annotation", "unschedulable"].map { name in
            try Repository.text(stage.folder.appending(path: name)).filter { !$0.isWhitespace }
        }
        return words.joined(separator: " ")
    }

    @Test(arguments: shells) func aNodeIsCordonedDrainedAndUncordoned(shell: [String]) throws {
        #expect(try run(.drain, ["drain", "w", "--timeout=9s", "--force"], in: shell).status == 0)
        #expect(stage.calls.contains("k3s kubectl drain w --ignore-daemonsets --timeout=9s --force"))
        #expect(try node() == "drained true")
        #expect(try run(.drain, ["uncordon", "w"], in: shell).status == 0)
        #expect(try node() == " ")
    }

    @Test(arguments: shells) func aDrainThatFailsIsNotDoneAndCanBeEnded(shell: [String]) throws {
        try stage.write("", to: "stuck")
        let result = try run(.drain, ["drain", "w"], in: shell)
        #expect(result.status == 1 && result.error.contains("timed out"))
        #expect(try node() == "draining true")
        #expect(try run(.drain, ["uncordon", "w"], in: shell).status == 0)
        #expect(try node() == " ")
    }

    @Test(arguments: shells) func whatSomebodyElseHasCordonedStaysSo(shell: [String]) throws {
        try stage.write("true", to: "unschedulable")
        try stage.write("", to: "stuck")
        _ = try run(.drain, ["drain", "w"], in: shell)
        try FileManager.default.removeItem(at: stage.folder.appending(path: "stuck"))
        // Begun again by the next run, which finds it cordoned by the first one.
        #expect(try run(.drain, ["drain", "w"], in: shell).status == 0)
        #expect(try node() == "drained-cordoned true")
        #expect(try run(.drain, ["uncordon", "w"], in: shell).status == 0)
        #expect(try node() == " true")
    }

    @Test(arguments: shells) func whoCannotBeAskedIsNeitherDrainedNorUncordoned(shell: [String]) throws {
        try stage.write("", to: "down")
        for task in ["drain", "uncordon"] {
            #expect(try run(.drain, [task, "w"], in: shell).status == 1, "\(task)")
        }
    }

    @Test(arguments: shells) func aDrainThatWasEndedMeanwhileCordonsNobody(shell: [String]) throws {
        try stage.write("", to: "ended")
        #expect(try run(.drain, ["drain", "w"], in: shell).status == 1)
        #expect(stage.calls.filter { $0.contains(" patch ") }.count == 2)
        #expect(stage.calls.last?.contains("unschedulable") == false)
        #expect(try node().hasPrefix(" "), "the annotation stays as whoever ended it left it")
    }

    @Test(arguments: shells) func allOthersHaveToServe(shell: [String]) throws {
        let folder = stage.folder.path
        try stage.command(
            "k3s",
            """
            echo 'a warning' >&2
            case "$*" in *--server=https://c:6443*) [ ! -e '\(folder)/silent' ] || exit 1 ;; esac
            echo ok
            """)
        try stage.command("systemctl", "cat '\(folder)/state'")
        try stage.write("ActiveState=active", to: "state")
        try stage.write("new", to: "file")
        try stage.write("old file", to: "units/k3s.service")
        _ = try Shell.run(["ln", "-sfn", "/v2/k3s", "\(folder)/link"])
        func ask(_ seconds: String, files: String? = nil) throws -> Shell.Result {
            let text = Template.othersServe.text().replacing("/var/lib/clusterctl", with: folder)
            let files = files ?? "\(folder)/file \(folder)/link \(folder)/gone"
            return try Shell.run(
                shell + [
                    "-c", text, "others-serve", seconds, "k3s.service", files, "b=https://b:6443", "c=https://c:6443",
                ],
                commands: stage.commands)
        }
        func asked() -> Int { stage.calls.count { $0.hasPrefix("k3s ") } }
        #expect(try ask("0").status == 0)
        #expect(asked() == 2, "it is about to be restarted, because its files are others")
        try stage.write("", to: "silent")
        let result = try ask("0")
        #expect(result.status == 1)
        #expect(result.error == "c does not serve; this node is not stopped as well\n")
        #expect(try ask("1").status == 1, "after another look")
        // What it runs with is what is there: nothing will be stopped, and nobody has to be asked.
        let digest = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437"
        try stage.write(
            "\(digest) \(folder)/file\n/v2/k3s \(folder)/link\nabsent \(folder)/gone\n", to: "units/k3s.service")
        let before = asked()
        #expect(try ask("0").status == 0)
        #expect(asked() == before)
        try stage.write("ActiveState=failed", to: "state")
        #expect(try ask("0").status == 1, "one that does not run is about to be started")
        try stage.write("ActiveState=active", to: "state")
        try stage.write("", to: "units/k3s.service")
        #expect(try ask("0", files: "").status == 1, "one that is stopped for good, whatever it runs with")
    }

    @Test(arguments: shells) func onlyWhatCanBeInTheWayIsTold(shell: [String]) throws {
        func pod(
            _ name: String, _ owner: String, _ mirror: String = "", _ phase: String = "Running", _ volumes: String = ""
        )
            -> String
        { "d\t\(name)\tw\t\(owner)\t\(mirror)\t\(phase)\t\(volumes)\t{}\n" }
        try stage.write("d\tfull\t0\t{}\nd\troom\t1\t{}\nd\tnew\t\t{}\n", to: "budgets")
        try stage.write(
            pod("kept", "ReplicaSet") + pod("daemon", "DaemonSet") + pod("file", "Node", "hash")
                + pod("done", "Job", "", "Succeeded")
                + pod("alone", "") + pod("local", "ReplicaSet", "", "Running", "cache ")
                + "d\tpending\t\t\t\tPending\t\t{}\n",
            to: "pods")
        try stage.command(
            "k3s",
            """
            cd '\(stage.folder.path)'
            [ ! -e down ] || exit 1
            case "$*" in *poddisruptionbudgets*) cat budgets ;; *) cat pods ;; esac
            """)
        let told = try run(.disruption, [], in: shell)
        #expect(
            told.output == "budget\td\tfull\t{}\nbudget\td\tnew\t{}\npod\td\tkept\tw\tkept\t{}\n"
                + "pod\td\talone\tw\talone\t{}\npod\td\tlocal\tw\tlocal\t{}\n")
        #expect(stage.calls.joined().contains(".metadata.labels"))
        try stage.write("d\troom\t1\t{}\n", to: "budgets")
        let short = try run(.disruption, [], in: shell)
        #expect(short.output == "pod\td\talone\tw\talone\t{}\npod\td\tlocal\tw\tlocal\t{}\n")
        let times = stage.calls.joined().components(separatedBy: ".metadata.labels").count - 1
        #expect(times == 1, "labels are most of what there is to tell")
        try stage.write("", to: "down")
        #expect(try run(.disruption, [], in: shell).status == 1)
    }

    @Test(arguments: shells) func aSnapshotIsTakenOnceAndMustBeListed(shell: [String]) throws {
        #expect(try run(.etcdSnapshot, ["listed", "before-x"], in: shell).status == 1)
        #expect(try run(.etcdSnapshot, ["take", "before-x"], in: shell).status == 0)
        #expect(try run(.etcdSnapshot, ["listed", "before-x"], in: shell).status == 0)
        #expect(try run(.etcdSnapshot, ["listed", "before"], in: shell).status == 0, "names go on behind a hyphen")
        #expect(try run(.etcdSnapshot, ["listed", "x"], in: shell).status == 1)
        try stage.write("before-z-dpu-01-1700000000 file:///x 1 then\n", to: "snapshots")
        #expect(try run(.etcdSnapshot, ["listed", "before-z"], in: shell).status == 1, "an old one is not the one")
        try stage.write("", to: "unlisted")
        let result = try run(.etcdSnapshot, ["take", "before-y"], in: shell)
        #expect(result.status == 1 && result.error.contains("does not list it"))
    }

    @Test(arguments: shells) func aProgramIsAskedForItsVersionAndItsSettings(shell: [String]) throws {
        try stage.command(
            "k3s-new",
            """
            case "$*" in
                --version) echo 'k3s version v1.36.1+k3s1 (abc)' ;;
                'agent --help') printf '   --node-name value  name\\n   --node-ip value, -i value\\n   --debug\\n' ;;
                *) exit 1 ;;
            esac
            """)
        let binary = stage.commands.appending(path: "k3s-new").path
        func ask(_ version: String, _ keys: String...) throws -> Shell.Result {
            try run(.newVersion, [binary, version, "agent"] + keys, in: shell)
        }
        #expect(try ask("v1.36.1+k3s1", "node-name", "node-ip", "debug").status == 0)
        #expect(try ask("v1.36.1+k3s2").error.contains("says: k3s version v1.36.1+k3s1"))
        #expect(try ask("v1.36.1+k3s1", "node-name", "node", "gone").error.hasSuffix("any more: node gone\n"))
        let none = try run(.newVersion, ["/nowhere/k3s", "v1.36.1+k3s1", "agent"], in: shell)
        #expect(none.status == 1)
    }
}
