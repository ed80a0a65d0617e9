import Foundation
import Testing

@testable import Rendering

/// The fixed programs that phases run on nodes, against a `k3s` that only notes what it is asked.
@ShellThread struct ScriptTests {
    /// The program with the state folder of a node moved into the stage.
    private func program(_ template: Template, _ stage: Stage) -> [String] {
        let text = template.text().replacing("/var/lib/clusterctl", with: stage.folder.appending(path: "state").path)
            .replacing("db=/var/lib/rancher", with: "db=\(stage.folder.path)/rancher")
            .replacing("patience=100", with: "patience=2").replacing("patience=60", with: "patience=6")
        return ["sh", "-c", text, template.programName]
    }

    /// A stage as a phase that is taken back finds it.
    /// - Parameters:
    ///   - isNew: whether there were no etcd data before the phase.
    ///   - hasRun: whether etcd has run here.
    private func joined(isNew: Bool = true, hasRun: Bool = true) throws -> Stage {
        let stage = try Stage()
        let db = "\(stage.folder.path)/rancher/k3s/server/db"
        try stage.write(isNew ? "absent - - /etc/x\nabsent - - \(db)\n" : "", to: "state/guard/armed/paths")
        if hasRun { try stage.write("", to: "rancher/k3s/server/db/etcd/member/wal") }
        try stage.command("systemctl", "")
        return stage
    }

    /// An API that knows the node, and takes its member out as soon as it is asked to.
    private let answers = """
        case "$*" in
            *removed-node-name*) [ -e "$0.asked" ] && echo =gone ;;
            *annotate*) : >"$0.asked" ;;
        esac
        """

    private func leave(_ stage: Stage, in shell: String = "sh") throws -> Shell.Result {
        let words = [shell] + program(.leaveEtcd, stage).dropFirst() + ["dpu-02", "https://10.0.0.1:6443"]
        return try Shell.run(words, commands: stage.commands)
    }

    @Test(arguments: ["sh", "bash"]) func leavesEtcdThroughThePrimaryAndWaits(_ shell: String) throws {
        let stage = try joined()
        try stage.command("k3s", answers)
        #expect(try leave(stage, in: shell).status == 0)
        #expect(!stage.calls.contains("systemctl stop k3s.service"))
        let calls = stage.calls
        #expect(calls.filter { $0.hasPrefix("k3s") }.allSatisfy { $0.contains("--server=https://10.0.0.1:6443 ") })
        #expect(calls.count == 5)
        #expect(calls[1].contains("annotate --overwrite node dpu-02 etcd.k3s.cattle.io/remove=true"))
        #expect(calls[3].hasPrefix("systemctl stop --no-block k3s.service"), "before it is started again and joins")
        #expect(calls[4].contains("delete --wait=false --ignore-not-found node dpu-02"))
    }

    @Test(arguments: [(isNew: false, hasRun: true), (isNew: true, hasRun: false)])
    func nothingIsLeftByAMemberOfBeforeOrWhereEtcdNeverRan(isNew: Bool, hasRun: Bool) throws {
        let stage = try joined(isNew: isNew, hasRun: hasRun)
        try stage.command("k3s", "exit 1")
        #expect(try leave(stage).status == 0)
        #expect(stage.calls == (hasRun ? [] : ["systemctl stop k3s.service"]))
    }

    @Test func whoIsJustJoiningStays() throws {
        let stage = try joined(hasRun: false)
        try stage.command("systemctl", "mkdir -p '\(stage.folder.path)/rancher/k3s/server/db/etcd/member'")
        let result = try leave(stage)
        #expect(result.status == 1 && result.error.contains("dpu-02 has just joined etcd"))
    }

    @Test func theRemovalOfAnEarlierMemberIsNotTakenForThisOnes() throws {
        let stage = try joined()
        try stage.command("k3s", #"case "$*" in *removed-node-name*) echo dpu-02-new=dpu-02-old ;; esac"#)
        #expect(try leave(stage).status == 1)
        try stage.command("k3s", #"case "$*" in *removed-node-name*) echo dpu-02-new=dpu-02-new ;; esac"#)
        #expect(try leave(stage).status == 0)
    }

    @Test func whoCouldNotLeaveIsAskedToTheNextTime() throws {
        let stage = try joined(isNew: false)
        try stage.write("replicas\n", to: "state/guard/member")
        try stage.command("k3s", answers)
        #expect(try leave(stage).status == 0)
        #expect(stage.calls.contains { $0.contains("annotate") })
        let server = try FileManager.default.contentsOfDirectory(atPath: stage.folder.path + "/rancher/k3s/server")
        #expect(server.count == 1 && server[0].hasPrefix("db.clusterctl-"), "the guard had found them there")
    }

    @Test(arguments: [
        (id: "nobody answers", k3s: "echo 'connection refused' >&2; exit 1", said: "connection refused"),
        (id: "not known", k3s: "echo 'nodes \"dpu-02\" not found' >&2; exit 1", said: "not found"),
        (id: "asked, and nobody does it", k3s: "exit 0", said: "nobody has done it"),
        (id: "not to be asked", k3s: "case $* in *annotate*) echo no >&2; exit 1 ;; esac", said: "no"),
    ])
    func whoMayStillCountInEtcdFailsToLeave(id: String, k3s: String, said: String) throws {
        let stage = try joined()
        try stage.command("k3s", k3s)
        let result = try leave(stage)
        #expect(result.status == 1)
        #expect(result.error.contains("dpu-02 could not leave etcd: ") && result.error.contains(said))
        #expect(!stage.calls.contains { $0.contains("delete") || $0.hasPrefix("systemctl stop") })
    }

    @Test func aNodeThatIsSlowToBeKnownIsWaitedFor() throws {
        let stage = try joined()
        try stage.command("k3s", "[ -e \"$0.seen\" ] || { : >\"$0.seen\"; exit 1; }\n" + answers)
        #expect(try leave(stage).status == 0)
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

    /// What `put-back-helmchart` finds.
    struct Chart: Sendable, CustomTestStringConvertible {
        let id: String
        /// The text of `keep-helmchart`; nil where the phase did not get so far.
        var kept: String?
        /// Whether Cilium ran here when the guard was armed.
        var ranBefore = true
        /// Whether K3s runs with its agent.
        var hasAgent = true
        var role: [String] = []
        /// What the API says to `get helmchart`, `get job` and `get daemonset`.
        var present = applied("old")
        var job = "1"
        var daemonSet = ""
        let status: Int32
        /// How the API is asked to change something.
        var changes: [String] = []
        var testDescription: String { id }

        static func applied(_ digest: String) -> String { "\"clusterctl.dev/applied\": \"\(digest)\"" }
    }

    @Test(arguments: [
        Chart(id: "brought", ranBefore: false, status: 0, changes: ["delete helmchart cilium"]),
        Chart(
            id: "brought, and stays", ranBefore: false, daemonSet: "daemonset/cilium", status: 1,
            changes: ["delete helmchart cilium"]),
        Chart(id: "brought, after a restart", ranBefore: false, hasAgent: false, status: 1),
        Chart(id: "not touched", status: 0),
        Chart(
            id: "changed", kept: Chart.applied("old"), present: Chart.applied("new"), status: 0, changes: ["replace -f"]
        ),
        Chart(
            id: "changed, after a restart", kept: Chart.applied("old"), hasAgent: false, status: 0,
            changes: ["replace -f"]),
        Chart(
            id: "changed, after a restart, and nobody to deploy it", kept: Chart.applied("old"), hasAgent: false,
            job: "",
            status: 1, changes: ["replace -f"]),
        Chart(id: "another's, put back", kept: Chart.applied("old"), role: ["member"], status: 0),
        Chart(id: "another's, not deployed", kept: Chart.applied("old"), role: ["member"], job: "", status: 1),
        Chart(
            id: "another's, confirmed there", kept: Chart.applied("old"), role: ["member"],
            present: Chart.applied("new"),
            status: 1),
        Chart(id: "another's, not applied yet", role: ["member"], status: 0),
        Chart(id: "another's, by other means", kept: "\"x\": 1", role: ["member"], present: "\"y\": 2", status: 0),
    ])
    func chartsArePutBack(_ chart: Chart) throws {
        let stage = try Stage()
        try stage.write("", to: "state/guard/armed/complete")
        if chart.ranBefore { try stage.write("", to: "state/guard/armed/cilium") }
        if let kept = chart.kept { try stage.write("{\n\"resourceVersion\": \"7\",\n\(kept)\n}\n", to: Self.kept) }
        try stage.command("systemctl", chart.hasAgent ? "exit 0" : "exit 3")
        try stage.command(
            "k3s",
            """
            case "$*" in
                *"get helmchart"*) echo '\(chart.present)' ;;
                *"get job"*) echo '\(chart.job)' ;;
                *"get daemonset"*) echo '\(chart.daemonSet)' ;;
            esac
            """)
        let words = program(.putBackHelmChart, stage) + chart.role
        let result = try Shell.run(words, commands: stage.commands)
        #expect(result.status == chart.status, "\(result.error)")
        #expect(result.error.isEmpty == (chart.status == 0))
        let changes = stage.calls.filter { call in ["delete", "replace"].contains { call.contains($0) } }
        #expect(changes.count == chart.changes.count)
        for (change, wanted) in zip(changes, chart.changes) { #expect(change.contains(wanted)) }
        if chart.changes == ["replace -f"] {
            let plain = try Repository.text(stage.folder.appending(path: Self.kept + ".plain"))
            #expect(!plain.contains("resourceVersion") && plain.contains(Chart.applied("old")))
        }
    }
    private static let kept = "state/guard/armed/helmchart.json"

    @Test func theChartIsKeptAsItIs() throws {
        let stage = try Stage()
        try stage.command("k3s", "exit 1")
        #expect(try Shell.run(program(.keepHelmChart, stage), commands: stage.commands).status == 1, "nothing is armed")
        try stage.write("", to: "state/guard/armed/complete")
        #expect(try Shell.run(program(.keepHelmChart, stage), commands: stage.commands).status == 0)
        #expect((try? Repository.text(stage.folder.appending(path: Self.kept))) == nil, "there is none")
        for text in ["first", "second"] {
            try stage.command("k3s", #"case "$*" in *"get helmchart"*) echo \#(text) ;; esac"#)
            #expect(try Shell.run(program(.keepHelmChart, stage), commands: stage.commands).status == 0)
            #expect(try Repository.text(stage.folder.appending(path: Self.kept)) == "first\n")
        }
    }

    /// What `failed-attempt` finds.
    struct Attempt: Sendable, CustomTestStringConvertible {
        let id: String
        /// Of the job's condition Failed.
        var failed = "True"
        /// Versions of the release, with what has become of them.
        var releases = ""
        /// The digest that the HelmChart has.
        var applied = "new"
        var deleted: [String] = []
        var testDescription: String { id }
    }

    @Test(arguments: [
        Attempt(id: "no job", failed: ""),
        Attempt(id: "a job at work", failed: "", releases: "1 failed"),
        Attempt(id: "chart not found", deleted: ["job helm-install-web"]),
        Attempt(
            id: "first attempt", releases: "1 failed",
            deleted: ["secret sh.helm.release.v1.web.v1 -n site", "job helm-install-web"]),
        Attempt(
            id: "first attempt, changed since", releases: "1 failed", applied: "old",
            deleted: ["secret sh.helm.release.v1.web.v1"]),
        Attempt(
            id: "upgrade", releases: "9 deployed\\n10 failed\\n3 superseded",
            deleted: ["secret sh.helm.release.v1.web.v10", "job helm-install-web"]),
        Attempt(id: "deployed", releases: "1 failed\\n2 deployed", deleted: ["job helm-install-web"]),
    ])
    func failedAttemptsAreForgotten(_ attempt: Attempt) throws {
        let stage = try Stage()
        try stage.command(
            "k3s",
            """
            case "$*" in
                *"get job"*) printf '\(attempt.failed)' ;;
                *"get secrets"*) printf '\(attempt.releases)' ;;
                *"get helmchart"*) printf '\(attempt.applied)' ;;
            esac
            """)
        let words = ["web", "site", "new"]
        let check = try Shell.run(program(.failedAttempt, stage) + ["check"] + words, commands: stage.commands)
        #expect((check.status == 0) == (attempt.failed != "True"))
        #expect(!stage.calls.contains { $0.contains("delete") })
        let forget = try Shell.run(program(.failedAttempt, stage) + ["forget"] + words, commands: stage.commands)
        #expect(forget.status == 0, "\(forget.error)")
        let deleted = stage.calls.filter { $0.contains("delete") }
        #expect(deleted.count == attempt.deleted.count, "\(deleted)")
        for (call, wanted) in zip(deleted, attempt.deleted) { #expect(call.contains("delete \(wanted)")) }
    }

    @Test(arguments: ["sh", "bash", "busybox"]) func leftoversAreTakenAwayWhereThereAreAny(_ shell: String) throws {
        let stage = try Stage()
        func run(_ verb: String) throws -> Int32 {
            let words = (shell == "busybox" ? ["busybox", "ash"] : [shell]) + program(.bgpLeftovers, stage).dropFirst()
            return try Shell.run(words + [verb, "k,k notin (a)", "services", "secrets"], commands: stage.commands)
                .status
        }
        for (answer, isNeedless) in [("exit 1", true), ("exit 0", true), ("echo service/clusterctl-api", false)] {
            try stage.command("k3s", answer)
            #expect(try (run("none") == 0) == isNeedless, "\(answer)")
        }
        try stage.command("k3s", "exit 0")
        #expect(try run("remove") == 0)
        let deleted = "k3s kubectl --request-timeout=30s delete services,secrets -A -l k,k notin (a) --ignore-not-found"
        #expect(stage.calls.last == deleted)
    }

    @Test func ciliumDbgSaysWhenNoAgentRuns() throws {
        let stage = try Stage()
        try stage.command("k3s", "exit 0")
        let result = try Shell.run(program(.ciliumDbg, stage), commands: stage.commands)
        #expect(result.status == 1)
        #expect(result.error == "no cilium-agent container runs on this node\n")
        try stage.command("k3s", #"case "$*" in *" ps "*) echo c0ffee ;; esac"#)
        let arguments = program(.ciliumDbg, stage) + ["bgp", "peers", "-o", "json"]
        #expect(try Shell.run(arguments, commands: stage.commands).status == 0)
        #expect(stage.calls.last == "k3s crictl exec c0ffee cilium-dbg bgp peers -o json")
    }

    @Test func envoyBackendsAreThoseOfOneClusterOfBothFamilies() throws {
        let stage = try Stage()
        try stage.command("k3s", "exit 0")
        let arguments = program(.envoyBackends, stage) + ["kube-system/clusterctl-api"]
        #expect(
            try Shell.run(arguments, commands: stage.commands).error == "no cilium-agent container runs on this node\n")
        try stage.command(
            "k3s",
            """
            case "$*" in
                *" ps "*) echo c0ffee ;;
                *"exec c0ffee cilium-dbg envoy admin clusters") printf '%s\\n' \
                    'kube-system/clusterctl-api::observability_name::kube-system/clusterctl-api' \
                    'kube-system/clusterctl-api::10.77.0.11:6443::cx_active::0' \
                    'kube-system/clusterctl-api::10.77.0.11:6443::health_flags::healthy' \
                    'kube-system/clusterctl-api::[fd77::11]:6443::health_flags::/failed_active_hc' \
                    'kube-system/other::10.77.0.12:80::health_flags::healthy' ;;
            esac
            """)
        let result = try Shell.run(arguments, commands: stage.commands)
        #expect(result.status == 0)
        #expect(result.output == "10.77.0.11:6443 healthy\n[fd77::11]:6443 /failed_active_hc\n")
        try stage.command("k3s", #"case "$*" in *" ps "*) echo c0ffee ;; *) exit 3 ;; esac"#)
        #expect(try Shell.run(arguments, commands: stage.commands).status == 3)
    }
}
