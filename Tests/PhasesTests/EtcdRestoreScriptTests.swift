import Foundation
import Testing

@testable import Rendering

/// The program of a restore, against a machine that is files, and a K3s that restores by copying.
@ShellThread struct EtcdRestoreScriptTests {
    private let stage: Stage
    nonisolated static let shells = [["dash"], ["bash"], ["busybox", "ash"]]

    init() throws {
        stage = try Stage()
        let folder = stage.folder.path
        try stage.write("the-token\n", to: "etc/k3s/token")
        try stage.write("cluster-init: true\nserver: https://a:6443\ntls-san:\n- server\n", to: "etc/k3s/config.yaml")
        try stage.write("\"server\": https://b:6443\n", to: "etc/k3s/config.yaml.d/50-server.yaml")
        try stage.write("old data", to: "k3s/server/db/etcd/member/snap/db")
        try stage.write("active", to: "state")
        try stage.command(
            "systemctl",
            """
            cd '\(folder)'
            case "$*" in
                'show -p LoadState -- clusterctl-etcd.service') echo LoadState=not-found ;;
                'show -p LoadState '*) echo LoadState=loaded ;;
                'show -p ActiveState '*) echo "ActiveState=$(cat state)" ;;
                'show -p UnitFileState '*) echo "UnitFileState=$(cat enabled 2>/dev/null || echo enabled)" ;;
                'disable '*) echo disabled >enabled ;;
                'enable '*) echo enabled >enabled ;;
                'stop k3s.service') [ -e stubborn ] || echo inactive >state ;;
                'kill '*) [ -e stubborn ] || echo failed >state ;;
                'start '*) echo active >state ;;
            esac
            """)
        try stage.command(
            "systemd-run",
            """
            cd '\(folder)'
            while [ $# -gt 0 ] && [ "$1" != --config ]; do shift; done
            cat "$2" "$2".d/* >seen 2>/dev/null
            [ ! -e fails ] || { mkdir -p k3s/server/db/etcd; exit 1; }
            mkdir -p k3s/server/db/etcd/member && echo new >k3s/server/db/etcd/member/new
            """)
        try stage.command("journalctl", "echo 'level=fatal msg=\"no such thing\"'")
        try stage.command(
            "k3s",
            """
            cd '\(folder)'
            [ ! -e down ] || { echo 'connection refused' >&2; exit 1; }
            case "$*" in *namespaces*) cat namespaces ;; esac
            """)
        try stage.command("sync", "")
        try stage.command("timeout", "shift; \"$@\"")
        try stage.command("sleep", "")
    }

    /// As etcd sends it: what is in it, and the digest of that.
    private func snapshot(_ text: String = "", damaged: Bool = false) throws {
        let token = "/bootstrap/\(try hash("the-token").prefix(12))"
        let script = """
            cd '\(stage.folder.path)' && mkdir -p k3s/server/db/snapshots && {
                printf 'x\\0%s\\0%s\\0' '\(text.isEmpty ? token : text)' 'uid-system2 and uid-2'
                head -c 2000 /dev/zero
            } | head -c 1024 >body
            digest=$(sha256sum <body) && printf "$(printf %s "${digest%% *}" | sed 's/../\\\\x&/g')" >digest
            cat body digest >k3s/server/db/snapshots/s-1
            """
        let made = try Shell.run(["bash", "-c", script])
        #expect(made.status == 0, "\(made.error)")
        if damaged {
            _ = try Shell.run([
                "bash", "-c",
                "printf y | dd of='\(stage.folder.path)/k3s/server/db/snapshots/s-1' bs=1 seek=3 conv=notrunc 2>/dev/null",
            ])
        }
    }

    private func hash(_ text: String) throws -> String {
        String(try Shell.run(["bash", "-c", "printf %s '\(text)' | sha256sum"]).output.prefix(64))
    }

    private func run(_ arguments: [String], in shell: [String]) throws -> Shell.Result {
        let folder = stage.folder.path
        let text = Template.etcdRestore.text().replacing("/var/lib/clusterctl", with: "\(folder)/clusterctl")
            .replacing("/var/lib/rancher/k3s", with: "\(folder)/k3s").replacing(
                "/etc/rancher/k3s", with: "\(folder)/etc/k3s")
        return try Shell.run(shell + ["-c", text, "etcd-restore"] + arguments, commands: stage.commands)
    }

    private func text(_ path: String) -> String? { try? Repository.text(stage.folder.appending(path: path)) }
    private func state(_ shell: [String]) throws -> String { try run(["state"], in: shell).output }
    private func isDone(_ task: String, _ shell: [String]) throws -> Bool {
        try run(["done", task, "abc", "s-1", "x"], in: shell).status == 0
    }

    @Test(arguments: shells) func aServerIsStoppedEmptiedAndFilledAndKeepsWhatItHad(shell: [String]) throws {
        try snapshot()
        #expect(try run(["check", ".", "s-1"], in: shell).error == "")
        #expect(try !isDone("stop", shell))
        #expect(
            try run(["reset", "abc", "s-1"], in: shell).error == "this node has not come to 'stopped' in this restore\n"
        )
        #expect(try run(["stop", "abc", "s-1"], in: shell).status == 0)
        #expect(text("enabled") == "disabled\n")
        #expect(try state(shell) == "abc stopped s-1\n")
        #expect(try isDone("stop", shell))
        let result = try run(["reset", "abc", "s-1"], in: shell)
        #expect(result.status == 0, "\(result.error)")
        #expect(try state(shell) == "abc reset s-1\n")
        #expect(text("k3s/server/db/etcd/member/new") == "new\n")
        #expect(text("k3s/server/etcd-before-abc/member/snap/db") == "old data")
        #expect(text("seen") == "cluster-init: true\ntls-san:\n- server\n", "K3s was not told where to join")
        #expect(text("etc/k3s/config.yaml.d/50-server.yaml") != nil)
        #expect(
            stage.calls.contains {
                $0.contains("--cluster-reset-restore-path=\(stage.folder.path)/k3s/server/db/snapshots/s-1")
            })
        // Once more changes nothing.
        let calls = stage.calls.count { $0.hasPrefix("systemd-run") }
        for task in ["stop", "reset"] { #expect(try run([task, "abc", "s-1"], in: shell).status == 0) }
        #expect(stage.calls.count { $0.hasPrefix("systemd-run") } == calls)
        #expect(try run(["end", "abc", "s-1"], in: shell).status == 0)
        #expect(try isDone("stop", shell) && isDone("reset", shell) && isDone("end", shell))
        #expect(try run(["done", "stop", "other", "s-1"], in: shell).status == 1, "the next one is another one")
    }

    @Test(arguments: shells) func aResetThatFailsKeepsTheDataAndIsBegunAgain(shell: [String]) throws {
        try snapshot()
        try stage.write("", to: "fails")
        _ = try run(["stop", "abc", "s-1"], in: shell)
        let result = try run(["reset", "abc", "s-1"], in: shell)
        #expect(result.status == 1)
        #expect(result.error.contains("level=fatal msg=\"no such thing\""))
        #expect(text("k3s/server/etcd-before-abc/member/snap/db") == "old data")
        try FileManager.default.removeItem(at: stage.folder.appending(path: "fails"))
        #expect(try run(["reset", "abc", "s-1"], in: shell).status == 0)
        #expect(
            text("k3s/server/etcd-before-abc/member/snap/db") == "old data", "what was half made is not taken for it")
    }

    @Test(arguments: shells) func whatHasNoNewDataYetIsGivenUp(shell: [String]) throws {
        try snapshot()
        try stage.write("", to: "fails")
        _ = try run(["stop", "abc", "s-1"], in: shell)
        _ = try run(["reset", "abc", "s-1"], in: shell)
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 1)
        #expect(try run(["recover", ".", "."], in: shell).status == 0)
        #expect(text("k3s/server/db/etcd/member/snap/db") == "old data")
        #expect(text("enabled") == "enabled\n" && text("state") == "active\n")
        #expect(try state(shell) == "")
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 0)
    }

    @Test(arguments: shells) func newDataAreNotGivenUp(shell: [String]) throws {
        try snapshot()
        for task in ["stop", "reset"] { _ = try run([task, "abc", "s-1"], in: shell) }
        let result = try run(["recover", ".", "."], in: shell)
        #expect(result.status == 1 && result.error.contains("has to be led to its end"))
        #expect(text("k3s/server/db/etcd/member/new") == "new\n")
    }

    @Test(arguments: shells) func anotherServerMakesWayAndWillJoin(shell: [String]) throws {
        #expect(
            try run(["aside", "abc", "s-1", "https://[fd00::1]:6443"], in: shell).status == 1, "it was not stopped")
        _ = try run(["stop", "abc", "s-1"], in: shell)
        #expect(try run(["aside", "abc", "s-1", "https://[fd00::1]:6443"], in: shell).status == 0)
        #expect(text("k3s/server/etcd-before-abc/member/snap/db") == "old data")
        #expect(text("k3s/server/db/etcd/member/snap/db") == nil)
        let join = "etc/k3s/config.yaml.d/90-clusterctl-restore.yaml"
        #expect(text(join)?.hasSuffix("server: \"https://[fd00::1]:6443\"\n") == true)
        #expect(try isDone("aside", shell))
        // K3s has joined since; the same step leaves its new data alone.
        try stage.write("joined", to: "k3s/server/db/etcd/member/snap/db")
        #expect(try run(["aside", "abc", "s-1", "https://[fd00::1]:6443"], in: shell).status == 0)
        #expect(text("k3s/server/db/etcd/member/snap/db") == "joined")
        #expect(try run(["end", "abc", "s-1"], in: shell).status == 0)
        #expect(text(join) == nil)
    }

    @Test(arguments: shells) func whatHasNoDataAnyMoreIsFilledAllTheSame(shell: [String]) throws {
        try snapshot()
        try FileManager.default.removeItem(at: stage.folder.appending(path: "k3s/server/db/etcd"))
        for task in ["stop", "reset"] { #expect(try run([task, "abc", "s-1"], in: shell).status == 0) }
        #expect(text("k3s/server/db/etcd/member/new") == "new\n")
    }

    @Test(arguments: shells) func k3sThatDoesNotStopIsNotStopped(shell: [String]) throws {
        try stage.write("", to: "stubborn")
        let result = try run(["stop", "abc", "s-1"], in: shell)
        #expect(result.status == 1 && result.error == "k3s.service does not stop\n")
        #expect(try state(shell) == "")
    }

    @Test(arguments: shells) func whatCannotBeRestoredIsFoundOutBefore(shell: [String]) throws {
        func said() throws -> String { try run(["check", ".", "s-1"], in: shell).error }
        #expect(try said().contains("there is no snapshot "))
        try snapshot(damaged: true)
        #expect(try said().contains("is damaged: its checksum is another one"))
        try snapshot("/bootstrap/000000000000")
        #expect(try said().contains("was taken of a cluster with another token"))
        try stage.write("short", to: "k3s/server/db/snapshots/s-1")
        #expect(try said().contains("is no whole snapshot of etcd: it has 5 bytes"))
        try snapshot()
        #expect(try said() == "")
        try stage.write("K10aa::server:the-token", to: "etc/k3s/token")
        #expect(try said() == "", "a token in its long form is the same token")
        try FileManager.default.removeItem(at: stage.folder.appending(path: "etc/k3s/token"))
        #expect(try said().contains("there is no token here"))
    }

    @Test(arguments: shells) func theClusterIsTheSnapshotsOrNot(shell: [String]) throws {
        try snapshot()
        try stage.write("default=uid-2\nkube-system=uid-system\nnewer=uid-3\n", to: "namespaces")
        _ = try run(["stop", "abc", "s-1"], in: shell)
        #expect(try run(["prove", "abc", "s-1"], in: shell).output == "2 of 3 namespaces are the snapshot's own\n")
        try stage.write("default=uid-2\nkube-system=uid-other\n", to: "namespaces")
        let result = try run(["prove", "abc", "s-1"], in: shell)
        #expect(result.status == 1 && result.error.contains("its kube-system is uid-other"))
        try stage.write("", to: "down")
        #expect(try run(["prove", "abc", "s-1"], in: shell).status == 1)
    }

    @Test(arguments: shells) func passwordsAreForgottenOnce(shell: [String]) throws {
        _ = try run(["stop", "abc", "s-1"], in: shell)
        #expect(try run(["done", "forget", "abc", "s-1", "a", "b"], in: shell).status == 1)
        #expect(try run(["forget", "abc", "s-1", "a", "b"], in: shell).status == 0)
        let deleted = stage.calls.filter { $0.contains("delete secret") }
        #expect(deleted.map { $0.contains("a.node-password.k3s") } == [true, false])
        #expect(try run(["done", "forget", "abc", "s-1", "a", "b"], in: shell).status == 0)
        try stage.write("", to: "down")
        #expect(try run(["forget", "new", "s-1", "a"], in: shell).status == 1)
    }
}
