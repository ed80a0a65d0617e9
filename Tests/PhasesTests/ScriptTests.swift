import Foundation
import Testing

@testable import Rendering

/// The fixed programs that phases run on nodes, against a `k3s` that only notes what it is asked.
struct ScriptTests {
    /// The program with the state folder of a node moved into the stage.
    private func program(_ template: Template, _ stage: Stage) -> [String] {
        let text = template.text().replacing("/var/lib/clusterctl", with: stage.folder.appending(path: "state").path)
        return ["sh", "-c", text, template.programName]
    }

    private let noDataBefore = "absent - - /etc/x\nabsent - - /var/lib/rancher/k3s/server/db\n"

    @Test(arguments: ["sh", "bash"]) func leavesEtcdThroughThePrimaryAndWaits(_ shell: String) throws {
        let stage = try Stage()
        try stage.write(noDataBefore, to: "state/guard/armed/paths")
        try stage.command(
            "k3s",
            """
            case "$*" in
                *removed-node-name*) [ -e "$0.asked" ] && echo gone; : >"$0.asked" ;;
            esac
            """)
        let words = [shell] + program(.leaveEtcd, stage).dropFirst() + ["dpu-02", "https://10.0.0.1:6443"]
        #expect(try Shell.run(words, commands: stage.commands).status == 0)
        let calls = stage.calls
        #expect(calls.allSatisfy { $0.hasPrefix("k3s kubectl --server=https://10.0.0.1:6443 ") })
        #expect(calls.count == 5)
        #expect(calls[1].contains("annotate --overwrite node dpu-02 etcd.k3s.cattle.io/remove=true"))
        #expect(calls[4].contains("delete --wait=false --ignore-not-found node dpu-02"))
    }

    @Test(arguments: ["directory 0700 0 0 /var/lib/rancher/k3s/server/db\n", ""])
    func aMemberOfBeforeStaysAMember(_ paths: String) throws {
        let stage = try Stage()
        try stage.write(paths, to: "state/guard/armed/paths")
        try stage.command("k3s", "exit 0")
        let result = try Shell.run(
            program(.leaveEtcd, stage) + ["dpu-02", "https://10.0.0.1:6443"], commands: stage.commands)
        #expect(result.status == 0)
        #expect(stage.calls.isEmpty)
    }

    @Test func aNodeThatNeverJoinedHasNothingToLeave() throws {
        let stage = try Stage()
        try stage.write(noDataBefore, to: "state/guard/armed/paths")
        try stage.command("k3s", "exit 1")
        let result = try Shell.run(
            program(.leaveEtcd, stage) + ["dpu-02", "https://10.0.0.1:6443"], commands: stage.commands)
        #expect(result.status == 0)
        #expect(stage.calls.count == 1)
    }

    struct Readmission: Sendable, CustomTestStringConvertible {
        let id: String
        let ready: String
        let secrets: String
        let isNeeded: Bool
        var testDescription: String { id }
    }

    @Test(arguments: [
        Readmission(id: "fresh cluster", ready: "", secrets: "", isNeeded: false),
        Readmission(id: "ready", ready: "pxe-01=True", secrets: "secret/pxe-01.node-password.k3s", isNeeded: false),
        Readmission(
            id: "not ready", ready: "pxe-01=Unknown", secrets: "secret/pxe-01.node-password.k3s", isNeeded: true),
        Readmission(id: "node deleted", ready: "", secrets: "secret/pxe-01.node-password.k3s", isNeeded: true),
        Readmission(id: "other's secret", ready: "", secrets: "secret/pxe-011.node-password.k3s", isNeeded: false),
    ])
    func forgetsPasswordsOnlyOfNodesThatAreNotReady(_ situation: Readmission) throws {
        let stage = try Stage()
        try stage.command(
            "k3s",
            """
            case "$*" in
                *"get secrets"*) echo '\(situation.secrets)' ;;
                *"get nodes"*) echo '\(situation.ready)' ;;
            esac
            """)
        let check = try Shell.run(program(.readmit, stage) + ["check", "pxe-01"], commands: stage.commands)
        #expect((check.status != 0) == situation.isNeeded)
        #expect(!stage.calls.contains { $0.contains("delete") })
        #expect(try Shell.run(program(.readmit, stage) + ["forget", "pxe-01"], commands: stage.commands).status == 0)
        #expect(stage.calls.contains { $0.contains("delete secret pxe-01.node-password.k3s") } == situation.isNeeded)
    }

    @Test func aClusterThatDoesNotAnswerIsNoReasonToForget() throws {
        let stage = try Stage()
        try stage.command("k3s", "exit 1")
        #expect(try Shell.run(program(.readmit, stage) + ["check", "pxe-01"], commands: stage.commands).status == 0)
    }

    @Test func aChartThatThisRunBroughtIsDeleted() throws {
        let stage = try Stage()
        try stage.write("", to: "state/guard/armed/complete")
        try stage.command("k3s", "exit 0")
        #expect(try Shell.run(program(.putBackHelmChart, stage), commands: stage.commands).status == 0)
        #expect(stage.calls.first?.contains("delete helmchart cilium") == true)
    }

    @Test func aCiliumThatRanBeforeAndWasNotChangedStays() throws {
        let stage = try Stage()
        try stage.write("{}", to: "state/cilium/helmchart-before.json")
        Thread.sleep(forTimeInterval: 0.05)
        try stage.write("", to: "state/guard/armed/cilium")
        try stage.write("", to: "state/guard/armed/complete")
        try stage.command("k3s", "exit 0")
        #expect(try Shell.run(program(.putBackHelmChart, stage), commands: stage.commands).status == 0)
        #expect(stage.calls.isEmpty)
    }

    @Test func aChangedChartGetsItsEarlierTextAgain() throws {
        let stage = try Stage()
        try stage.write("", to: "state/guard/armed/cilium")
        try stage.write("", to: "state/guard/armed/complete")
        Thread.sleep(forTimeInterval: 0.05)
        try stage.command(
            "k3s", #"case "$*" in *"get helmchart"*) printf '{\n"resourceVersion": "7",\n"uid": "u"\n}\n' ;; esac"#)
        #expect(try Shell.run(program(.keepHelmChart, stage), commands: stage.commands).status == 0)
        #expect(try Shell.run(program(.putBackHelmChart, stage), commands: stage.commands).status == 0)
        #expect(stage.calls.last?.contains("replace -f") == true)
        #expect(!stage.calls.contains { $0.contains("delete") })
        let plain = try Repository.text(stage.folder.appending(path: "state/cilium/helmchart-before.json.plain"))
        #expect(plain == "{\n\"uid\": \"u\"\n}\n")
    }

    @Test func ciliumStatusSaysWhenNoAgentRuns() throws {
        let stage = try Stage()
        try stage.command("k3s", "exit 0")
        let result = try Shell.run(program(.ciliumStatus, stage), commands: stage.commands)
        #expect(result.status == 1)
        #expect(result.error == "no cilium-agent container runs on this node\n")
    }
}
