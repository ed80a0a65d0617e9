import Foundation
import Testing

@testable import SSH

/// What `ssh -G` prints, put against what it prints without any file.
struct SSHConfigurationTests {
    static let standard = """
        host localhost
        user me
        hostname localhost
        port 22
        addressfamily any
        hashknownhosts no
        identitiesonly no
        stricthostkeychecking ask
        serveralivecountmax 3
        serveraliveinterval 0
        identityfile ~/.ssh/id_rsa
        identityfile ~/.ssh/id_ed25519
        globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
        userknownhostsfile /home/me/.ssh/known_hosts /home/me/.ssh/known_hosts2
        connecttimeout none
        """

    private func read(_ changed: String..., name: String = "node") -> SSHConfiguration {
        let changes = changed.map { $0.split(separator: " ", maxSplits: 1).map(String.init) }
        let kept = Self.standard.split(separator: "\n").map(String.init).filter { line in
            !line.hasPrefix("host") && !changes.contains { line.hasPrefix($0[0] + " ") }
        }
        let output = (["host \(name)"] + kept + changed).joined(separator: "\n")
        return SSHConfiguration(
            output: output + (changed.contains { $0.hasPrefix("hostname ") } ? "" : "\nhostname \(name.lowercased())"),
            standard: Self.standard, name: name)
    }

    @Test func takesNoDefaultForTheUsersWord() {
        #expect(read() == SSHConfiguration())
        #expect(read(name: "Node") == SSHConfiguration())
    }

    @Test func readsEveryKeyword() {
        let found = read(
            "hostname 10.0.0.7", "port 2222", "user ops", "addressfamily inet6", "hashknownhosts yes",
            "identitiesonly yes", "serveralivecountmax 5", "serveraliveinterval 30", "identityfile ~/a b",
            "identityfile %d/k", "identityfile none", "certificatefile ~/c-cert.pub", "identityagent ~/agent.sock",
            "globalknownhostsfile /g h", "userknownhostsfile /tmp/a b /home/me/%h", "hostkeyalias lab",
            "connecttimeout 7", "bindaddress 10.0.0.1", "proxyjump ops@outer:2222,inner")
        var wanted = SSHConfiguration()
        wanted.hostName = "10.0.0.7"
        wanted.port = 2222
        wanted.user = "ops"
        wanted.addressFamily = .ipv6
        wanted.hashesKnownHosts = true
        wanted.identitiesOnly = true
        wanted.serverAliveCountMax = 5
        wanted.serverAliveInterval = .seconds(30)
        wanted.identityFiles = ["~/a b", "%d/k"]
        wanted.certificateFiles = ["~/c-cert.pub"]
        wanted.identityAgent = .socket("~/agent.sock")
        wanted.globalKnownHostsFiles = ["/g h"]
        wanted.userKnownHostsFiles = ["/tmp/a b", "/home/me/%h"]
        wanted.hostKeyAlias = "lab"
        wanted.connectTimeout = .seconds(7)
        wanted.bindAddress = "10.0.0.1"
        wanted.proxy = .jump(["ops@outer:2222", "inner"])
        #expect(found == wanted)
    }

    @Test func readsProxiesAgentsAndNone() {
        #expect(read("proxycommand nc %h %p").proxy == .command("nc %h %p"))
        #expect(read("proxyjump none").proxy == nil && read("proxycommand none").proxy == nil)
        #expect(read("identityagent none").identityAgent == .off)
        #expect(read("identityagent SSH_AUTH_SOCK").identityAgent == .environment("SSH_AUTH_SOCK"))
        #expect(read("identityagent $WORK_SOCK").identityAgent == .environment("WORK_SOCK"))
        #expect(read("identityagent ${HOME}/a").identityAgent == .socket("${HOME}/a"))
        #expect(read("userknownhostsfile none").userKnownHostsFiles == [])
    }

    @Test func namesWhatItDisregards() {
        for value in ["no", "off", "false", "accept-new"] {
            #expect(read("stricthostkeychecking \(value)").disregarded == ["StrictHostKeyChecking"])
        }
        #expect(read("stricthostkeychecking yes").disregarded == [])
        #expect(
            read("revokedhostkeys /k", "knownhostscommand /c").disregarded == ["RevokedHostKeys", "KnownHostsCommand"])
    }
}

/// Which hosts may share a question to OpenSSH.
struct SSHConfigurationFilesTests {
    private let user = LocalUser(name: "me", id: 7, home: "/home/me", hostName: "desk.example.org")

    private func files(_ texts: [String: String], file: String? = nil) -> SSHConfigurationFiles {
        SSHConfigurationFiles(
            user: user, file: file, text: { texts[$0] },
            expand: { pattern in texts.keys.filter { Wildcard.matches(pattern.utf8, $0.utf8) }.sorted() })
    }

    private func share(_ text: String, _ first: String, _ second: String) -> Bool {
        let files = files(["/home/me/.ssh/config": text])
        guard let group = files.group(of: first) else { return false }
        return group == files.group(of: second)
    }

    @Test func needsNoOpenSSHWhereNothingMattersIsSaid() {
        #expect(!files([:]).matters(asWriter: true))
        // What Debian ships.
        let debian = files([
            "/etc/ssh/ssh_config":
                "Include /etc/ssh/ssh_config.d/*.conf\nHost *\n  SendEnv LANG LC_*\n  HashKnownHosts yes\n"
        ])
        #expect(!debian.matters(asWriter: false) && debian.matters(asWriter: true))
        #expect(files(["/home/me/.ssh/config": "User=ops"]).matters(asWriter: false))
        #expect(!files(["/home/me/.ssh/config": "User=ops"], file: "/other").matters(asWriter: false))
    }

    @Test(arguments: [
        ("Port 2222", "a", "b", true),
        ("Host a\nPort 1", "a", "b", false),
        ("Host c d\nPort 1", "a", "b", true),
        ("Host web-*\nPort 1", "web-1", "web-2", true),
        ("Host web-* !web-2\nPort 1", "web-1", "web-2", false),
        ("Host \"a\" \"b\"\nPort 1", "a", "b", false),
        ("host=web-?\nPort 1", "web-1", "web-10", false),
        ("Match all\nPort 1", "a", "b", true),
        ("Match final all\nPort 1", "a", "b", true),
        ("Match user x\nPort 1", "a", "b", true),
        ("Match host a\nPort 1", "a", "b", false),
        ("Match !originalhost x,a user y\nPort 1", "a", "b", false),
        ("Match host c user y\nPort 1", "a", "b", true),
        ("Match host c exec \"true\"\nPort 1", "a", "b", false),
        ("Match exec \"true\"\nPort 1", "a", "b", false),
        ("CanonicalizeHostname yes\nPort 1", "a", "b", false),
        ("CanonicalizeHostname no\nPort 1", "a", "b", true),
        ("Host 10.*\nHostName 10.0.0.5", "10.0.0.5", "10.0.0.6", false),
        ("Host 10.*\nHostName 10.0.0.5", "10.0.0.6", "10.0.0.7", true),
        ("Include conf.d/%u\nPort 1", "a", "b", false),
        ("# Host a\nPort 1", "a", "b", true),
    ])
    func groupsHostsThatNoLineTellsApart(_ text: String, _ first: String, _ second: String, _ together: Bool) {
        #expect(share(text, first, second) == together)
    }

    @Test func followsIncludes() {
        let texts = [
            "/home/me/.ssh/config": "Include conf.d/*.conf ~/more",
            "/home/me/.ssh/conf.d/1.conf": "Host a\nUser x",
            "/home/me/more": "Include /home/me/more\nHost b\nPort 7",
        ]
        let found = files(texts)
        #expect(found.matters(asWriter: false))
        #expect(found.group(of: "a") != found.group(of: "c") && found.group(of: "b") != found.group(of: "c"))
        #expect(found.group(of: "c") == found.group(of: "d"))
    }

    @Test func leavesFilesThatIncludeEachOtherToOpenSSH() {
        let text = "Include a b\nHost x\nSendEnv LANG\n"
        let found = files(["/home/me/.ssh/config": text, "/home/me/.ssh/a": text, "/home/me/.ssh/b": text])
        #expect(found.matters(asWriter: false) && found.group(of: "x") == nil)
    }

    @Test func takesLinesApartAsOpenSSHDoes() {
        let rows: [(String, [String])] = [
            ("  Host a  b", ["Host", "a", "b"]), ("User=ops", ["User", "ops"]), ("User = ops", ["User", "ops"]),
            ("IdentityFile \"~/a b\"", ["IdentityFile", "~/a b"]), ("# User x", []), ("", []),
            ("ProxyCommand a=b c", ["ProxyCommand", "a=b", "c"]), ("Host a # b", ["Host", "a"]),
        ]
        for (line, words) in rows { #expect(SSHConfigurationFiles.words(line[...]) == words, "\(line)") }
    }
}

struct SSHTokensTests {
    private let local = LocalUser(name: "me", id: 7, home: "/home/me", hostName: "desk.example.org")

    private func tokens(host: String = "10.0.0.7", user: String = "ops", alias: String? = nil) -> SSHTokens {
        SSHTokens(host: host, name: "node", port: 2222, user: user, alias: alias, local: local)
    }

    @Test func putsInWhatPathsMayHold() throws {
        let found = try tokens().path("%d/%h/%n/%p/%r/%u/%i/%k/%l/%L/%%", environment: { _ in nil })
        #expect(found == "/home/me/10.0.0.7/node/2222/ops/me/7/node/desk.example.org/desk/%")
        #expect(try tokens(alias: "lab").path("%k") == "lab")
        #expect(try tokens().path("~/.ssh/x") == "/home/me/.ssh/x" && tokens().path("~") == "/home/me")
        #expect(try tokens().path("/a~b") == "/a~b")
    }

    @Test func putsInTheEnvironmentOrLeavesTheSettingOut() throws {
        let path = "${KEYS}/%r-${ID}"
        #expect(try tokens().path(path) { ["KEYS": "/k%h", "ID": "9"][$0] } == "/k%h/ops-9")
        #expect(try tokens().path(path) { ["KEYS": "/k"][$0] } == nil)
        #expect(try tokens().path("/a$b/${") { _ in nil } == "/a$b/${")
    }

    @Test func refusesTokensThatStandForNothing() {
        #expect(throws: SSHConfigurationProblem.unknownToken("%C", in: "/tmp/%C")) { try tokens().path("/tmp/%C") }
        #expect(throws: SSHConfigurationProblem.unknownToken("%d", in: "nc %d")) { try tokens().command("nc %d") }
        #expect(throws: SSHConfigurationProblem.unknownToken("%", in: "nc %")) { try tokens().command("nc %") }
    }

    @Test func putsOnlyPlainNamesIntoCommands() throws {
        #expect(try tokens(host: "fe80::1%eth0").command("nc %h %p %r %n %%") == "nc fe80::1%eth0 2222 ops node %")
        for bad in ["a;b", "$(x)", "`x`", "a b", "a\nb", "-oX", "a|b", "a&b", "'a'", "a\"b", "a>b", "a\\", ""] {
            #expect(throws: SSHConfigurationProblem.unsafeValue(bad, in: "nc %h")) {
                try tokens(host: bad).command("nc %h")
            }
            #expect(throws: SSHConfigurationProblem.unsafeValue(bad, in: "x %r")) {
                try tokens(user: bad).command("x %r")
            }
        }
        // What is not put in does no harm.
        #expect(try tokens(user: "a;b").command("nc %h") == "nc 10.0.0.7")
    }
}

struct SSHConfigurationProblemTests {
    @Test func tellsWhatToDo() {
        let rows: [(SSHConfigurationProblem, String)] = [
            (
                .refused(name: "n1", said: ["/c: line 3: Bad configuration option: bogus", "/c: terminating"]),
                """
                ssh does not take the SSH configuration for 'n1': /c: line 3: Bad configuration option: bogus
                /c: terminating
                'ssh.config: false' in the inventory leaves it out
                """
            ),
            (
                .unknownToken("%C", in: "/tmp/%C"),
                """
                '/tmp/%C' in the SSH configuration has '%C', which stands for nothing there
                write '%%' for a percent sign
                """
            ),
            (
                .unsafeValue("a;b", in: "nc %h"),
                "'a;b' is not put into the command 'nc %h': a shell would read it as more than a name"
            ),
            (.noJumpHost("a b"), "'a b' is no jump host\nwrite [user@]host[:port], IPv6 addresses in brackets"),
            (
                .jumpLoop(["n1", "b", "b"]),
                """
                the way over jump hosts leads in a circle: n1, then b, then b
                give 'b' a 'ProxyJump none' before the lines that hold for all hosts
                """
            ),
        ]
        for (problem, text) in rows { #expect(problem.description == text) }
    }
}
