import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

/// The difference on a router where the sessions have a password, against a `vtysh` that shows a file.
@ShellThread struct FRRPasswordTests {
    private let stage: Stage
    private let wanted: String
    private static let group = "clusterctl-small-ipv4"

    init() throws {
        stage = try Stage()
        let inventory = try Example.read(Example.passwords)
        let folder = stage.folder.path
        wanted = try #require(RouterConfiguration(inventory, inventory.routers[1])).text.replacing(
            "/usr/local/etc/frr/", with: folder + "/")
        try stage.write(wanted, to: "clusterctl-small.conf")
        try stage.write(String(decoding: PackageResources.frr_sh, as: UTF8.self), to: "frr.sh")
        try stage.command(
            "vtysh",
            """
            case "$*" in
                '-c show running-config') cat '\(folder)/running' ;;
                -C*) ! grep -q refused "$3" || { echo "% Unknown command: $(grep refused "$3")"; exit 1; } ;;
                -f*) cat "$2" >>'\(folder)/commands'; [ ! -e '\(folder)/after' ] || mv '\(folder)/after' '\(folder)/running' ;;
            esac
            """)
        try password("new")
        try show("old")
    }

    private func password(_ text: String) throws { try stage.write(text, to: "clusterctl-small.password") }

    /// What FRR shows with this password; nil: with none.
    private func shown(_ password: String?) -> String {
        let own = wanted.split(separator: "\n").compactMap { line -> String? in
            if line.hasPrefix(" ! neighbor") { return password.map { " neighbor \(Self.group) password \($0)" } }
            return line.hasPrefix("!") || line.hasPrefix(" !") ? nil : String(line)
        }
        return "frr version 8.4.4\nfrr defaults traditional\n" + own.joined(separator: "\n") + "\nend\n"
    }
    private func show(_ password: String?) throws {
        try stage.write(shown(password), to: "running")
        try stage.write(shown(password), to: "etc/frr.conf")
    }

    private func frr(_ arguments: [String], in shell: [String] = ["sh"]) throws -> Shell.Result {
        try Shell.run(
            ["env", "CLUSTERCTL_FRR=\(stage.folder.path)/etc"] + shell + ["\(stage.folder.path)/frr.sh"] + arguments,
            commands: stage.commands)
    }
    private var file: String { "\(stage.folder.path)/clusterctl-small.conf" }
    private var lines: [String] { wanted.split(separator: "\n").filter { !$0.hasPrefix("!") }.map(String.init) }

    private static let command = "router bgp 64514\n neighbor \(group) password (secret)\n"

    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func anotherPasswordIsAChangeAndNotShown(_ shell: [String]) throws {
        for (verb, wanted) in [
            ("difference", Self.command), ("unsaved", " neighbor \(Self.group) password (secret)\n"),
        ] {
            let result = try frr([verb, "small"] + lines, in: shell)
            #expect(
                Set(result.output.split(separator: "\n").map { $0.trimmingPrefix(" ") })
                    == Set(wanted.split(separator: "\n").map { $0.trimmingPrefix(" ") }), "\(verb)")
            #expect(result.error == "")
        }
        #expect(try frr(["runs", "small", file], in: shell).status == 1)
        try show("new")
        #expect(try frr(["difference", "small"] + lines, in: shell).output == "")
        #expect(try frr(["done", "small", file], in: shell).status == 0)
    }

    @Test func theFirstIsSetAndTheLastIsTakenAway() throws {
        try show(nil)
        #expect(try frr(["difference", "small"] + lines).output == Self.command)
        try show("old")
        let without = lines.filter { !$0.hasPrefix(" ! neighbor") }
        #expect(
            try frr(["difference", "small"] + without).output
                == "router bgp 64514\n no neighbor \(Self.group) password (secret)\n")
    }

    /// On a router that is only verified, nothing is known but whether one is set.
    @Test func withoutTheFileAnyPasswordIsTaken() throws {
        try stage.write("", to: "clusterctl-small.password")
        #expect(try frr(["difference", "small"] + lines).output == "")
        #expect(try frr(["unsaved", "small"] + lines).output == "")
        try show(nil)
        #expect(try frr(["difference", "small"] + lines).output == Self.command)
    }

    @Test func vtyshGetsThePasswordInAFileAndTellsItToNobody() throws {
        try password("a'b\"c$d`e\\f")
        try stage.write(shown("a'b\"c$d`e\\f"), to: "after")
        let result = try frr(["apply", "small", file])
        #expect(result.status == 0 && result.error == "" && result.output == Self.command)
        let commands = try Repository.text(stage.folder.appending(path: "commands"))
        #expect(commands.contains(" neighbor \(Self.group) password a'b\"c$d`e\\f\n"))
        #expect(!stage.calls.contains { $0.contains("a'b") })
    }

    /// The last line of a configuration that was cut may be any secret of the router.
    @Test func whatFRRHasNotShownWholeIsNotTold() throws {
        try stage.command(
            "vtysh",
            "case $* in *daemons*) echo bgpd ;; *) head -n -3 '\(stage.folder.path)/running' && exit 1 ;; esac")
        try stage.write("frr version 8.4.4\nkey chain k\n key 1\n  key-string other-word\n1\n2\n3\n", to: "running")
        let cut = try frr(["difference", "small"] + lines)
        #expect(cut.status != 0 && cut.error == "FRR does not show all that it runs\n")
        let refusal = try frr(["refusal", "small", "64514", "10.77.0.11"])
        #expect(refusal.output == "FRR does not show all that it runs\n")
        try stage.command("vtysh", "echo '% neighbor x password other-word'; exit 1")
        #expect(try frr(["difference", "small"] + lines).error.contains("password (secret)"))
    }

    /// What a program that was killed had read is swept by the next one; what another one is reading is not.
    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func filesOfAKilledProgramAreRemoved(_ shell: [String]) throws {
        let folder = stage.folder.path
        let alive = ProcessInfo.processInfo.processIdentifier
        for name in ["999999.abcdef", "\(alive).abcdef", "abcdef"] {
            try stage.write("password", to: "tmp/clusterctl-frr.\(name)/running")
        }
        let result = try Shell.run(
            ["env", "TMPDIR=\(folder)/tmp", "CLUSTERCTL_FRR=\(folder)/etc"] + shell
                + ["\(folder)/frr.sh", "difference", "small"] + lines, commands: stage.commands)
        #expect(result.status == 0)
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/tmp")
        #expect(left == ["clusterctl-frr.\(alive).abcdef"])
    }

    @Test(arguments: ["refused", "other"]) func whatFRRDoesNotTakeIsToldWithoutIt(_ secret: String) throws {
        try password(secret)
        let result = try frr(["apply", "small", file])
        #expect(result.status == 3 && result.error.contains("password (secret)"))
        #expect(!(result.output + result.error).contains(secret))
    }
}
