import Foundation
import Testing

@testable import Rendering

/// The programs that take a node out of the cluster and the cluster off a machine, against a `k3s` that keeps one node as
/// files.
@ShellThread struct NodeScriptTests {
    private let stage: Stage
    nonisolated static let shells = [["dash"], ["bash"], ["busybox", "ash"]]

    init() throws {
        stage = try Stage()
        let folder = stage.folder.path
        for (name, text) in [
            ("node", "old"), ("secret", "old"), ("ready", "Unknown"), ("etcd", "true"), ("member", "old-1"),
        ] {
            try stage.write(text, to: name)
        }
        try stage.command(
            "k3s",
            """
            cd '\(folder)'
            [ ! -e down ] || { echo 'connection refused' >&2; exit 1; }
            case "$*" in
                *--server=https://silent*) exit 1 ;;
                *' get --raw /readyz') echo ok ;;
                *' get node old --ignore-not-found -o name') [ ! -e node ] || echo node/old ;;
                *' get node old -o jsonpath={.status'*) printf '%s %s' "$(cat ready)" "$(cat etcd)" ;;
                *' get node old -o jsonpath={.metadata'*) printf '%s=%s' "$(cat member)" "$(cat removed 2>/dev/null)" ;;
                *' annotate --overwrite node old '*) [ -e last-voter ] || cat member >removed ;;
                *' delete node old '*) rm node; [ -e keeps-secret ] || rm -f secret ;;
                *' get secret old.node-password.k3s -n kube-system --ignore-not-found -o name') [ ! -e secret ] || echo secret/old ;;
                *' delete secret old.node-password.k3s '*) rm -f secret ;;
                *' ciliumnodes.cilium.io '*) [ -e cilium ] || { echo "the server doesn't have a resource type" >&2; exit 1; } ;;
            esac
            """)
    }

    private func run(_ arguments: [String], in shell: [String], patience: Int = 1) throws -> Shell.Result {
        let text = Template.forgetNode.text().replacing("patience=60", with: "patience=\(patience)")
        return try Shell.run(shell + ["-c", text, "forget-node"] + arguments, commands: stage.commands)
    }

    private func has(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: stage.folder.appending(path: name).path)
    }

    @Test(arguments: shells) func aDeadServersMemberGoesFirstAndThenTheNodeAndItsPassword(shell: [String]) throws {
        #expect(try run(["check", "old", "dead", "a=https://a:6443"], in: shell).status == 1)
        let result = try run(["forget", "old", "dead", "a=https://a:6443", "b=https://b:6443"], in: shell)
        #expect(result.status == 0, "\(result.error)")
        #expect(!has("node") && !has("secret"))
        let calls = stage.calls
        func place(_ words: String) -> Int? { calls.firstIndex { $0.contains(words) } }
        let asked = try #require(place("--server=https://b:6443 get --raw /readyz"))
        let removed = try #require(place("etcd.k3s.cattle.io/remove=true"))
        let deleted = try #require(place("delete node old"))
        #expect(asked < removed && removed < deleted)
        #expect(try run(["check", "old", "dead"], in: shell).status == 0)
        #expect(try run(["forget", "old", "dead"], in: shell).status == 0, "again")
    }

    @Test(arguments: shells) func whatTheNodesRemovalLeavesIsTakenToo(shell: [String]) throws {
        try stage.write("", to: "keeps-secret")
        try FileManager.default.removeItem(at: stage.folder.appending(path: "node"))
        #expect(try run(["check", "old", "dead"], in: shell).status == 1, "the password is left")
        #expect(try run(["forget", "old", "dead"], in: shell).status == 0)
        #expect(!has("secret"))
    }

    @Test(arguments: shells) func aWorkerHasNoMember(shell: [String]) throws {
        try stage.write("", to: "etcd")
        #expect(try run(["forget", "old", "dead", "silent=https://silent:6443"], in: shell).status == 0)
        #expect(!stage.calls.contains { $0.contains("annotate") })
    }

    @Test(arguments: shells) func oneThatIsReadyIsForgottenOnlyWhenItWasStopped(shell: [String]) throws {
        try stage.write("True", to: "ready")
        let result = try run(["forget", "old", "dead"], in: shell)
        #expect(result.status == 1)
        #expect(result.error == "old is ready: its machine serves, and is not forgotten\n")
        #expect(has("node") && !stage.calls.contains { $0.contains("annotate") || $0.contains("delete") })
        #expect(try run(["forget", "old", "stopped"], in: shell).status == 0)
    }

    @Test(arguments: shells) func noMemberIsRemovedWhileAnotherServerIsSilent(shell: [String]) throws {
        let result = try run(["forget", "old", "dead", "a=https://a:6443", "s=https://silent:6443"], in: shell)
        #expect(result.status == 1)
        #expect(result.error.hasPrefix("s does not serve; no member of etcd is removed meanwhile"))
        #expect(has("node") && !stage.calls.contains { $0.contains("annotate") })
    }

    @Test(arguments: shells) func aMemberThatK3sDoesNotRemoveKeepsItsNode(shell: [String]) throws {
        try stage.write("", to: "last-voter")
        let result = try run(["forget", "old", "dead"], in: shell)
        #expect(result.status == 1 && result.error.contains("the member of etcd on old is not removed"))
        #expect(has("node") && has("secret"))
    }

    @Test(arguments: shells) func anEarlierRemovalIsNotTakenForThisOne(shell: [String]) throws {
        try stage.write("old-0", to: "removed")
        try stage.write("", to: "last-voter")
        #expect(try run(["forget", "old", "dead"], in: shell).status == 1)
        #expect(has("node"))
    }

    @Test(arguments: shells) func whoCannotBeAskedForgetsNothing(shell: [String]) throws {
        try stage.write("", to: "down")
        #expect(try run(["check", "old", "dead"], in: shell).status == 1)
        #expect(try run(["forget", "old", "dead"], in: shell).status == 1)
    }

    @Test(arguments: shells) func aMachineKeepsNothingThatOpensTheCluster(shell: [String]) throws {
        let folder = stage.folder.path
        try stage.command("systemctl", "case $1 in show) cat '\(folder)/units' ;; esac")
        try stage.write("ActiveState=active\n\nActiveState=inactive\n", to: "units")
        let keys = [
            "rancher/server/db/etcd/member", "rancher/server/tls/ca.key", "rancher/agent/client.key",
            "rancher/agent/a.crt",
            "rancher/agent/kubelet.kubeconfig", "state/guard/member", "state/bgp/edge.password", "k3s/k3s.yaml",
            "state/etcd/snapshot-ab", "k3s/config.yaml.d/90-clusterctl-kube-proxy.yaml",
        ]
        for key in keys { try stage.write("x", to: key) }
        let others = ["rancher/agent/images/k3s.tar", "k3s/config.yaml.d/50-site.yaml"]
        for other in others { try stage.write("x", to: other) }
        func clean(_ task: String) throws -> Shell.Result {
            let text = Template.cleanNode.text().replacing("/var/lib/clusterctl", with: "\(folder)/state")
                .replacing("/var/lib/rancher/k3s", with: "\(folder)/rancher").replacing(
                    "/etc/rancher/k3s", with: "\(folder)/k3s")
            return try Shell.run(shell + ["-c", text, "clean-node", task], commands: stage.commands)
        }
        #expect(try clean("check").status == 1)
        let refused = try clean("clean")
        #expect(refused.status == 1 && refused.error == "K3s runs here\n")
        #expect(has("rancher/server/db/etcd/member"))
        try stage.write("ActiveState=inactive\n\nActiveState=failed\n", to: "units")
        #expect(try clean("clean").status == 0)
        for key in keys { #expect(!has(key), "\(key)") }
        for other in others { #expect(has(other), "\(other)") }
        #expect(try clean("check").status == 0)
    }
}
