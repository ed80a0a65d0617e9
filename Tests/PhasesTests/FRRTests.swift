import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

/// The programs for routers, against a `vtysh` that shows a file and takes the commands by writing them down. What real
/// FRR makes of the commands is seen in the lab.
@ShellThread struct FRRTests {
    private let stage: Stage
    private let wanted: String

    init() throws {
        stage = try Stage()
        let inventory = try Example.read(Example.bgp)
        wanted = try #require(RouterConfiguration(inventory, inventory.routers[0])).text
        for name in ["guard/frr.sh", "guard/guard.sh"] {
            let source = name == "guard/frr.sh" ? PackageResources.frr_sh : PackageResources.router_guard_sh
            try stage.write(String(decoding: source, as: UTF8.self), to: "state/\(name)")
        }
        try stage.command(
            "systemd-run",
            """
            while [ "$1" != /bin/sh ]; do shift; done
            setsid "$@" </dev/null >/dev/null 2>&1 &
            """)
        try stage.write(running(), to: "running")
        try stage.write(
            "BGP neighbor is 10.77.0.11, remote AS 64512\n  BGP state = Established, up for 1s\n", to: "sessions")
        let folder = stage.folder.path
        try stage.command(
            "vtysh",
            """
            case "$*" in
                '-c show running-config') cat '\(folder)/running' ;;
                '-c show bgp neighbors') cat '\(folder)/sessions' ;;
                '-c show daemons') echo ' zebra bgpd staticd watchfrr' ;;
                '-c write memory') cp '\(folder)/running' '\(folder)/etc/frr.conf' ;;
                -C*) ! grep -q refused "$3" ;;
                -f*) cat "$2" >>'\(folder)/commands'; [ ! -e '\(folder)/after' ] || mv '\(folder)/after' '\(folder)/running' ;;
            esac
            """)
        try stage.write("", to: "etc/frr.conf")
        try stage.write("", to: "run/nothing")
        try stage.write(wanted, to: "clusterctl-small.conf")
    }

    /// What FRR shows with the cluster's part in it, and a neighbour that a person configured.
    private func running(_ own: String? = nil) -> String {
        """
        Building configuration...

        Current configuration:
        !
        frr version 8.4.4
        frr defaults traditional
        !
        \(own ?? "router bgp 64513\n neighbor 10.77.0.99 remote-as 64599\nexit\n")!
        end

        """
    }

    /// As FRR shows what was given to it: lists last, nothing that it does by default.
    private func shown(_ text: String) -> String {
        let lines = text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("!") && !$0.hasPrefix(" !") }
        let lists = lines.filter { $0.contains("prefix-list") && !$0.hasPrefix(" ") }
        var rest = lines.filter { !lists.contains($0) && $0 != "  neighbor clusterctl-small-ipv4 activate" }
        rest.insert(" neighbor 10.77.0.99 remote-as 64599", at: 1)
        return running((rest + ["exit"] + lists).joined(separator: "\n") + "\n")
    }

    private func frr(_ arguments: [String], in shell: [String] = ["sh"]) throws -> Shell.Result {
        try Shell.run(
            ["env", "CLUSTERCTL_FRR=\(stage.folder.path)/etc"] + shell + ["\(stage.folder.path)/state/guard/frr.sh"]
                + arguments, commands: stage.commands)
    }

    private var lines: [String] { wanted.split(separator: "\n").filter { !$0.hasPrefix("!") }.map(String.init) }

    @Test(arguments: [["dash"], ["bash"], ["busybox", "ash"]])
    func theDifferenceIsNothingWhereTheWholeIsThere(_ shell: [String]) throws {
        #expect(try frr(["difference", "small"] + lines, in: shell).output.split(separator: "\n").count > 20)
        try stage.write(shown(wanted), to: "running")
        let result = try frr(["difference", "small"] + lines, in: shell)
        #expect(result.output == "" && result.error == "" && result.status == 0)
    }

    /// A line of the file that is changed, and the commands that this takes.
    @Test(arguments: [
        (
            " neighbor 10.77.0.21 peer-group clusterctl-small-ipv4\n neighbor 10.77.0.21 description worker-01\n", "",
            "router bgp 64513\n no neighbor 10.77.0.21\n"
        ),
        (
            "seq 5 permit 10.142.0.0/16 ge 24 le 24", "seq 5 permit 10.142.0.0/16 ge 25 le 25",
            "ip prefix-list clusterctl-small-ipv4-in seq 5 permit 10.142.0.0/16 ge 25 le 25\n"
        ),
        (
            "ip prefix-list clusterctl-small-ipv4-in seq 15 permit 172.31.0.0/16 ge 32\n", "",
            "no ip prefix-list clusterctl-small-ipv4-in seq 15\n"
        ),
        (
            "clusterctl-small-ipv6 timers 5 15", "clusterctl-small-ipv6 timers 3 9",
            "router bgp 64513\n neighbor clusterctl-small-ipv6 timers 3 9\n"
        ),
        (
            "ipv4 graceful-restart-helper", "ipv4 graceful-restart-disable",
            "router bgp 64513\n neighbor clusterctl-small-ipv4 graceful-restart-disable\n"
        ),
        (
            "description worker-01", "description other",
            "router bgp 64513\n neighbor 10.77.0.21 description other\n neighbor fd77::21 description other\n"
        ),
    ])
    func theDifferenceIsThatAlone(_ old: String, _ new: String, _ commands: String) throws {
        try stage.write(shown(wanted), to: "running")
        #expect(wanted.contains(old))
        let changed = wanted.replacing(old, with: new).split(separator: "\n").filter { !$0.hasPrefix("!") }.map(
            String.init)
        #expect(try frr(["difference", "small"] + changed).output == commands)
    }

    @Test func whatAPersonSetOnAMemberStays() throws {
        let text = shown(wanted).replacing(
            " neighbor 10.77.0.21 description",
            with:
                " neighbor 10.77.0.21 password secret\n neighbor 10.77.0.21 timers connect 7\n neighbor 10.77.0.21 description"
        )
        try stage.write(text, to: "running")
        #expect(try frr(["difference", "small"] + lines).output == "")
    }

    @Test func anotherClustersPartIsNotTaken() throws {
        let other = wanted.replacing("clusterctl-small-", with: "clusterctl-small-b-")
        try stage.write(shown(other), to: "running")
        #expect(try frr(["difference", "small", "router bgp 64513"]).output == "")
        #expect(
            try frr(["difference", "small-b", "router bgp 64513"]).output.contains(
                "no neighbor clusterctl-small-b-ipv4 peer-group\n"))
    }

    /// Where a person has turned the defaults of families round, what is wanted is said all the same.
    @Test func defaultsOfFamiliesAreMinded() throws {
        let text = shown(wanted).replacing(
            " neighbor clusterctl-small-ipv4 peer-group",
            with: " no bgp default ipv4-unicast\n bgp default ipv6-unicast\n neighbor clusterctl-small-ipv4 peer-group"
        )
        .replacing("  no neighbor clusterctl-small-ipv6 activate\n", with: "")
        try stage.write(text, to: "running")
        let result = try frr(["difference", "small"] + lines).output
        #expect(
            result == """
                router bgp 64513
                 address-family ipv4 unicast
                  neighbor clusterctl-small-ipv4 activate
                 exit-address-family
                 address-family ipv6 unicast
                  no neighbor clusterctl-small-ipv4 activate
                 exit-address-family

                """)
    }

    @Test(arguments: [
        (["64513", "10.77.0.11"], ""),
        (["64512", "10.77.0.11"], "its BGP is configured as 'router bgp 64513', and the inventory has asn: 64512\n"),
        (
            ["64513", "10.77.0.99"],
            "neighbor 10.77.0.99 is configured there by other hands, and would become the cluster's\n"
        ),
    ])
    func refusesWhatWouldTouchOthers(_ arguments: [String], _ words: String) throws {
        let result = try frr(["refusal", "small"] + arguments)
        #expect(result.output == words && result.status == 0)
    }

    @Test func refusesWhereBGPDoesNotRun() throws {
        try stage.command(
            "vtysh", "case \"$*\" in *daemons) echo ' zebra staticd' ;; *) cat '\(stage.folder.path)/running' ;; esac")
        #expect(try frr(["refusal", "small", "64513"]).output.hasPrefix("FRR does not run BGP here"))
    }

    private var file: String { "\(stage.folder.path)/clusterctl-small.conf" }

    @Test func applyIsCheckedBeforeAndComparedAfterwards() throws {
        #expect(try frr(["apply", "small", file]).status == 3, "what runs is as before")
        try stage.write(shown(wanted), to: "after")
        #expect(try frr(["apply", "small", file]).status == 0)
        #expect(try frr(["runs", "small", file]).status == 0)
        #expect(try frr(["done", "small", file]).status == 1, "it is not written")
        try stage.write(running(), to: "running")
        try stage.write(
            wanted.replacing("description dpu-01", with: "description refused"), to: "clusterctl-small.conf")
        let count = stage.calls.count { $0.hasPrefix("vtysh -f") }
        #expect(try frr(["apply", "small", file]).status == 3)
        #expect(stage.calls.count { $0.hasPrefix("vtysh -f") } == count, "FRR took exception to it before")
    }

    // MARK: The guard

    /// The guard's clock outlives who started it, and would keep open what the tests wait for.
    private let closing = #"for fd in /proc/$$/fd/*; do [ "${fd##*/}" -le 2 ] || eval "exec ${fd##*/}>&-"; done"#

    private func guarded(_ arguments: String, in shell: String = "sh") throws -> Shell.Result {
        let program = "\(stage.folder.path)/state/guard/guard.sh"
        return try Shell.run(
            [
                "env", "CLUSTERCTL_FRR=\(stage.folder.path)/etc", "CLUSTERCTL_STATE=\(stage.folder.path)/state",
                "CLUSTERCTL_RUN=\(stage.folder.path)/run", "bash",
                "-c", "\(closing)\nprintf 'path \(file)\\nundo\\n' | \(shell) '\(program)' \(arguments)",
            ], commands: stage.commands)
    }

    /// Arms, and does what the phase does.
    private func change(window: Int = 100) throws {
        try stage.write("old\n", to: "clusterctl-small.conf")
        #expect(try guarded("arm routers \(window) n1 me").status == 0)
        try stage.write(wanted, to: "clusterctl-small.conf")
        try stage.write(shown(wanted), to: "after")
        #expect(try frr(["apply", "small", file]).status == 0)
    }

    private var last: [String] { ["env", "-C", "\(stage.folder.path)/state/guard/last", "ls", "-d"] }
    private var content: String { get throws { try Repository.text(URL(filePath: file)) } }

    @Test(arguments: ["dash", "bash"]) func aConfirmedChangeStaysAndIsWritten(_ shell: String) throws {
        try change()
        #expect(try guarded("state", in: shell).output.hasPrefix("armed phase=routers nonce=n1 "))
        #expect(try guarded("confirm routers n2", in: shell).status == 5)
        #expect(try guarded("confirm routers n1", in: shell).output == "confirmed phase=routers\n")
        #expect(
            try guarded("confirm routers n1", in: shell).output == "confirmed phase=routers\n",
            "once more is no mistake")
        #expect(try guarded("state", in: shell).output == "none\n")
        #expect(try frr(["saved", "small", file]).status == 0)
        #expect(try content == wanted)
    }

    @Test func nothingIsConfirmedThatWasNotWrittenWhole() throws {
        try change()
        try stage.command("cp", "exit 1")
        let result = try guarded("confirm routers n1")
        #expect(result.status == 6 && result.error.contains("FRR does not keep the change"))
        #expect(try guarded("state").output.hasPrefix("armed "))
    }

    @Test func aRollbackPutsBackTheRunningConfigurationAndTheFile() throws {
        try change()
        try stage.write(running(), to: "after")
        let said = try guarded("rollback routers")
        #expect(said.output.contains(" because=asked left=none"))
        #expect(try content == "old\n")
        #expect(
            try Repository.text(stage.folder.appending(path: "commands")).contains(
                " no neighbor clusterctl-small-ipv4 peer-group\n"))
        #expect(try guarded("confirm routers n1").status == 3, "too late")
        #expect(try Shell.run(last + ["files", "running"]).output == "", "there are passwords in it")
    }

    @Test func whatCouldNotBePutBackIsNamed() throws {
        try change()
        #expect(try guarded("rollback routers").output.contains(" left=running:small"))
        #expect(try Shell.run(last + ["files", "running"]).output == "files\nrunning\n")
        #expect(try guarded("arm routers 100 n2 you").status == 0)
        try stage.write(wanted, to: "clusterctl-small.conf")
        #expect(try frr(["apply", "small", file]).status == 0)
        #expect(try guarded("confirm routers n2").status == 0)
        #expect(try Shell.run(last + ["files", "running"]).output == "")
    }

    @Test func itTakesTheChangeBackByItselfAtTheDeadline() throws {
        try change(window: 5)
        try stage.write(running(), to: "after")
        let end = ContinuousClock.now + .seconds(20)
        while try !guarded("state").output.hasPrefix("rolled-back"), .now < end { usleep(200_000) }
        #expect(try guarded("state").output.contains("because=deadline left=none"))
        #expect(try content == "old\n")
    }

    @Test func aSignOfLifePutsTheDeadlineOff() throws {
        // Each call may take seconds on a busy machine; all of them take longer than the window.
        try change(window: 10)
        for _ in 0..<5 {
            #expect(try guarded("extend routers 100 n1").status == 0)
            usleep(2_200_000)
        }
        #expect(try guarded("state").output.hasPrefix("armed "))
        #expect(try guarded("extend routers 100 n2").status == 5)
        #expect(try guarded("rollback routers").status == 0)
    }

    @Test func aRebootHasTakenBackWhatFRRWasNotToldToKeep() throws {
        try change()
        try stage.write("another\n", to: "state/guard/armed/boot")
        try stage.write(running(), to: "running")
        #expect(try guarded("confirm routers n1").status == 3)
        #expect(try guarded("state").output.contains("because=boot left=none"))
        #expect(try content == "old\n")
    }

    @Test func sessionsThatWereThereAreMissed() throws {
        try change()
        #expect(try guarded("kept").status == 0)
        try stage.write("BGP neighbor is 10.77.0.11, remote AS 64512\n  BGP state = Active\n", to: "sessions")
        let result = try guarded("kept")
        #expect(result.status == 1 && result.error == "no longer established: 10.77.0.11\n")
        try stage.write(shown(wanted.replacing("neighbor 10.77.0.11 ", with: "neighbor 10.77.0.12 ")), to: "running")
        #expect(try guarded("kept").status == 0, "it is no neighbour any more")
        try stage.write(running(), to: "after")
        #expect(try guarded("rollback routers").status == 0)
    }

    @Test func twoChangesAtATimeAreRefused() throws {
        try change()
        #expect(try guarded("arm other 100 n2 you").status == 4)
        #expect(try guarded("arm routers 100 n2 you").status == 0, "the same phase goes on")
        try stage.write(running(), to: "after")
        #expect(try guarded("rollback routers n1").status == 5)
        #expect(try guarded("rollback routers n2").output.contains("left=none"))
        #expect(try content == "old\n", "what was saved first is what counts")
    }

    @Test func aNeighbourThatComesBackHasWhatAPersonSetOnIt() throws {
        let before = shown(wanted).replacing(
            " neighbor 10.77.0.21 description",
            with: " neighbor 10.77.0.21 password p\n neighbor 10.77.0.21 description")
        let after = wanted.split(separator: "\n").filter { !$0.contains("10.77.0.21") }.joined(separator: "\n") + "\n"
        try stage.write(before, to: "running")
        #expect(try guarded("arm routers 100 n1 me").status == 0)
        try stage.write(after, to: "clusterctl-small.conf")
        try stage.write(shown(after), to: "after")
        #expect(try frr(["apply", "small", file]).status == 0)
        try stage.write(before, to: "after")
        #expect(try guarded("rollback routers").output.contains("left=none"))
        let commands = try Repository.text(stage.folder.appending(path: "commands"))
        #expect(
            commands.hasSuffix(
                """
                 neighbor 10.77.0.21 peer-group clusterctl-small-ipv4
                 neighbor 10.77.0.21 password p
                 neighbor 10.77.0.21 description worker-01

                """))
    }

    /// The guard's log is shown by runs that fail, and kept in their journals.
    @Test func passwordsOfOthersAreNotTold() throws {
        let before = shown(wanted).replacing(
            " neighbor 10.77.0.21 description",
            with: " neighbor 10.77.0.21 password p1\n neighbor 10.77.0.21 description")
        try stage.write(before, to: "running")
        #expect(try guarded("arm routers 100 n1 me").status == 0)
        try stage.write(running(), to: "running")
        #expect(try guarded("rollback routers").output.contains(" left=running:small"), "FRR does not take it back")
        let log = try Repository.text(stage.folder.appending(path: "state/guard/log"))
        #expect(log.contains("neighbor 10.77.0.21 password (secret)") && !log.contains("p1"))
    }

    /// Where no node opens a session any more, the file goes with the cluster's part.
    @Test func aPartThatIsTakenOutIsConfirmedWithoutItsFile() throws {
        try stage.write(shown(wanted), to: "running")
        #expect(try guarded("arm routers 100 n1 me").status == 0)
        try stage.write(running(), to: "after")
        #expect(try frr(["apply", "small", "/dev/null"]).status == 0)
        #expect(try Shell.run(["rm", file]).status == 0)
        #expect(try guarded("confirm routers n1").output == "confirmed phase=routers\n")
        #expect(try frr(["done", "small", "/dev/null"]).status == 0)
    }

    /// A guard that was killed has left its lock, and the number of its process is another program's by now.
    @Test(arguments: ["999999", "1"]) func aDeadGuardsLockIsBroken(_ process: String) throws {
        #expect(
            try Shell.run(["ln", "-s", process, "\(stage.folder.path)/run/clusterctl-router-guard.lock"]).status == 0)
        try change()
        try stage.write(running(), to: "after")
        #expect(try guarded("rollback routers").output.contains("left=none"))
    }

    @Test func sessionsThatCannotBeAskedForAreNoReasonToGoOn() throws {
        try stage.command(
            "vtysh", "case \"$*\" in *neighbors*) exit 1 ;; *) cat '\(stage.folder.path)/running' ;; esac")
        #expect(try guarded("arm routers 100 n1 me").status == 6)
        #expect(try guarded("state").output == "none\n")
    }

    @Test func neighboursByLinkAreNotTakenForOthers() throws {
        try stage.write(
            """
            BGP neighbor is 10.77.0.12, remote AS 64512, local AS 64513, external link
              BGP state = Active
            BGP neighbor on swp1: fe80::1, remote AS 64512, local AS 64513, external link
              BGP state = Established, up for 00:00:01

            """, to: "sessions")
        #expect(try frr(["established"]).output == "swp1\n")
    }
}
