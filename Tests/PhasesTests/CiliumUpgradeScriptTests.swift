import Foundation
import Testing

@testable import Rendering

/// The program that replaces Cilium on one node and takes that back, against a `k3s` that keeps the cluster as files: the
/// chart and what is kept of it, the values and the strategy of the DaemonSet, and the pods.
@ShellThread struct CiliumUpgradeScriptTests {
    private let stage: Stage
    nonisolated static let shells = [["dash"], ["bash"], ["busybox", "ash"]]
    private static let earlier = #"{"values": "old", "annotation": "x"}"# + "\n"

    init() throws {
        stage = try Stage()
        let folder = stage.folder.path
        try stage.write(Self.earlier, to: "chart")
        try stage.write("RollingUpdate", to: "strategy")
        try stage.write("old", to: "template")
        try pods(["dpu-01": "old", "dpu-02": "old", "worker-01": "old"])
        try stage.command("systemctl", "[ ! -e '\(folder)/k3s-stopped' ]")
        try stage.command(
            "k3s",
            """
            cd '\(folder)'
            if [ "$1" = crictl ]; then
                case "$2" in
                    inspecti) exit 1 ;;
                    pull) [ ! -e no-registry ] || { echo 'no such host' >&2; exit 1; } ;;
                    ps) echo c1 ;;
                esac
                exit 0
            fi
            case "$*" in
                *'patch --local'*)
                    shift 4
                    cat "$1"
                    case "$*" in *OnDelete*) echo '"updateStrategy.type": "OnDelete"' ;; esac
                    exit ;;
                *'create configmap'*)
                    for word; do
                        case $word in
                            --from-file=chart=*) cat "${word#*chart=}" >new-kept ;;
                            --from-literal=values=*) printf %s "${word#*values=}" >new-values ;;
                        esac
                    done
                    echo ConfigMap; exit ;;
            esac
            [ ! -e down ] || { echo 'connection refused' >&2; exit 1; }
            case "$*" in
                *'get helmchart cilium '*'-o json') cat chart ;;
                *'get configmap '*'jsonpath={.data.chart}') cat kept 2>/dev/null || true ;;
                *'get configmap '*'jsonpath={.data.values}') cat kept-values 2>/dev/null || true ;;
                *'delete configmap '*) rm -f kept kept-values ;;
                *' apply '*)
                    for file; do :; done
                    if grep -q ConfigMap "$file"; then mv new-kept kept; mv new-values kept-values; exit; fi
                    cp "$file" chart
                    [ ! -e stuck ] || exit 0
                    sed -n 's/.*"values": "\\([^"]*\\)".*/\\1/p' chart | tr -d '\\n' >template
                    if grep -q OnDelete chart; then printf OnDelete; else printf RollingUpdate; fi >strategy ;;
                *'get daemonset '*updateStrategy*) cat strategy ;;
                *'get daemonset '*desiredNumber*) wc -l <pods | tr -d ' ' ;;
                *'get daemonset '*containers*) echo quay.io/cilium/image:new ;;
                *'get daemonset '*annotations*) cat template ;;
                *'get job helm-install-cilium'*) printf 1 ;;
                *'get pods '*k8s-app=cilium-envoy*) sed 's/cilium-/envoy-/' pods ;;
                *'get pods '*) cat pods ;;
                *'delete pod envoy-'*) ;;
                *'delete pod cilium-'*)
                    pod=$(echo "$*" | sed 's/.*delete pod cilium-\\([^ ]*\\) .*/\\1/')
                    awk -F '\\t' -v OFS='\\t' -v node="$pod" -v values="$(cat template)" \\
                        '$1 == node { $4 = values } { print }' pods >pods.new && mv pods.new pods ;;
                *) echo "unknown: $*" >&2; exit 1 ;;
            esac
            """)
    }

    /// Of each node the values of its pod, with `!` behind them where it is not ready.
    private func pods(_ values: [String: String]) throws {
        let lines = values.sorted { $0.key < $1.key }.map { node, values in
            let isReady = !values.hasSuffix("!")
            return "\(node)\tcilium-\(node)\t\(isReady ? "True" : "False")\t\(values.prefix { $0 != "!" })\n"
        }
        try stage.write(lines.joined(), to: "pods")
    }

    private func values(of node: String) throws -> Substring? {
        try text("pods").split(separator: "\n").first { $0.hasPrefix("\(node)\t") }?.split(separator: "\t").last
    }

    private func text(_ name: String) throws -> String { try Repository.text(stage.folder.appending(path: name)) }

    private func has(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: stage.folder.appending(path: name).path)
    }

    private func run(_ arguments: [String], in shell: [String]) throws -> Shell.Result {
        let program = Template.ciliumUpgrade.text().replacing("patience=45", with: "patience=1")
            .replacing("again=25 whole=100", with: "again=1 whole=2")
            .replacing("others=60", with: "others=1").replacing(" 30 has_values", with: " 1 has_values")
        return try Shell.run(
            ["env", "CLUSTERCTL_STATE=\(stage.folder.path)/state"] + shell + ["-c", program, "cilium-upgrade"]
                + arguments,
            commands: stage.commands)
    }

    /// The chart of another version, held, as the phase before a turn leaves it.
    private func hold(_ values: String = "new") throws {
        try stage.write("{\"values\": \"\(values)\"}\n\"updateStrategy.type\": \"OnDelete\"\n", to: "chart")
        try stage.write(values, to: "template")
        try stage.write("OnDelete", to: "strategy")
    }

    // MARK: What is kept

    @Test(arguments: shells) func whatWasKeptFirstCountsWhileTheChartIsHeld(shell: [String]) throws {
        #expect(try run(["is-kept"], in: shell).status == 1)
        #expect(try run(["keep"], in: shell).status == 0)
        #expect(try text("kept") == Self.earlier && text("kept-values") == "old")
        #expect(try run(["is-kept"], in: shell).status == 1, "the chart is not held yet")
        try hold()
        #expect(try run(["is-kept"], in: shell).status == 0)
        #expect(try run(["keep"], in: shell).status == 0)
        #expect(try text("kept") == Self.earlier)
    }

    @Test(arguments: shells) func whatAnEarlierUpgradeHasLeftGivesWay(shell: [String]) throws {
        try stage.write("of long ago", to: "kept")
        #expect(try run(["keep"], in: shell).status == 0)
        #expect(try text("kept") == Self.earlier)
        #expect(try run(["is-forgotten"], in: shell).status == 1)
        #expect(try run(["forget"], in: shell).status == 0)
        #expect(try run(["is-forgotten"], in: shell).status == 0)
    }

    @Test(arguments: shells) func aClusterThatDoesNotAnswerIsNotTakenForOneThatHasNothing(shell: [String]) throws {
        try hold()
        try stage.write(Self.earlier, to: "kept")
        try stage.write("", to: "down")
        for verb in ["keep", "is-kept", "is-forgotten", "state", "hold"] {
            #expect(try run([verb], in: shell).status == 1, "\(verb)")
        }
        #expect(try text("kept") == Self.earlier)
    }

    // MARK: A turn

    @Test(arguments: shells) func envoyGoesBeforeTheAgentAndNobodyElses(shell: [String]) throws {
        try hold()
        let result = try run(["turn", "dpu-02", "new", "here"], in: shell)
        #expect(result.status == 0, "\(result.error)")
        #expect(try values(of: "dpu-02") == "new" && values(of: "dpu-01") == "old" && values(of: "worker-01") == "old")
        let calls = stage.calls
        let pulled = try #require(calls.firstIndex { $0.hasPrefix("k3s crictl pull quay.io/cilium/image:new") })
        let envoy = try #require(calls.firstIndex { $0.contains("delete pod envoy-dpu-02") })
        let agent = try #require(calls.firstIndex { $0.contains("delete pod cilium-dpu-02") })
        #expect(pulled < envoy && envoy < agent)
        #expect(try run(["turn", "dpu-02", "new"], in: shell).status == 0, "again")
        #expect(stage.calls.count { $0.contains("delete pod") } == 2, "nobody's turn is done twice")
    }

    @Test(arguments: shells) func anImageThatCannotBeFetchedIsSaidAndLeftToTheKubelet(shell: [String]) throws {
        try hold()
        try stage.write("", to: "no-registry")
        let result = try run(["turn", "dpu-02", "new", "here"], in: shell)
        #expect(result.status == 0)
        #expect(result.output.contains("is not fetched beforehand: no such host"))
        #expect(try run(["turn", "worker-01", "new"], in: shell).status == 0)
        #expect(stage.calls.count { $0.contains("crictl pull") } == 2, "both DaemonSets', and none for another node")
    }

    @Test(arguments: shells) func noneGoesWhileAnotherIsNotReady(shell: [String]) throws {
        try hold()
        try pods(["dpu-01": "new!", "dpu-02": "old", "worker-01": "old"])
        let result = try run(["turn", "dpu-02", "new"], in: shell)
        #expect(result.status == 1)
        #expect(result.error.hasSuffix("Cilium is not ready on dpu-01; this one is not changed as well\n"))
        #expect(try values(of: "dpu-02") == "old")
        try stage.write(Self.earlier, to: "kept")
        try stage.write("old", to: "kept-values")
        #expect(try run(["back", "dpu-02"], in: shell).status == 0)
        #expect(!stage.calls.contains { $0.contains(" apply ") }, "nothing was changed here: the chart stays as it is")
        try pods(["dpu-01": "new", "dpu-02": "old!", "worker-01": "old"])
        #expect(try run(["turn", "dpu-02", "new"], in: shell).status == 0, "its own does not count")
    }

    @Test(arguments: shells) func noneGoesWhileTheDaemonSetReplacesThemItself(shell: [String]) throws {
        try hold()
        try stage.write("RollingUpdate", to: "strategy")
        #expect(try run(["turn", "dpu-02", "new"], in: shell).error.contains("replaces pods by itself"))
        try hold("other")
        #expect(try run(["turn", "dpu-02", "new"], in: shell).error.contains("is not of this run"))
        #expect(!stage.calls.contains { $0.contains("delete pod") })
    }

    // MARK: The way back

    private func underWay(_ pods: [String: String] = ["dpu-01": "new", "dpu-02": "new!", "worker-01": "old"]) throws {
        try hold()
        try stage.write(Self.earlier, to: "kept")
        try stage.write("old", to: "kept-values")
        try self.pods(pods)
        try stage.write("dpu-02\n", to: "state/cilium-turn")
    }

    @Test(arguments: shells) func theChartGoesBackHeldAndOnlyThisNodesPodsDo(shell: [String]) throws {
        try underWay(["dpu-01": "new", "dpu-02": "new", "worker-01": "old"])
        let result = try run(["back", "dpu-02"], in: shell)
        #expect(result.status == 0, "\(result.error)")
        #expect(try values(of: "dpu-02") == "old" && values(of: "dpu-01") == "new", "who had its turn keeps it")
        #expect(try text("chart").hasPrefix(Self.earlier) && text("strategy") == "OnDelete")
        #expect(has("kept"), "for the next run")
        let apply = "apply --server-side --force-conflicts --field-manager=clusterctl"
        #expect(stage.calls.contains { $0.contains(apply) })
        #expect(!stage.calls.contains { $0.contains("crictl") })
    }

    @Test(arguments: shells) func anEarlierOneThatIsNotReadyIsNoReasonToStopK3s(shell: [String]) throws {
        try underWay()
        let result = try run(["back", "dpu-02"], in: shell)
        #expect(result.status == 1)
        #expect(result.error.contains("the earlier Cilium on dpu-02 is not ready yet"))
        #expect(try values(of: "dpu-02") == "old")
        try underWay()
        try stage.write("asked", to: "state/guard/armed/firing")
        #expect(try run(["back", "dpu-02"], in: shell).status == 0)
        #expect(try values(of: "dpu-02") == "old")
    }

    @Test(arguments: shells) func whereK3sIsStoppedItsPodsComeWhenItRuns(shell: [String]) throws {
        try underWay()
        try stage.write("boot", to: "state/guard/armed/firing")
        try stage.write("", to: "k3s-stopped")
        #expect(try run(["back", "dpu-02"], in: shell).status == 0)
        #expect(try values(of: "dpu-02") == "old")
    }

    @Test(arguments: shells) func aChartThatDoesNotComeBackIsNoSuccess(shell: [String]) throws {
        try underWay()
        try stage.write("", to: "stuck")
        let result = try run(["back", "dpu-02"], in: shell)
        #expect(result.status == 1)
        #expect(result.error.contains("the DaemonSet of Cilium is not as it was"))
        #expect(!stage.calls.contains { $0.contains("delete pod") }, "it would come back as it is")
    }

    /// Nobody gets in, and the API may be behind what cuts: what the agents have attached goes first, whatever it is called.
    @Test(arguments: shells) func atTheDeadlineCiliumsProgramsGoFromTheLinksWithoutTheAPI(shell: [String]) throws {
        try underWay()
        try stage.write("", to: "down")
        try stage.write("deadline", to: "state/guard/armed/firing")
        let program = try Repository.text(Repository.root.appending(path: "templates/guard/guard.sh"))
        try stage.write(program, to: "state/guard/guard.sh")
        try stage.command("ip", "case \"$*\" in '-o link show') echo '2: eth0: <UP> mtu 1500' ;; esac")
        try stage.command(
            "tc",
            """
            case "$*" in
                'qdisc show dev eth0') echo 'qdisc clsact ffff: parent ffff:fff1' ;;
                'filter show dev eth0 ingress')
                    echo 'filter protocol all pref 1 bpf chain 0 handle 0x1 cil_from_netdev-eth0 direct-action id 7'
                    echo 'filter protocol all pref 2 bpf chain 0 handle 0x1 of_somebody direct-action id 8' ;;
            esac
            """)
        try stage.command("bpftool", "exit 1")
        let result = try run(["back", "dpu-02", "here"], in: shell)
        #expect(result.status == 1, "then K3s is kept stopped, and the node a member of etcd")
        let calls = stage.calls
        let detached = try #require(calls.firstIndex { $0 == "tc filter del dev eth0 ingress pref 1" })
        let asked = try #require(calls.firstIndex { $0.hasPrefix("k3s kubectl") })
        #expect(detached < asked)
        #expect(calls.contains { $0.hasPrefix("k3s crictl stop") }, "it would attach them again")
        #expect(!calls.contains { $0.contains("pref 2") || $0.hasPrefix("tc qdisc del") })
        try stage.write("asked", to: "state/guard/armed/firing")
        try FileManager.default.removeItem(at: stage.folder.appending(path: "calls"))
        _ = try run(["back", "dpu-02", "here"], in: shell)
        let stopped = try #require(stage.calls.firstIndex { $0.hasPrefix("k3s crictl stop") })
        let later = try #require(stage.calls.firstIndex { $0 == "tc filter del dev eth0 ingress pref 1" })
        #expect(stopped < later, "who asks is in: only where the API stays silent, which may be their work, too")
        #expect(stage.calls[later...].contains { $0.hasPrefix("k3s kubectl") }, "and it is asked once more")
        try FileManager.default.removeItem(at: stage.folder.appending(path: "calls"))
        try stage.write("worker-01\n", to: "state/cilium-turn")
        #expect(try run(["back", "worker-01"], in: shell).status == 1)
        #expect(!stage.calls.contains { $0.hasPrefix("k3s crictl stop") }, "the agent here is not that one's")
    }

    @Test(arguments: shells) func aChartThatNobodyHasYetGoesBackAsItWas(shell: [String]) throws {
        try underWay(["dpu-01": "old", "dpu-02": "old", "worker-01": "old"])
        #expect(try run(["back-chart"], in: shell).status == 0)
        #expect(try text("chart") == Self.earlier && text("strategy") == "RollingUpdate")
    }

    @Test(arguments: shells) func oneThatSomeHaveStaysHeld(shell: [String]) throws {
        try underWay()
        #expect(try run(["back-chart"], in: shell).status == 0)
        #expect(try text("strategy") == "OnDelete" && values(of: "dpu-01") == "new")
    }

    @Test(arguments: shells) func nothingIsPutBackWhereNothingWasKept(shell: [String]) throws {
        try stage.write("dpu-02\n", to: "state/cilium-turn")
        for verb in [["back-chart"], ["back", "dpu-02"]] { #expect(try run(verb, in: shell).status == 0) }
        #expect(try text("chart") == Self.earlier)
        #expect(!stage.calls.contains { $0.contains(" apply ") })
    }

    @Test(arguments: shells) func aReleasedChartIsHeldAgainAsItIs(shell: [String]) throws {
        #expect(try run(["hold"], in: shell).status == 0)
        #expect(try text("chart").hasPrefix(Self.earlier) && text("strategy") == "OnDelete")
        try stage.write("", to: "down")
        #expect(try run(["hold"], in: shell).error == "the API cannot be asked to hold the chart of Cilium\n")
        let asked = stage.calls.count { $0.contains("get helmchart") }
        #expect(asked > 2, "K3s may just be starting")
    }
}
