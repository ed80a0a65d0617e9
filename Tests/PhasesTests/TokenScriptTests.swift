import Foundation
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// The program that changes the token, against a K3s and an etcd that are files.
@ShellThread struct TokenScriptTests {
    private let stage: Stage
    nonisolated static let shells = [["dash"], ["bash"], ["busybox", "ash"]]
    private static let old = "it's \"old\"\\"
    private static let new = "the $new \"one\"\\ü"

    init() throws {
        stage = try Stage()
        let folder = stage.folder.path
        try stage.write("\(Self.old)\n", to: "etc/k3s/token")
        try stage.write("K10\(String(repeating: "a", count: 64))::server:\(Self.old)\n", to: "k3s/server/token")
        try stage.write(Self.new, to: "clusterctl/token/next")
        try stage.write("1", to: "start")
        // What K3s was started with, and the names of what is in etcd.
        try stage.write(Self.old, to: "running")
        try stage.write("\(try name(Self.old))\n", to: "keys")
        try stage.command("systemctl", "printf 'InvocationID=%s\\nMainPID=7\\n' \"$(cat '\(folder)/start')\"")
        try stage.command("sync", "")
        try stage.command("sleep", "")
        try stage.command(
            "curl",
            """
            cd '\(folder)'
            case "$*" in *kv/*)
                [ ! -e silent ] || { echo 'curl: (7) refused' >&2; exit 7; }
                case "$*" in
                *2382*) exit 7 ;;
                *deleterange*) key=${*#*key\\":\\"}; key=${key%%\\"*}; grep -vF "$key" keys >keys.new; mv keys.new keys ;;
                esac
                printf '{"header":{"revision":"7"},"kvs":['
                sed 's/.*/{"key":"&","mod_revision":"5"}/' keys | paste -sd, | tr -d '\\n'
                echo '],"count":"1"}'
                exit 0 ;;
            esac
            [ ! -e away ] || exit 7
            python3 '\(folder)/supervisor.py' "$@"
            """)
        try stage.write(
            """
            import base64, hashlib, json, re, sys
            folder = "\(folder)/"
            fields = dict(re.findall(r'^(\\S+) = "((?:[^"\\\\]|\\\\.)*)"$', sys.stdin.read(), re.M))
            fields = {key: re.sub(r"\\\\(.)", r"\\1", value) for key, value in fields.items()}
            said = sys.argv[sys.argv.index("-o") + 1]
            def name(token):
                return base64.b64encode(("/bootstrap/" + hashlib.sha256(token.encode()).hexdigest()[:12]).encode()).decode()
            def code():
                user, _, password = fields["user"].partition(":")
                if (user, password) != ("server", open(folder + "running").read()):
                    return 401
                if fields.get("request") != "PUT":
                    return 405
                new = json.loads(fields["data-raw"])["newToken"]
                open(folder + "asked", "a").write(new + "\\n")
                keys = open(folder + "keys").read().split()
                try:
                    if open(folder + "stuck").read() == "":
                        keys = [key for key in keys if key != name(new)] + [name(new)]
                        open(folder + "keys", "w").write("\\n".join(keys) + "\\n")
                        open(said, "w").write("token error ID 1\\n")
                        open(folder + "stuck", "w").write("no more")
                        return 500
                except FileNotFoundError:
                    pass
                if len(keys) > 1:
                    return 500
                open(folder + "keys", "w").write(name(new) + "\\n")
                return 200
            print(code(), end="")
            """, to: "supervisor.py")
    }

    /// As etcd writes the name under which K3s has the cluster's data.
    private func name(_ token: String) throws -> String {
        try stage.write(token, to: "named")
        let script = "printf /bootstrap/%s \"$(sha256sum <'\(stage.folder.path)/named' | cut -c 1-12)\" | base64"
        return try Shell.run(["bash", "-c", script]).output.trimmingCharacters(in: .newlines)
    }

    private func run(_ arguments: [String], in shell: [String]) throws -> Shell.Result {
        let folder = stage.folder.path
        let text = Template.token.text().replacing("/var/lib/clusterctl", with: "\(folder)/clusterctl")
            .replacing("/var/lib/rancher/k3s", with: "\(folder)/k3s").replacing(
                "/etc/rancher/k3s", with: "\(folder)/etc/k3s")
        return try Shell.run(shell + ["-c", text, "token"] + arguments, commands: stage.commands)
    }

    private func text(_ path: String) -> String? { try? Repository.text(stage.folder.appending(path: path)) }

    private func look(_ shell: [String]) throws -> TokenFacts {
        let result = try run(["look", "k3s.service", "https://a:6443"], in: shell)
        #expect(result.error == "")
        return try #require(TokenFacts(Answer(status: result.status, output: result.output)))
    }

    @Test(arguments: shells) func theTokenIsChangedAndTheFileWithItAndSecretsAreInNoCommandLine(shell: [String]) throws
    {
        let before = try look(shell)
        #expect(before.isUnderWay && before.code == "405" && !before.runsOld && before.overruled == [])
        #expect(before.etcd == .init(count: 1, isUnderFile: true, isUnderNew: false, isUnderServers: false))
        #expect(try run(["is-rotated"], in: shell).status == 1)
        let done = try run(["rotate", "k3s.service", "https://a:6443"], in: shell)
        #expect(done.status == 0 && done.error == "", "\(done.error)")
        #expect(text("asked") == "\(Self.new)\n")
        #expect(text("etc/k3s/token") == Self.new)
        #expect(text("clusterctl/token/old") == "\(Self.old)\n")
        let mode = try Shell.run(["stat", "-c", "%a", "\(stage.folder.path)/etc/k3s/token"])
        #expect(mode.output == "600\n")
        #expect(try run(["is-rotated"], in: shell).status == 0)
        #expect(try run(["is-kept", "k3s.service"], in: shell).status == 0)
        let after = try look(shell)
        #expect(after.runsOld && after.code == "405", "K3s goes by the earlier one until it is started anew")
        #expect(after.etcd == .init(count: 1, isUnderFile: true, isUnderNew: true, isUnderServers: false))
        #expect(try run(["is-current", "k3s.service"], in: shell).status == 1)
        // K3s is started anew.
        #expect(try run(["serves", "https://a:6443"], in: shell).output == "new=401 old=405\n")
        try stage.write("2", to: "start")
        try stage.write(Self.new, to: "running")
        #expect(try run(["is-current", "k3s.service"], in: shell).status == 0)
        let serves = try run(["serves", "https://a:6443"], in: shell)
        #expect(serves.status == 0 && serves.output == "new=405 old=401\n")
        // Once more changes nothing.
        #expect(try run(["rotate", "k3s.service", "https://a:6443"], in: shell).status == 0)
        #expect(text("asked") == "\(Self.new)\n")
        #expect(try run(["is-ended"], in: shell).status == 1)
        #expect(try run(["end"], in: shell).status == 0)
        #expect(try run(["is-ended"], in: shell).status == 0)
        #expect(text("clusterctl/token/old") == nil)
        #expect(!stage.calls.contains { $0.contains("old\"") || $0.contains("$new") })
    }

    @Test(arguments: shells) func whatWasCutOffIsCompleted(shell: [String]) throws {
        // K3s has made the new key and not removed the earlier one.
        try stage.write("", to: "stuck")
        let failed = try run(["rotate", "k3s.service", "https://a:6443"], in: shell)
        #expect(failed.error == "K3s did not change the token: 500 token error ID 1 \n")
        #expect(text("etc/k3s/token") == "\(Self.old)\n", "nothing goes by it yet")
        #expect(try look(shell).etcd == .init(count: 2, isUnderFile: true, isUnderNew: true, isUnderServers: false))
        #expect(try run(["is-rotated"], in: shell).status == 1)
        let done = try run(["rotate", "k3s.service", "https://a:6443"], in: shell)
        #expect(done.status == 0, "\(done.error)")
        #expect(text("keys") == "\(try name(Self.new))\n")
        // etcd has changed, and the program was ended before the file had.
        try stage.write("\(Self.old)\n", to: "etc/k3s/token")
        #expect(try run(["is-rotated"], in: shell).status == 1)
        #expect(try run(["rotate", "k3s.service", "https://a:6443"], in: shell).status == 0)
        #expect(text("etc/k3s/token") == Self.new)
        #expect(text("asked")?.split(separator: "\n").count == 3)
    }

    @Test(arguments: shells) func nothingIsChangedWhereItCannotBe(shell: [String]) throws {
        try stage.write("something else", to: "running")
        #expect(try look(shell).code == "401")
        let strange = try run(["rotate", "k3s.service", "https://a:6443"], in: shell)
        #expect(strange.status == 1)
        #expect(strange.error == "K3s here takes none of the tokens that are on this machine\n")
        try stage.write("", to: "away")
        #expect(try look(shell).code == "000")
        #expect(
            try run(["rotate", "k3s.service", "https://a:6443"], in: shell).error
                == "K3s at https://a:6443 does not answer, or did not say how it ended\n")
        try stage.write("", to: "silent")
        #expect(try look(shell).silence == "curl: (7) refused")
        #expect(
            try run(["rotate", "k3s.service", "https://a:6443"], in: shell).error
                == "etcd here does not answer: curl: (7) refused\n")
        #expect(text("etc/k3s/token") == "\(Self.old)\n" && text("asked") == nil)
        try stage.write("server: x\ntoken-file: /root/token\n", to: "etc/k3s/config.yaml.d/70-site.yaml")
        try stage.write("token-like: x\n# token: y\n", to: "etc/k3s/config.yaml.d/80-site.yaml")
        // A path of this machine stands where the nodes' is.
        let overruled = try run(["look", "k3s.service", "https://a:6443"], in: shell).output
        #expect(overruled.contains("overruled \(stage.folder.path)/etc/k3s/config.yaml.d/70-site.yaml\n"))
        #expect(!overruled.contains("80-site"))
    }

    @Test(arguments: shells) func aNodeNotesWhichStartOfK3sGoesByTheEarlierToken(shell: [String]) throws {
        #expect(try run(["is-kept", "k3s-agent.service"], in: shell).status == 1)
        #expect(try run(["keep", "k3s-agent.service"], in: shell).status == 0)
        #expect(try run(["is-kept", "k3s-agent.service"], in: shell).status == 0)
        // K3s is started anew by itself before the file changes: that start goes by the earlier token, too.
        try stage.write("2", to: "start")
        #expect(try run(["is-kept", "k3s-agent.service"], in: shell).status == 1)
        #expect(try run(["keep", "k3s-agent.service"], in: shell).status == 0)
        try stage.write(Self.new, to: "etc/k3s/token")
        #expect(try run(["is-current", "k3s-agent.service"], in: shell).status == 1)
        let look = try run(["look", "k3s-agent.service"], in: shell)
        #expect(look.output == "staged\nfile new\nkept\nruns old\n")
        try stage.write("3", to: "start")
        #expect(try run(["keep", "k3s-agent.service"], in: shell).status == 0)
        #expect(try run(["is-current", "k3s-agent.service"], in: shell).status == 0, "the file is new already")
    }

    @Test(arguments: shells) func aK3sThatHasFailedInTheMiddleIsNotAskedAgain(shell: [String]) throws {
        // It has written the new token down, and etcd has refused it.
        try stage.write("K10\(String(repeating: "a", count: 64))::server:\(Self.new)\n", to: "k3s/server/token")
        #expect(try look(shell).hasBegun)
        let refused = try run(["rotate", "k3s.service", "https://a:6443"], in: shell)
        #expect(refused.status == 1 && refused.error.hasPrefix("K3s here has failed in the middle of the change"))
        #expect(text("asked") == nil)
        // It is started anew, and has the token of its file again.
        try stage.write("K10\(String(repeating: "a", count: 64))::server:\(Self.old)\n", to: "k3s/server/token")
        #expect(try !look(shell).hasBegun)
        #expect(try run(["rotate", "k3s.service", "https://a:6443"], in: shell).status == 0)
    }

    @Test(arguments: shells) func dataUnderATokenThatNobodyHasAreLeftAlone(shell: [String]) throws {
        try stage.write("\(try name("a third"))\n", to: "keys")
        #expect(try look(shell).etcd == .init(count: 1, isUnderFile: false, isUnderNew: false, isUnderServers: false))
        let refused = try run(["rotate", "k3s.service", "https://a:6443"], in: shell)
        #expect(refused.status == 1 && refused.error.contains("neither this server nor the inventory has"))
        #expect(text("asked") == nil)
        // K3s has written it down, as a change to a third one was ended before the files.
        try stage.write("K10\(String(repeating: "a", count: 64))::server:a third\n", to: "k3s/server/token")
        #expect(try look(shell).etcd == .init(count: 1, isUnderFile: false, isUnderNew: false, isUnderServers: true))
        #expect(try run(["rotate", "k3s.service", "https://a:6443"], in: shell).status == 0)
        #expect(text("keys") == "\(try name(Self.new))\n")
    }

    @Test(arguments: shells) func aServerThatDoesNotTakeTheTokenOfItsFileIsStartedAnew(shell: [String]) throws {
        try stage.write(Self.new, to: "etc/k3s/token")  // by somebody else: nothing is noted
        #expect(try run(["is-current", "k3s.service", "https://a:6443"], in: shell).status == 1)
        #expect(try look(shell).runsOld)
        #expect(try run(["is-current", "k3s-agent.service"], in: shell).status == 0, "a worker cannot be asked")
        try stage.write(Self.new, to: "running")
        #expect(try run(["is-current", "k3s.service", "https://a:6443"], in: shell).status == 0)
        try stage.write("", to: "away")
        #expect(try run(["is-current", "k3s.service", "https://a:6443"], in: shell).status == 0, "it says nothing")
    }

    @Test(arguments: shells) func nothingIsKeptWhereSystemdDoesNotSaySinceWhenK3sRuns(shell: [String]) throws {
        try stage.command("systemctl", "exit 1")
        let refused = try run(["keep", "k3s.service"], in: shell)
        #expect(refused.status == 1 && refused.error == "systemd does not say since when k3s.service runs\n")
        #expect(text("clusterctl/token/runs") == nil)
    }
}
