import Foundation
import Testing

@testable import Rendering

/// The program of a restore, against a machine that is files, and a K3s that restores by copying.
@ShellThread struct EtcdRestoreScriptTests {
    let stage: Stage
    nonisolated static let shells = [["dash"], ["bash"], ["busybox", "ash"]]

    init() throws {
        stage = try Stage()
        let folder = stage.folder.path
        try stage.write("the-token\n", to: "etc/k3s/token")
        try stage.write("cluster-init: true\nserver: https://a:6443\ntls-san:\n- server\n", to: "etc/k3s/config.yaml")
        try stage.write(
            "\"server\": https://b:6443\nprotect-kernel-defaults: true\n", to: "etc/k3s/config.yaml.d/50-server.yaml")
        try stage.write("", to: "mountinfo")
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
                'disable '*) [ -e sticky ] || echo disabled >enabled ;;
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
        try stage.command("curl", "exit 7")
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

    func hash(_ text: String) throws -> String {
        String(try Shell.run(["bash", "-c", "printf %s '\(text)' | sha256sum"]).output.prefix(64))
    }

    func run(_ words: [String], in shell: [String]) throws -> Shell.Result { try run(.etcdRestore, words, in: shell) }

    private func run(_ template: Template, _ arguments: [String] = [], in shell: [String]) throws -> Shell.Result {
        let folder = stage.folder.path
        let text = template.text().replacing("/var/lib/clusterctl", with: "\(folder)/clusterctl")
            .replacing("/var/lib/rancher/k3s", with: "\(folder)/k3s").replacing(
                "/etc/rancher/k3s", with: "\(folder)/etc/k3s"
            ).replacing("/proc/self/mountinfo", with: "\(folder)/mountinfo")
        return try Shell.run(shell + ["-c", text, template.programName] + arguments, commands: stage.commands)
    }

    func text(_ path: String) -> String? { try? Repository.text(stage.folder.appending(path: path)) }
    private func state(_ shell: [String]) throws -> String { try run(.restoreState, in: shell).output }
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
        #expect(
            text("seen") == "cluster-init: true\ntls-san:\n- server\nprotect-kernel-defaults: true\n",
            "all that K3s is told, but for where to join")
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

    // MARK: What must not be lost, and what must not live twice

    @Test(arguments: shells, ["k3s/server/db/etcd", "k3s/server/db"]) func aMountIsLeftAlone(
        shell: [String], at place: String
    )
        throws
    {
        try snapshot()
        let mount = "36 35 8:1 / \(stage.folder.resolvingSymlinksInPath().path)/\(place) rw - ext4 /dev/x rw\n"
        #expect(try run(["place", ".", "."], in: shell).status == 0)
        _ = try run(["stop", "abc", "s-1"], in: shell)
        try stage.write(mount, to: "mountinfo")
        for task in ["place . .", "stop new s-1", "reset abc s-1", "aside abc s-1 u"] {
            let result = try run(task.split(separator: " ").map(String.init), in: shell)
            #expect(result.status == 1 && result.error.contains("could not be moved aside"), "\(task): \(result.error)")
        }
        #expect(text("k3s/server/db/etcd/member/snap/db") == "old data")
        #expect(try state(shell) == "abc stopped s-1\n")
    }

    @Test(arguments: shells) func dataThatCannotBeMovedAreNotDeleted(shell: [String]) throws {
        try snapshot()
        _ = try run(["stop", "abc", "s-1"], in: shell)
        try stage.write("someone's", to: "k3s/server/etcd-before-abc/member/snap/db")
        for task in [["reset", "abc", "s-1"], ["aside", "abc", "s-1", "u"], ["recover", ".", "."]] {
            let result = try run(task, in: shell)
            #expect(result.status == 1 && result.error.contains("are both there"), "\(task): \(result.error)")
        }
        #expect(text("k3s/server/db/etcd/member/snap/db") == "old data")
        #expect(text("k3s/server/etcd-before-abc/member/snap/db") == "someone's")
    }

    @Test(arguments: shells) func whetherItIsStoppedIsAsked(shell: [String]) throws {
        try snapshot()
        _ = try run(["stop", "abc", "s-1"], in: shell)
        for (file, bad, good) in [("state", "active", "inactive"), ("enabled", "enabled", "disabled")] {
            try stage.write(bad, to: file)
            #expect(try !isDone("stop", shell), "\(file)")
            for task in [["reset", "abc", "s-1"], ["aside", "abc", "s-1", "u"]] {
                let result = try run(task, in: shell)
                #expect(result.status == 1 && result.error.contains("it was started in between"), "\(result.error)")
            }
            #expect(text("k3s/server/db/etcd/member/snap/db") == "old data")
            try stage.write(good, to: file)
            #expect(try isDone("stop", shell))
        }
        // What a step has begun since does not fall back, and is stopped all the same.
        try stage.write("", to: "fails")
        _ = try run(["reset", "abc", "s-1"], in: shell)
        try stage.write("active", to: "state")
        #expect(try !isDone("stop", shell))
        #expect(try run(["recover", ".", "."], in: shell).error.contains("K3s runs here"))
        #expect(try run(["stop", "abc", "s-1"], in: shell).status == 0)
        #expect(try state(shell) == "abc resetting s-1\n")
        #expect(text("state") == "inactive\n")
    }

    @Test(arguments: shells) func whatStaysEnabledIsNotStopped(shell: [String]) throws {
        try stage.write("", to: "sticky")
        let result = try run(["stop", "abc", "s-1"], in: shell)
        #expect(result.status == 1 && result.error.contains("would start with the machine"))
        #expect(try state(shell) == "")
    }

    @Test(arguments: shells) func aServerWithoutDataIsNotStarted(shell: [String]) throws {
        try snapshot()
        try FileManager.default.removeItem(at: stage.folder.appending(path: "k3s/server/db/etcd"))
        #expect(try run(["data", ".", "."], in: shell).output == "none\n")
        _ = try run(["stop", "abc", "s-1"], in: shell)
        try stage.write("", to: "fails")
        _ = try run(["reset", "abc", "s-1"], in: shell)
        try stage.write("half made", to: "k3s/server/db/etcd/member/snap/db")
        #expect(try run(["data", ".", "."], in: shell).output == "none\n", "what is half made is nobody's")
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 1)
        let result = try run(["recover", ".", "."], in: shell)
        #expect(result.status == 0, "\(result.error)")
        #expect(text("k3s/server/db/etcd/member/snap/db") == nil)
        #expect(text("k3s/server/etcd-made-abc/member/snap/db") == "half made")
        #expect(text("state") == "inactive\n" && text("enabled") == "disabled\n", "it would begin a cluster of its own")
        #expect(try state(shell) == "")
        #expect(try run(["done", "recover", ".", "."], in: shell).status == 0)
    }

    @Test(arguments: shells) func whatIsAsideIsTheServersOwn(shell: [String]) throws {
        try snapshot()
        #expect(try run(["data", ".", "."], in: shell).output == "own\n")
        try stage.write("", to: "fails")
        for task in ["stop", "reset"] { _ = try run([task, "abc", "s-1"], in: shell) }
        #expect(try run(["data", ".", "."], in: shell).output == "aside\n")
    }

    @Test(arguments: shells) func aMemberThatTheGuardKeepsIsStartedInPlaceOfK3s(shell: [String]) throws {
        try stage.write("inactive", to: "state")
        try stage.write("disabled", to: "enabled")
        try stage.write("workers", to: "clusterctl/guard/member")
        #expect(try run(["data", ".", "."], in: shell).output == "own kept\n")
        #expect(try run(["recover", ".", "."], in: shell).status == 0)
        let started = stage.calls.filter { $0.contains(" start ") || $0.hasPrefix("start ") }
        #expect(started.count == 1 && started[0].contains("clusterctl-etcd.service"), "\(started)")
    }

    @Test(arguments: shells) func whoMadeWayDoesNotBegin(shell: [String]) throws {
        try snapshot()
        _ = try run(["stop", "abc", "s-1"], in: shell)
        _ = try run(["aside", "abc", "s-1", "https://a:6443"], in: shell)
        #expect(try !isDone("reset", shell))
        #expect(try run(["reset", "abc", "s-1"], in: shell).error.contains("have made way"))
        // Another attempt begins here, and is not told to join the lost one.
        for task in ["stop", "reset"] { #expect(try run([task, "new", "s-1"], in: shell).status == 0) }
        #expect(text("etc/k3s/config.yaml.d/90-clusterctl-restore.yaml") == nil)
        #expect(text("k3s/server/etcd-before-abc/member/snap/db") == "old data")
    }

    @Test(
        arguments: shells,
        [
            ("7", "0", true), ("28", "0", true), ("28", "1", false), ("0", "1", false), ("35", "1", false),
            ("2", "", false),
        ])
    func whoIsLeftOutMustBeDead(shell: [String], answer: (status: String, took: String, isDead: Bool)) throws {
        try snapshot()
        try stage.command("curl", "printf '%s' '\(answer.took)'; exit \(answer.status)")
        let result = try run(["check", ".", "s-1", "https://[fd00::2]:6443"], in: shell)
        #expect(result.status == (answer.isDead ? 0 : 1))
        #expect(result.error.contains("left out of this restore, and answers") == !answer.isDead)
        #expect(stage.calls.contains { $0.hasSuffix("https://[fd00::2]:6443/ping") })
        #expect(stage.calls.contains { $0.hasSuffix("https://[fd00::2]:2380/") } == answer.isDead)
    }

    @Test(arguments: shells) func theCopyGoesWithTheEndAndWhatItProvedStays(shell: [String]) throws {
        try snapshot()
        let (copy, kept) = ("\(stage.folder.path)/clusterctl/etcd/snapshot-1", "k3s/server/db/snapshots/s-1")
        let copying = "mkdir -p \"${1%/*}\" && cp \"$2\" \"$1\""
        _ = try Shell.run(["bash", "-c", copying, "cp", copy, "\(stage.folder.path)/\(kept)"])
        try stage.write("default=uid-2\nkube-system=uid-system\n", to: "namespaces")
        for task in ["stop", "reset", "end"] { #expect(try run([task, "abc", copy], in: shell).status == 0) }
        #expect(!FileManager.default.fileExists(atPath: copy))
        #expect(try run(["proof", ".", "."], in: shell).output == "2 of 2 namespaces are the snapshot's own\n")
        #expect(try state(shell).split(separator: " ").count == 4, "and when it ended")
        // One of the server's own stays.
        for task in ["stop", "reset", "end"] { #expect(try run([task, "new", "s-1"], in: shell).status == 0) }
        #expect(FileManager.default.fileExists(atPath: stage.folder.appending(path: kept).path))
    }

    @Test(arguments: shells) func ofWhichClusterEtcdIs(shell: [String]) throws {
        try stage.command(
            "curl",
            """
            case "$*" in
                *:2379/*) echo '{"header":{"cluster_id":"77","member_id":"9"},"members":[{"ID":"9"},{"ID":"10"}]}' ;;
                *) exit 7 ;;
            esac
            """)
        #expect(try run(["cluster", ".", "."], in: shell).output == "cluster_id:77 ID:10 ID:9 \n")
        try stage.command("curl", "exit 7")
        #expect(try run(["cluster", ".", "."], in: shell).status == 1)
    }
}
