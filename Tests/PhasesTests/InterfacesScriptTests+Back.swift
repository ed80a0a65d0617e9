import Foundation
import Inventory
import Testing

@testable import Rendering

/// The way back, and what NetworkManager is lent until the guard lets go.
extension InterfacesScriptTests {
    @Test(arguments: [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]])
    func everythingIsAsItWasAfterTheWayBack(_ shell: [String]) throws {
        try netplanHasIt()
        try device("v7@eth0", "vlan protocol 802.1Q id 7 <REORDER_HDR>")
        try device("eth9", addresses: ["10.3.0.1/24"])
        try FileManager.default.removeItem(atPath: "\(root)/kernel/link.v7")
        try want([eth0("10.0.0.1/32", "10.9.0.1/24"), Interface(name: "v7", kind: .vlan(link: "eth0", id: 7))])
        try stage.write(
            """
            echo '2: eth0    inet 10.9.0.1/24 scope global eth0' >'\(root)/kernel/addr.eth0'
            echo '3: v7@eth0: <UP,LOWER_UP> mtu 1500 vlan protocol 802.1Q id 7 ' >'\(root)/kernel/link.v7'
            echo '9: eth9    inet 10.4.0.1/24 scope global eth9' >>'\(root)/kernel/addr.eth9'
            """, to: "networkd")
        let applied = try run("apply", "500", shell: shell)
        guard applied.status != 127 else { return }
        #expect(applied.status == 0, "\(applied.error)")
        try stage.write(": >'\(root)/kernel/addr.eth0'", to: "networkd")  // it drops what it had set, and what was there
        let back = try run("back", shell: shell)
        #expect(back.status == 0, "\(back.error)")
        #expect(text(ours) == nil)
        #expect(text("kernel/link.v7") == nil)
        #expect(text("kernel/addr.eth0")?.contains("10.0.0.1/24") == true)
        #expect(text("kernel/addr.eth0")?.contains("10.9.0.1/24") == false)
        #expect(text("kernel/addr.eth9")?.contains("10.4.0.1/24") == true, "what is no concern of ours is left alone")
        #expect(text("var/lib/clusterctl/guard/armed/links-left") == "", "nothing is left")
        #expect(text("var/lib/clusterctl/interfaces/applied") == nil)
    }

    @Test func anEndpointsAddressThatHasMovedIsNotPutBack() throws {
        try netplanHasIt()
        try device("eth0", addresses: ["10.0.0.1/24", "10.0.0.100/32"])
        try want([eth0("10.0.0.1/24", "10.9.0.1/24")])
        #expect(try run("apply", "500").status == 0)
        try device("eth0", addresses: ["10.0.0.1/24"])
        #expect(try run("back").status == 0)
        #expect(text("kernel/addr.eth0")?.contains("10.0.0.100") == false)
    }

    @Test(arguments: [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]])
    func anAddressThatTheNetworkGaveIsNotLost(_ shell: [String]) throws {
        try netplanHasIt()
        try stage.write(
            "2: eth0    inet 10.0.0.5/24 scope global dynamic eth0\n", to: "kernel/addr.eth0")
        try want([eth0("10.0.0.5/24")])
        try stage.write(
            "echo '2: eth0    inet 10.0.0.5/24 scope global eth0' >'\(root)/kernel/addr.eth0'", to: "networkd")
        let applied = try run("apply", "500", shell: shell)
        guard applied.status != 127 else { return }
        #expect(applied.status == 0, "\(applied.error)")
        try stage.write("", to: "networkd")
        #expect(try run("back", shell: shell).status == 0)
        #expect(text("kernel/addr.eth0")?.contains("10.0.0.5/24") == true, "it was there before")
        #expect(text("var/lib/clusterctl/guard/armed/links-left") == "")
        try stage.write(": >'\(root)/kernel/addr.eth0'", to: "networkd")  // and nobody asks for a lease
        #expect(try run("back", shell: shell).status == 0)
        #expect(text("kernel/addr.eth0")?.contains("10.0.0.5/24") == true)
        #expect(text("var/lib/clusterctl/guard/armed/links-left") == "address:eth0:10.0.0.5/24\n")
    }

    /// What the network gives meanwhile is neither taken off nor set once more.
    @Test func anAddressThatTheNetworkGivesByNowIsLeftAlone() throws {
        try netplanHasIt()
        try want([eth0("10.9.0.1/24")])
        #expect(try run("apply", "500").status == 0)
        let given = ["10.0.0.1/24", "10.9.0.1/24"].map { "2: eth0    inet \($0) scope global dynamic eth0\n" }.joined()
        try stage.write(given, to: "kernel/addr.eth0")
        #expect(try run("back").status == 0)
        #expect(text("kernel/addr.eth0") == given)
        #expect(text("var/lib/clusterctl/guard/armed/links-left") == "")
    }

    @Test func whoAsksForALeaseGetsTimeToDoSo() throws {
        try netplanHasIt()
        let lease = "2: eth0    inet 10.0.0.5/24 scope global dynamic eth0\n"
        try stage.write(lease, to: "kernel/addr.eth0")
        try want([eth0("10.9.0.1/24")])
        try stage.write(": >'\(root)/kernel/addr.eth0'", to: "networkd")
        #expect(try run("apply", "500").status == 0)
        try stage.write(lease, to: "lease")
        try stage.command(
            "sleep",
            "[ $(grep -c ^sleep '\(root)/calls') != 6 ] || cp '\(root)/lease' '\(root)/kernel/addr.eth0'")
        #expect(try run("back").status == 0)
        #expect(text("kernel/addr.eth0") == lease, "and nobody has set it without an end")
        #expect(text("var/lib/clusterctl/guard/armed/links-left") == "")
    }

    @Test func whatCannotBePutBackIsNamed() throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/32")])
        try stage.write(": >'\(root)/kernel/addr.eth0'", to: "networkd")
        #expect(try run("apply", "500").status == 0)
        try stage.command("sleep", ": >'\(root)/kernel/addr.eth0'")
        #expect(try run("back").status == 0)
        #expect(text("var/lib/clusterctl/guard/armed/links-left") == "address:eth0:10.0.0.1/24\n")
    }

    @Test func afterARebootTheFilesAreWhatCounts() throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/32")])
        #expect(try run("apply", "500").status == 0)
        try stage.write("another boot\n", to: "var/lib/clusterctl/guard/armed/boot")
        try device("eth0", addresses: [])
        #expect(try run("back").status == 0)
        #expect(text(ours) == nil)
        #expect(text("kernel/addr.eth0") == "", "the node may have other addresses by now")
        #expect(!stage.calls.contains { $0.hasPrefix("systemctl try-restart") }, "networkd has heard it")
    }

    @Test func oneLinkThatIsRefusedKeepsNoOtherFromBeingSet() throws {
        try netplanHasIt()
        try device("eth1")
        try want([Interface(name: "eth1"), eth0("10.0.0.1/32")])
        #expect(try run("apply", "500").status == 0)
        try stage.command("networkctl", "[ \"$2\" != eth0 ]")
        let earlier = stage.calls.count
        #expect(try run("back").status == 0)
        #expect(stage.calls.dropFirst(earlier).contains("networkctl reconfigure eth1"))
        #expect(try run("apply", "500").status == 1, "and it is told")
    }

    /// It may be starting just then, with the files of the change.
    @Test(arguments: [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]])
    func whatDoesNotHearAtBootIsStartedAnew(_ shell: [String]) throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/32")])
        guard try run("apply", "500", shell: shell).status != 127 else { return }
        try stage.command("networkctl", "exit 1")
        #expect(try run("back", shell: shell).status == 0)
        #expect(!stage.calls.contains { $0.hasPrefix("systemctl try-restart") }, "without a reboot ip does the rest")
        try stage.write("another boot\n", to: "var/lib/clusterctl/guard/armed/boot")
        #expect(try run("back", shell: shell).status == 0)
        #expect(stage.calls.contains("systemctl try-restart systemd-networkd.service"))
    }

    @Test func theWayBackOfWhatHasNotBegunDoesNothing() throws {
        #expect(try run("back").status == 0)
        #expect(stage.calls.isEmpty)
    }

    // MARK: NetworkManager

    private func networkManagerHasIt() throws {
        try stage.write("NetworkManager.service\n", to: "active")
        try stage.write("eth0:connected\n", to: "managed")
        try stage.write("old profile", to: "etc/NetworkManager/system-connections/eth0.nmconnection")
        try stage.command(
            "nmstatectl",
            """
            for last; do :; done
            case $1 in
                apply)
                    cp "$last" '\(root)/given'
                    echo 'new profile' >'\(root)/etc/NetworkManager/system-connections/eth0.nmconnection'
                    : >'\(root)/etc/NetworkManager/system-connections/v5.nmconnection' ;;
                rollback) [ ! -e '\(root)/no-checkpoint' ] ;;
            esac
            """)
    }

    @Test func networkManagerKeepsTheChangeOnlyWhenTheGuardLetsGo() throws {
        try networkManagerHasIt()
        try stage.write("link old bond\n", to: "var/lib/clusterctl/interfaces/applied")
        try want([eth0("10.0.0.1/24")])
        #expect(try run("apply", "555").status == 0)
        #expect(stage.calls.contains { $0.hasPrefix("nmstatectl apply --no-commit --timeout 555 /") })
        #expect(!stage.calls.contains { $0.hasPrefix("nmstatectl commit") })
        #expect(text("given")?.hasSuffix("  - name: \"old\"\n    state: absent\n") == true)
        #expect(text("var/lib/clusterctl/guard/armed/keep") == "nmstatectl commit\n")
        #expect(text(ours) == nil)
        #expect(try run("done").status == 0)
    }

    @Test func networkManagersOwnCheckpointIsTheWayBack() throws {
        try networkManagerHasIt()
        try want([eth0("10.0.0.1/24")])
        #expect(try run("apply", "555").status == 0)
        #expect(try run("back").status == 0)
        #expect(stage.calls.contains("nmstatectl rollback"))
        #expect(!stage.calls.contains { $0.hasPrefix("nmcli connection reload") })
        #expect(text("var/lib/clusterctl/guard/armed/keep") == nil)
        #expect(try run("done").status != 0)
    }

    @Test func aBondOfOthersIsNotDeletedOnTheWayBackEither() throws {
        try networkManagerHasIt()
        try stage.write("bond0:connected\n", to: "managed")
        try device("bond0", "bond mode balance-rr miimon 100")
        try want([Interface(name: "bond0", kind: .bond(links: ["p0"], mode: .lacp))])
        #expect(try run("apply", "555").status == 0)
        try device("bond0", "bond mode 802.3ad miimon 100")  // and the checkpoint does not bring its mode back
        #expect(try run("back").status == 0)
        #expect(!stage.calls.contains { $0.hasPrefix("ip link del") })
    }

    @Test func withoutACheckpointTheProfilesArePutBack() throws {
        try networkManagerHasIt()
        try want([eth0("10.0.0.1/24")])
        #expect(try run("apply", "555").status == 0)
        try stage.write("", to: "no-checkpoint")
        #expect(try run("back").status == 0)
        let profiles = "etc/NetworkManager/system-connections"
        #expect(text("\(profiles)/eth0.nmconnection") == "old profile")
        #expect(text("\(profiles)/v5.nmconnection") == nil)
        #expect(stage.calls.contains("nmcli connection reload"))
        #expect(stage.calls.contains("nmcli connection up uuid some-uuid"))
        #expect(!stage.calls.contains("nmcli connection up uuid other-uuid"), "its link is no concern of ours")
    }

    @Test func afterARebootNobodyAsksForTheCheckpoint() throws {
        try networkManagerHasIt()
        try want([eth0("10.0.0.1/24")])
        #expect(try run("apply", "555").status == 0)
        try stage.write("another boot\n", to: "var/lib/clusterctl/guard/armed/boot")
        try stage.command("nmcli", "exit 1")
        #expect(try run("back").status == 0)
        #expect(!stage.calls.contains("nmstatectl rollback"), "it would wait for NetworkManager")
        #expect(text("etc/NetworkManager/system-connections/eth0.nmconnection") == "old profile")
        #expect(stage.calls.contains("systemctl try-restart NetworkManager.service"))
    }

    @Test func theNextRunTakesTheCheckpointOver() throws {
        try networkManagerHasIt()
        try want([eth0("10.0.0.1/24")])
        #expect(try run("apply", "555").status == 0)
        #expect(!stage.calls.contains("nmstatectl rollback"))
        #expect(try run("apply", "555").status == 0)
        let calls = stage.calls.filter { $0.hasPrefix("nmstatectl") }.map { $0.prefix(17) }
        #expect(calls == ["nmstatectl apply ", "nmstatectl rollba", "nmstatectl apply "])
    }
}
