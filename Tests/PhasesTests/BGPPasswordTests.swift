import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// The nodes' end of passwords, against a `k3s` that keeps Secrets as files.
@ShellThread struct BGPPasswordTests {
    private let stage: Stage
    private let inventory: Inventory

    init() throws {
        stage = try Stage()
        inventory = try Example.read(Example.passwords)
        let folder = stage.folder.path
        try stage.write("", to: "secrets/none")
        try stage.write("", to: "sessions")
        try stage.write("", to: "references/edge-ipv4")
        try stage.command(
            "k3s",
            """
            cd '\(folder)/secrets'
            [ ! -e ../down ] || { echo 'connection refused' >&2; exit 1; }
            case "$*" in
                *ciliumbgppeerconfigs.cilium.io*)
                    if [ -e ../young ]; then
                        echo "error: the server doesn't have a resource type \"ciliumbgppeerconfigs\"" >&2
                        exit 1
                    fi
                    ;;
            esac
            case "$*" in
                *' get secrets'*' -A '*)
                    for f in *; do
                        [ "$f" = none ] || echo "Secret password-${f%@*} ${f#*@}/ $(cat "$f")"
                    done
                    case "$*" in *' get secrets -A '*) exit ;; esac
                    for f in ../references/*; do echo "CiliumBGPPeerConfig peer-${f##*/} / $(cat "$f")"; done
                    ;;
                *' apply '*)
                    cat >../applied
                    owner=$(sed -n 's|.*clusterctl.dev/bgp-password: "\\([^"]*\\)",.*|\\1|p' ../applied)
                    place=$(sed -n 's/^  namespace: //p' ../applied)
                    sed -n 's/.*{password: "\\(.*\\)"}/\\1/p' ../applied >"$owner@$place"
                    ;;
                *' delete secret '*)
                    name=${*##* clusterctl-bgp-} place=${*##* -n }
                    rm -f "${name%% *}@${place%% *}"
                    ;;
                *' patch '*)
                    [ ! -e ../stuck ] || exit 1
                    name=${*##*ciliumbgppeerconfig.cilium.io/} value=${*##*authSecretRef\\":}
                    echo "$value" | tr -d '"}' | sed 's/^null$//' >"../references/${name%% *}"
                    ;;
                *' get ciliumbgppeerconfigs.cilium.io '*jsonpath*) cat ../referred 2>/dev/null ;;
                *' get secret '*) cat ../byhand ;;
                *' get ciliumbgppeerconfigs.cilium.io '*)
                    name=${*##*in (peer-}
                    echo "ciliumbgppeerconfig.cilium.io/${name%%,*}"
                    ;;
                *' ps '*) echo c0ffee ;;
                *' peers '*) [ ! -e ../mute ] || exit 1; cat ../sessions; [ ! -e ../fall ] || mv ../fall ../sessions ;;
            esac
            """)
    }

    private func run(
        _ verb: String, _ words: [String], seconds: Int = 3, namespace: String = "kube-system",
        in shell: [String] = ["sh"]
    ) throws -> Shell.Result {
        try Shell.run(
            shell + ["-c", Template.bgpPasswords.text(), "bgp-passwords", verb, namespace]
                + ["\(stage.folder.path)/bgp", String(seconds)] + words, commands: stage.commands)
    }
    private func password(_ text: String, of router: String = "edge") throws {
        try stage.write(text, to: "bgp/\(router).password")
    }
    private func secret(_ router: String, in namespace: String = "kube-system") -> String? {
        let text = try? Repository.text(stage.folder.appending(path: "secrets/\(router)@\(namespace)"))
        return text.flatMap { Data(base64Encoded: $0.trimmingCharacters(in: .newlines)) }.map {
            String(decoding: $0, as: UTF8.self)
        }
    }
    private func sessions(_ state: String) -> String {
        """
        [{"local-asn": 64512, "peer-address": "fd77::1", "peer-asn": 64513, "session-state": "active"},
         {"local-asn": 64512, "peer-address": "10.77.0.1", "peer-asn": 64513, "session-state": "\(state)",
          "families": [{"afi": "ipv4"}]}]
        """
    }

    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func aPasswordIsGivenOnceTheSessionHasFallen(_ shell: [String]) throws {
        let words = ["edge", "has", "fd77::1,10.77.0.1", "aside", "none", "-"]
        try password("one")
        #expect(try run("done", words, in: shell).status == 1)
        #expect(try run("follow", words, in: shell).status == 0)
        #expect(secret("edge") == "one")
        #expect(try run("done", words, in: shell).status == 0)
        #expect(stage.calls.contains { $0.contains("patch") && $0.contains(#""authSecretRef":"clusterctl-bgp-edge""#) })

        try password("t'wo \"$x`y\\")
        try stage.write(sessions("established"), to: "sessions")
        #expect(try run("done", words, in: shell).status == 1)
        let waited = try run("follow", words, seconds: 1, in: shell)
        #expect(waited.status == 1 && waited.error.contains("sessions with edge"))
        #expect(secret("edge") == "one", "its router has not changed its end")
        try stage.write(sessions("active"), to: "fall")
        #expect(try run("follow", words, in: shell).status == 0)
        #expect(secret("edge") == "t'wo \"$x`y\\")
        #expect(
            !stage.calls.contains {
                $0.contains("wo \"$x") || $0.contains(secret("edge").map { Data($0.utf8).base64EncodedString() } ?? "")
            })
    }

    /// An agent that restarts, or one exec that fails, is no session that has fallen.
    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func sessionsThatCannotBeAskedForHaveNotFallen(_ shell: [String]) throws {
        try password("one")
        try stage.write(sessions("established"), to: "sessions")
        try stage.write("", to: "mute")
        let result = try run("follow", ["edge", "has", "fd77::1,10.77.0.1"], seconds: 1, in: shell)
        #expect(result.status == 1 && result.error.contains("sessions with edge"))
        #expect(secret("edge") == nil)
        #expect(try run("follow", ["edge", "has", "-"], in: shell).status == 0, "nobody has to be asked")
        #expect(secret("edge") == "one")
    }

    /// The Secret alone changes nothing: the sessions' objects must name it.
    @Test func aSecretThatNoSessionNamesIsNamedTheNextTime() throws {
        try password("one")
        try stage.write("", to: "stuck")
        #expect(try run("follow", ["edge", "has", "-"], seconds: 0).status == 1)
        #expect(secret("edge") == "one")
        #expect(try run("done", ["edge", "has", "-"]).status == 1)
        try FileManager.default.removeItem(at: stage.folder.appending(path: "stuck"))
        #expect(try run("follow", ["edge", "has", "-"]).status == 0)
        #expect(try run("done", ["edge", "has", "-"]).status == 0)
    }

    /// A person has set the same password up before: no session falls, and nobody has to wait for that.
    @Test func aPasswordThatCiliumHasByAnotherNameIsTakenOver() throws {
        try password("one")
        try stage.write(sessions("established"), to: "sessions")
        let words = ["edge", "has", "fd77::1,10.77.0.1"]
        try stage.write("router", to: "referred")
        try stage.write(Data("other".utf8).base64EncodedString(), to: "byhand")
        #expect(try run("follow", words, seconds: 1).status == 1)
        #expect(secret("edge") == nil)
        try stage.write(Data("one".utf8).base64EncodedString(), to: "byhand")
        #expect(try run("follow", words, seconds: 1).status == 0)
        #expect(secret("edge") == "one")
    }

    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func aPasswordThatNobodyHasAnyMoreIsTakenAway(_ shell: [String]) throws {
        try password("one")
        try password("two", of: "gone")
        let both = ["edge", "has", "-", "gone", "has", "-"]
        #expect(try run("follow", both, in: shell).status == 0)
        #expect(secret("edge") == "one" && secret("gone") == "two")
        let words = ["edge", "none", "-"]
        #expect(try run("done", words, in: shell).status == 1)
        #expect(try run("follow", words, in: shell).status == 0)
        #expect(secret("edge") == nil && secret("gone") == nil)
        #expect(try run("done", words, in: shell).status == 0)
        #expect(stage.calls.contains { $0.contains("patch") && $0.contains(#""authSecretRef":null"#) })
    }

    /// Where Cilium looks for passwords can change; what is where it looked before is nobody's any more.
    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func aSecretOfAnEarlierNamespaceGoesAndNoSessionFalls(_ shell: [String]) throws {
        let words = ["edge", "has", "fd77::1,10.77.0.1"]
        try password("one")
        #expect(try run("follow", words, in: shell).status == 0)
        try stage.write(sessions("established"), to: "sessions")
        #expect(try run("done", words, namespace: "cilium-secrets", in: shell).status == 1)
        #expect(try run("follow", words, seconds: 0, namespace: "cilium-secrets", in: shell).status == 0)
        #expect(secret("edge", in: "cilium-secrets") == "one" && secret("edge") == nil)
        #expect(try run("done", words, namespace: "cilium-secrets", in: shell).status == 0)
        try stage.write(Data("old".utf8).base64EncodedString(), to: "secrets/edge@kube-system")
        #expect(try run("done", words, namespace: "cilium-secrets", in: shell).status == 1, "it came back")
        #expect(try run("differ", words, namespace: "cilium-secrets", in: shell).output == "", "which cuts nothing")

        try password("two")
        let waited = try run("follow", words, seconds: 0, namespace: "elsewhere", in: shell)
        #expect(waited.status == 1 && secret("edge", in: "elsewhere") == nil, "another password cuts the sessions")
    }

    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func theRoutersOfWhichSomethingDiffersAreNamed(_ shell: [String]) throws {
        try password("one")
        try password("two", of: "aside")
        let words = ["edge", "has", "-", "aside", "has", "-", "third", "none", "-"]
        #expect(try run("differ", words, in: shell).output == "edge\naside\n")
        #expect(try run("follow", Array(words.prefix(3)), in: shell).status == 0)
        #expect(try run("differ", words, in: shell).output == "aside\n")
        try stage.write(secret("edge") ?? "", to: "secrets/third@kube-system")
        #expect(try run("differ", words, in: shell).output == "aside\nthird\n")
        try stage.write("", to: "down")
        #expect(try run("differ", words, in: shell).output == "edge\naside\n")
    }

    /// The run takes the phase back when a router was taken back after the nodes had followed it.
    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func whatTheNodesFollowedInVainIsPutBack(_ shell: [String]) throws {
        let words = ["edge", "has", "fd77::1,10.77.0.1", "aside", "has", "10.77.0.2"]
        let both = sessions("established").replacing("fd77::1", with: "10.77.0.2")
            .replacing("active", with: "established")
        try password("one")
        try password("one", of: "aside")
        #expect(try run("follow", words, in: shell).status == 0)
        try password("two")
        try password("two", of: "aside")
        #expect(try run("follow", words, in: shell).status == 0, "no session is there")
        #expect(secret("edge") == "two" && secret("aside") == "two")
        #expect(try mode("bgp/edge.earlier") == 0o600)

        try stage.write("", to: "mute")
        #expect(try run("back", words, in: shell).status == 1)
        #expect(secret("edge") == "two", "who cannot be asked has not lost its sessions")
        try FileManager.default.removeItem(at: stage.folder.appending(path: "mute"))
        try stage.write(both.replacing("10.77.0.1\"", with: "10.77.0.9\""), to: "sessions")
        #expect(try run("back", words, in: shell).status == 0)
        #expect(secret("edge") == "one", "its router has gone back")
        #expect(secret("aside") == "two", "its router has not")
        let files = try FileManager.default.contentsOfDirectory(atPath: stage.folder.appending(path: "bgp").path)
        #expect(files.count == 2, "no earlier password is left: \(files)")
        #expect(try run("done", words, in: shell).status == 1, "so the next run brings both together")
        #expect(!stage.calls.contains { $0.contains(Data("one".utf8).base64EncodedString()) })
        try stage.write(sessions("active"), to: "sessions")
        #expect(try run("follow", words, in: shell).status == 0)
        #expect(secret("edge") == "two")
    }

    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func aFirstPasswordAndTheLastAreTakenBackToo(_ shell: [String]) throws {
        let reference = { try Repository.text(stage.folder.appending(path: "references/edge-ipv4")) }
        try password("one")
        #expect(try run("follow", ["edge", "has", "10.77.0.1"], in: shell).status == 0)
        #expect(try reference() == "clusterctl-bgp-edge\n" && secret("edge") == "one")
        #expect(try run("back", ["edge", "has", "10.77.0.1"], in: shell).status == 0)
        #expect(try reference() == "\n" && secret("edge") == nil)

        #expect(try run("follow", ["edge", "has", "10.77.0.1"], in: shell).status == 0)
        #expect(try run("follow", ["edge", "none", "10.77.0.1"], in: shell).status == 0)
        #expect(try reference() == "\n" && secret("edge") == nil)
        #expect(try run("back", ["edge", "none", "10.77.0.1"], in: shell).status == 0)
        #expect(try reference() == "clusterctl-bgp-edge\n" && secret("edge") == "one")
    }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: stage.folder.appending(path: path).path)
        return attributes[.posixPermissions] as? Int ?? 0
    }

    @Test func aClusterThatIsNotThereHasNoPasswordTooMany() throws {
        try stage.write("", to: "down")
        #expect(try run("done", ["edge", "none", "-"]).status == 0)
        #expect(try run("done", ["edge", "has", "-"]).status == 1)
        let refused = try run("follow", ["edge", "has", "-"], seconds: 0)
        #expect(refused.status == 1 && refused.error == "connection refused\n")
    }

    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func aClusterThatDoesNotKnowSessionsYetGetsTheSecret(_ shell: [String]) throws {
        try stage.write("", to: "young")
        try password("one")
        #expect(try run("done", ["edge", "has", "10.77.0.1"], in: shell).status == 1)
        #expect(try run("follow", ["edge", "has", "10.77.0.1"], in: shell).status == 0)
        #expect(secret("edge") == "one")
        #expect(try run("done", ["edge", "has", "10.77.0.1"], in: shell).status == 0)
    }

    /// A client that does not get along with what it was asked shows all that it was given.
    @Test func whatTheClientComplainsAboutIsNotTold() throws {
        try password("one")
        try stage.command("k3s", "case \"$*\" in *jsonpath*) echo \"map[password:b25l]\" >&2; exit 1 ;; esac; exit 1")
        for verb in ["done", "differ", "follow", "back"] {
            #expect(try run(verb, ["edge", "has", "10.77.0.1"], seconds: 0).error.contains("b25l") == false, "\(verb)")
        }
    }

    @Test func thePhaseNamesPasswordsAndHasNone() throws {
        let phase = BGPPasswords(inventory)
        #expect(phase.nodes == ["dpu-01"])
        let steps = phase.apply("dpu-01")
        #expect(steps.map(\.operation.subject).first == "/var/lib/clusterctl/bgp/aside.password")
        guard case .file(_, .secret(let source), let mode)? = steps.first?.operation,
            case .command(let command)? = steps.last?.operation
        else {
            Issue.record("\(steps)")
            return
        }
        #expect(mode == .privateFile)
        #expect(
            source
                == .provided(what: "the password of the BGP sessions with aside, from the environment variable ASIDE"))
        #expect(command.arguments.suffix(6) == ["edge", "none", "10.77.0.1,fd77::1", "aside", "has", "10.77.0.2"])
        #expect(command.unless?.contains("done") == true)
        let blind = try Example.read(
            Example.passwords.replacing("\"fd77::11\"], labels: {bgp: \"yes\"}}", with: "\"fd77::11\"]}"))
        guard case .command(let atOnce)? = BGPPasswords(blind).apply("dpu-01").last?.operation else { return }
        #expect(atOnce.arguments.suffix(6) == ["edge", "none", "-", "aside", "has", "-"], "it sees no session fall")
        let keys = ProvidedSecret.all(inventory).map(\.key)
        #expect(keys == ["k3s.token", "k3s.token", "bgp.peers.aside.password"], "the token, and one in its place")
    }

    @Test func whereSessionsHaveAPasswordTheirObjectsAndFilesSaySo() throws {
        let objects = BGPObjects(inventory).steps.compactMap { step in
            if case .object(let object) = step.operation { object } else { nil }
        }
        #expect(
            objects.filter { $0.manifest.contains("authSecretRef: clusterctl-bgp-aside\n") }.map(\.name)
                == ["CiliumBGPPeerConfig aside-ipv4"])
        #expect(objects.count { $0.manifest.contains("authSecretRef") } == 1)
        let steps = Routers(inventory).apply("aside")
        guard case .file("/usr/local/etc/frr/clusterctl-small.password", .secret, .privateFile) = steps[1].operation
        else {
            Issue.record("\(steps[1])")
            return
        }
        #expect(Routers(inventory).apply("edge")[1].operation.subject == "/etc/frr/clusterctl-small.password")
        #expect(try #require(RouterConfiguration(inventory, inventory.routers[0])).text.contains("password") == false)
    }

    @Test func aSessionThatIsNotThereIsToldWithWhatMayBeWhy() throws {
        let router = RouterQuestion(inventory, inventory.routers[1])
        let answer = Answer(
            status: 0, output: #"{"ipv4Unicast": {"peers": {"10.77.0.11": {"state": "Active"}}}}"#)
        #expect(
            router.verdicts(answer).first
                == .waiting(
                    "the session with dpu-01 (10.77.0.11) is Active, as it is where its ends have different passwords"))
    }

    @Test(arguments: [
        (String(repeating: "x", count: 80), true), (String(repeating: "x", count: 81), false),
        ("a b", false), ("a|b", false), ("a?b", false), ("pässword", false), ("!#$%&'\"()*+,-./:;<=>@[\\]^_`{}~", true),
    ])
    func aPasswordIsWhatBothEndsTake(_ text: String, _ isTaken: Bool) {
        #expect((Inventory.problem(withBGPPassword: text) == nil) == isTaken)
    }

    @Test func aRouterWithAnotherPasswordIsPending() throws {
        let password = try #require(RouterState.passwords(inventory)["aside"]?.first)
        let question = RouterQuestion(inventory, inventory.routers[1])
        var facts = Facts()
        for probe in [question.refusal, question.difference, question.unsaved] {
            facts["aside", probe] = Answer(status: 0, output: "")
        }
        facts["aside", password] = .same
        #expect(!RouterState(inventory, facts: facts, unreachable: [:]).routers[1].isPending)
        facts["aside", password] = .differs(current: "(differs; secret)")
        #expect(RouterState(inventory, facts: facts, unreachable: [:]).routers[1].isPending)
    }
}
