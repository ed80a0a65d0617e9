import Foundation
import Testing

@testable import Rendering

/// The program that the controller's jobs run on a node, against a node of files.
@ShellThread struct TurnScriptTests {
    private let stage: Stage
    nonisolated static let shells = [["dash"], ["bash"], ["busybox", "ash"]]

    init() throws {
        stage = try Stage()
        for version in ["v1", "v2"] {
            try stage.write("", to: "usr/local/lib/clusterctl/k3s/\(version)/k3s")
            _ = try Shell.run(["chmod", "755", "\(stage.folder.path)/usr/local/lib/clusterctl/k3s/\(version)/k3s"])
        }
        try stage.write("a: b", to: "etc/rancher/k3s/config.yaml")
        try stage.write("[Unit]", to: "etc/systemd/system/k3s.service")
        try stage.write("", to: "usr/local/bin/other")
        _ = try Shell.run(["ln", "-s", "/usr/local/lib/clusterctl/k3s/v1/k3s", link])
        try stage.write("active", to: "state")
        // What becomes of the unit, or of the letter, when it is started anew.
        try stage.write("", to: "restart")
        try stage.command(
            "systemctl",
            """
            cd '\(stage.folder.path)'
            case "$*" in
                *NeedDaemonReload*) echo NeedDaemonReload=yes ;;
                show*) printf 'ActiveState=%s\\nJob=%s\\n' "$(cat state)" "$(cat job 2>/dev/null)" ;;
                restart*) . ./restart ;;
            esac
            """)
        try stage.command("k3s", "[ ! -e '\(stage.folder.path)/silent' ] || exit 1; echo ok")
    }

    private var link: String { "\(stage.folder.path)/usr/local/bin/k3s" }

    /// With less patience: minutes are more than a test may take, and busybox has a clock and a sleep of its own.
    private func turn(_ arguments: [String], in shell: [String]) throws -> Shell.Result {
        let text = Template.turn.text()
        #expect(text.contains("$(seconds) + 120)") && text.contains("$(seconds) + 60)"))
        let hasty = text.replacing("$(seconds) + 120)", with: "$(seconds) + 4)")
            .replacing("$(seconds) + 60)", with: "$(seconds) + 1)")
        return try Shell.run(
            ["env", "CLUSTERCTL_ROOT=\(stage.folder.path)"] + shell + ["-c", hasty, "turn"] + arguments,
            commands: stage.commands)
    }

    private var leads: String { (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) ?? "" }
    private func isThere(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(stage.folder.path)/\(name)")
    }
    private var restarts: Int { stage.calls.count { $0.hasPrefix("systemctl restart") } }

    @Test(arguments: shells) func withoutALetterNothingIsChanged(shell: [String]) throws {
        let result = try turn(["take", "v2"], in: shell)
        #expect(result.status == 1 && result.error.contains("has not let the controller change this node"))
        #expect(leads.hasSuffix("v1/k3s") && restarts == 0)
    }

    @Test(arguments: shells) func aLetterThatComesAfterTheJobIsWaitedFor(shell: [String]) throws {
        let folder = stage.folder.path
        try stage.write("version v2\nunit k3s.service\nseconds 5\n", to: "late")
        let comes =
            "sleep 1; mkdir -p '\(folder)/var/lib/clusterctl'; cp '\(folder)/late' '\(folder)/var/lib/clusterctl/turn'"
        _ = try Shell.run(["sh", "-c", "(\(comes)) >/dev/null 2>&1 &"])
        #expect(try turn(["take", "v2"], in: shell).status == 0)
        #expect(leads.hasSuffix("v2/k3s") && restarts == 1)
    }

    @Test(arguments: shells) func aTurnIsTakenOnceAndMayBeRunAgain(shell: [String]) throws {
        #expect(try turn(["is-at", "v2", "k3s.service"], in: shell).status == 1)
        #expect(try turn(["let", "v2", "k3s.service", "5", "b=https://b:6443"], in: shell).status == 0)
        #expect(isThere("var/lib/clusterctl/turn") && leads.hasSuffix("v1/k3s"), "leave alone changes nothing")
        #expect(try turn(["is-at", "v2", "k3s.service"], in: shell).status == 1)
        #expect(try turn(["take", "v2"], in: shell).status == 0)
        #expect(leads == "/usr/local/lib/clusterctl/k3s/v2/k3s" && restarts == 1)
        #expect(!isThere("var/lib/clusterctl/turn"))
        #expect(stage.calls.contains("systemctl daemon-reload"))
        #expect(stage.calls.contains { $0.contains("--server=https://b:6443") })
        for _ in 1...2 { #expect(try turn(["take", "v2"], in: shell).status == 0) }
        #expect(try turn(["is-at", "v2", "k3s.service"], in: shell).status == 0)
        #expect(restarts == 1)
        try stage.write("a: c", to: "etc/rancher/k3s/config.yaml")
        #expect(try turn(["is-at", "v2", "k3s.service"], in: shell).status == 1, "not since its file is as it is")
    }

    @Test(arguments: shells) func aLetterForAnotherVersionIsNone(shell: [String]) throws {
        _ = try turn(["let", "v1", "k3s.service", "1"], in: shell)
        #expect(try turn(["take", "v2"], in: shell).error.contains("for another version"))
        try stage.write("", to: "gone")
        _ = try turn(["let", "v3", "k3s.service", "1"], in: shell)
        #expect(try turn(["take", "v3"], in: shell).error.contains("is not there"))
        #expect(leads.hasSuffix("v1/k3s") && restarts == 0)
    }

    @Test(arguments: shells) func whatDoesNotStartIsNotDoneAndKeepsItsLetter(shell: [String]) throws {
        _ = try turn(["let", "v2", "k3s.service", "1"], in: shell)
        try stage.write("echo activating >state", to: "restart")
        let result = try turn(["take", "v2"], in: shell)
        #expect(result.status == 1 && result.error.contains("K3s v2 does not run after 1 s"))
        #expect(
            try turn(["trouble"], in: shell).output.contains("K3s v2 does not run after 1 s: ActiveState=activating"))
        // The job tries again: it waits once more, and does not restart what may just be starting.
        #expect(try turn(["take", "v2"], in: shell).status == 1)
        #expect(restarts == 1 && isThere("var/lib/clusterctl/turn"))
        try stage.write("active", to: "state")
        try stage.write("12", to: "job")
        #expect(try turn(["take", "v2"], in: shell).status == 1, "it is about to be started anew")
        #expect(try turn(["trouble"], in: shell).output.split(separator: "\n").count == 1, "told once")
        _ = try turn(["let", "v2", "k3s.service", "1"], in: shell)
        #expect(try turn(["trouble"], in: shell).output == "", "a new turn is a new one")
        try stage.write("", to: "job")
        #expect(try turn(["take", "v2"], in: shell).status == 0)
    }

    @Test(arguments: shells) func aTurnThatIsTakenBackEndsAndIsNotTakenAgain(shell: [String]) throws {
        _ = try turn(["let", "v2", "k3s.service", "20"], in: shell)
        let old = "/usr/local/lib/clusterctl/k3s/v1/k3s"
        try stage.write(
            "echo activating >state; rm var/lib/clusterctl/turn; ln -sfn \(old) usr/local/bin/k3s", to: "restart")
        let result = try turn(["take", "v2"], in: shell)
        #expect(result.status == 1 && result.error.contains("taken back"))
        #expect(try turn(["take", "v2"], in: shell).status == 1)
        #expect(leads == old && restarts == 1)
    }

    @Test(arguments: shells) func aServerIsNotStoppedBesideAnotherOne(shell: [String]) throws {
        try stage.write("", to: "silent")
        _ = try turn(["let", "v2", "k3s.service", "5", "b=https://b:6443"], in: shell)
        let result = try turn(["take", "v2"], in: shell)
        #expect(result.status == 1 && result.error.contains("b does not serve"), "\(result.error)")
        #expect(leads.hasSuffix("v1/k3s") && restarts == 0)
    }
}

/// Handing nodes to the controller and taking them back, against a cluster that notes what it is asked.
@ShellThread struct HandOverScriptTests {
    private let stage: Stage
    nonisolated static let shells = TurnScriptTests.shells

    init() throws {
        stage = try Stage()
        let folder = stage.folder.path
        for name in ["node", "plans", "jobs", "marked"] { try stage.write("", to: name) }
        try stage.command(
            "k3s",
            """
            cd '\(folder)'
            case "$*" in
                *--server=*) ;;
                *) [ ! -e down ] || { echo 'connection refused' >&2; exit 1; } ;;
            esac
            [ ! -e dead ] || exit 1
            case "$*" in
                *'get --raw /readyz') echo ok ;;
                *'get node '*) cat node ;;
                *' get plans'*) cat plans ;;
                *' get jobs '*) cat jobs ;;
                *' get nodes '*) cat marked ;;
            esac
            """)
        try stage.command("sleep", ":")
    }

    private func run(_ arguments: [String], in shell: [String]) throws -> Shell.Result {
        try Shell.run(shell + ["-c", Template.handOver.text(), "hand-over"] + arguments, commands: stage.commands)
    }

    private func calls(_ word: String) -> [String] { stage.calls.filter { $0.contains(" \(word) ") } }

    @Test(arguments: shells) func aNodeIsGivenWithoutTheMarkOfAnEarlierRollOut(shell: [String]) throws {
        for (found, isGiven) in [("", false), ("V ", true), ("V done", false), ("U ", false), (" ", false)] {
            try stage.write(found, to: "node")
            #expect(try run(["is-given", "w", "agents", "V"], in: shell).status == (isGiven ? 0 : 1), "'\(found)'")
        }
        #expect(try run(["give", "s", "servers", "V"], in: shell).status == 0)
        #expect(try run(["give", "w", "agents", "V", "worker"], in: shell).status == 0)
        let patches = calls("patch")
        #expect(patches.count == 2)
        #expect(
            patches[0].hasSuffix(
                #"{"metadata":{"labels":{"clusterctl.dev/turn":"V","plan.upgrade.cattle.io/servers":null}}}"#))
        #expect(patches[1].hasSuffix(#","annotations":{"clusterctl.dev/drain":"handed-over"}}}"#))
    }

    @Test(arguments: shells) func whatIsTakenBackTakesPodsLast(shell: [String]) throws {
        #expect(try run(["end", "w", "agents", "https://b:6443"], in: shell).status == 0)
        let calls = stage.calls.filter { !$0.contains("readyz") }
        #expect(calls.count == 3)
        #expect(calls[0].contains(#""clusterctl.dev/turn":null"#))
        #expect(
            calls[1].contains("delete")
                && calls[1].hasSuffix("jobs,pods -l upgrade.cattle.io/plan=agents,upgrade.cattle.io/node=w"))
        #expect(calls[2].contains(#""unschedulable":null"#))
    }

    @Test(arguments: shells) func anotherServerIsAskedWhereThisOneIsAway(shell: [String]) throws {
        try stage.write("", to: "down")
        for task in [["end", "w", "agents"], ["withdraw", "a", "b"]] {
            #expect(try run(task + ["https://b:6443"], in: shell).status == 0)
            #expect(try run(task, in: shell).status == 1)
        }
        #expect(
            stage.calls.filter { !$0.contains("readyz") && $0.hasPrefix("k3s") }.allSatisfy {
                $0.contains("--server=https://b:6443")
            })
        try stage.write("", to: "dead")
        let result = try run(["withdraw", "a", "b", "https://b:6443"], in: shell)
        #expect(result.status == 1 && result.error.contains("no server's API is ready"))
    }

    @Test(arguments: shells) func jobsThatHaveEndedMakeAPlanStale(shell: [String]) throws {
        #expect(try run(["is-afresh", "a", "b"], in: shell).status == 0)
        try stage.write("one\t\ntwo\tSuccessCriteriaMet Complete\nthree\tFailed\n", to: "jobs")
        #expect(try run(["is-afresh", "a", "b"], in: shell).status == 1)
        #expect(try run(["afresh", "a", "b"], in: shell).status == 0)
        let deleted = calls("delete").map { $0.split(separator: " ").suffix(2).joined(separator: " ") }
        #expect(deleted == ["a b", "job two", "job three"])
        try stage.write("", to: "dead")
        #expect(try run(["is-afresh", "a", "b"], in: shell).status == 1, "who cannot be asked does not say so")
        #expect(try run(["afresh", "a", "b"], in: shell).status == 1)
    }

    @Test(arguments: shells) func nothingIsLeftWhenPlansAreWithdrawn(shell: [String]) throws {
        #expect(try run(["is-withdrawn", "a", "b"], in: shell).status == 0)
        try stage.write("node/w", to: "marked")
        #expect(try run(["is-withdrawn", "a", "b"], in: shell).status == 1)
        try stage.write("", to: "marked")
        try stage.write("plan.upgrade.cattle.io/a", to: "plans")
        #expect(try run(["is-withdrawn", "a", "b"], in: shell).status == 1)
        #expect(try run(["withdraw", "a", "b"], in: shell).status == 0)
        #expect(calls("delete").count == 2 && calls("label").count == 3)
    }
}
