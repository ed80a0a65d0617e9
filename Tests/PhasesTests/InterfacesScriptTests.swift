import Foundation
import Inventory
import Testing

@testable import Rendering

/// The program for links, against stand-ins: an `ip` that keeps links and addresses in files, a `netplan` that shows the
/// files it finds, a `networkctl` that does what a test lets networkd do, and an `nmstatectl` and an `nmcli` that note what
/// they are told. Real netplan and networkd are in the lab; no real nmstatectl has ever been asked.
@ShellThread struct InterfacesScriptTests {
    let stage: Stage
    let root: String

    init() throws {
        stage = try Stage()
        root = stage.folder.path
        let ip = """
            cd '\(root)/kernel' || exit
            words=" $* "
            name=${words##* dev }; name=${name%% *}
            case $words in
                *' link show dev '*) [ -f "link.$name" ] && cat "link.$name" ;;
                *' -o link show '*) cat link.* ;;
                *' addr show dev '*) cat "addr.$name" 2>/dev/null ;;
                *' -o addr show '*) cat addr.* 2>/dev/null ;;
                *' route show default '*) cat "default$1" 2>/dev/null ;;
                *' route show '*) grep -qxF "$3 $4 $5 $6 $7" routes && echo there ;;
                ' link del '*) rm -f "link.$name" "addr.$name" ;;
                ' addr del '*) grep -v " $3 " "addr.$name" >new; mv new "addr.$name" ;;
                ' addr add '*) echo "9: $name    inet $3 scope global $name" >>"addr.$name" ;;
            esac
            """
        try stage.command("ip", ip)
        try stage.command(
            "netplan",
            """
            [ "$1" = get ] && { cat "$3"/lib/netplan/*.yaml "$3"/etc/netplan/*.yaml 2>/dev/null; exit 0; }
            ! grep -q REFUSED "${3:-/nothing}"/etc/netplan/90* 2>/dev/null || { echo 'Error in network definition' >&2; exit 1; }
            """)
        try stage.command("networkctl", "[ $1 != reload ] || [ ! -f '\(root)/networkd' ] || . '\(root)/networkd'")
        try stage.command("sleep", "")
        try stage.command("systemctl", "grep -qx \"$3\" '\(root)/active'")
        try stage.command(
            "nmcli",
            "case $* in *STATE*) cat '\(root)/managed' ;; *UUID*) printf 'some-uuid:eth0\\nother-uuid:eth9\\n' ;; esac")
        try stage.write("", to: "active")
        try stage.write("", to: "kernel/routes")
        try stage.write("", to: "var/lib/clusterctl/guard/armed/paths")
        let boot = try String(contentsOf: URL(filePath: "/proc/sys/kernel/random/boot_id"), encoding: .utf8)
        try stage.write(boot, to: "var/lib/clusterctl/guard/armed/boot")
        try device("eth0", addresses: ["10.0.0.1/24"])
    }

    func device(_ name: String, _ more: String = "", mtu: Int = 1500, addresses: [String] = []) throws {
        try stage.write(
            "2: \(name): <BROADCAST,UP,LOWER_UP> mtu \(mtu) qdisc noqueue \(more) state UP \(name)\n",
            to: "kernel/link.\(name.prefix { $0 != "@" })")
        let lines = addresses.map { "2: \(name)    inet \($0) scope global \(name)\n" }
        try stage.write(lines.joined(), to: "kernel/addr.\(name.prefix { $0 != "@" })")
    }

    func want(_ interfaces: [Interface]) throws {
        let files = InterfaceFiles(interfaces)
        for (path, text) in [
            (InterfaceFiles.netplanPath, files.netplan), (InterfaceFiles.nmstatePath, files.nmstate),
            (InterfaceFiles.linksPath, files.links),
        ] { try stage.write(text, to: String(path.dropFirst())) }
    }

    func run(_ words: String..., shell: [String] = ["sh"]) throws -> Shell.Result {
        if !FileManager.default.fileExists(atPath: "\(root)/program") {
            try stage.write(Template.interfaces.source, to: "program")
        }
        return try Shell.run(
            ["env", "CLUSTERCTL_ROOT=\(root)"] + shell + ["\(root)/program"] + words, commands: stage.commands)
    }

    func text(_ path: String) -> String? { try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) }
    func netplanHasIt(_ other: String = "network:\n  version: 2\n") throws {
        try stage.write(other, to: "etc/netplan/50-other.yaml")
        try stage.write("systemd-networkd.service\n", to: "active")
    }
    let ours = "etc/netplan/90-clusterctl.yaml"
    func eth0(_ addresses: String...) -> Interface {
        Interface(name: "eth0", addresses: addresses.compactMap { InterfaceAddress($0) })
    }

    // MARK: Who is in charge

    @Test func whoIsInChargeIsFoundOut() throws {
        #expect(try run("look").output == "charge none neither netplan nor NetworkManager has the links\n")
        try stage.write("", to: "etc/network/interfaces")
        #expect(try run("look").output.hasPrefix("charge none ifupdown"))
        try stage.write("systemd-networkd.service\nNetworkManager.service\n", to: "active")
        try stage.write("eth0:unmanaged\nlo:connected\n", to: "managed")
        #expect(try run("look", "own:eth0").output.hasPrefix("charge none systemd-networkd"), "NetworkManager has none")
        try stage.write("eth0:connected\nlo:connected\n", to: "managed")
        #expect(try run("look", "own:eth0").output.contains("nmstatectl is not there"))
        try stage.command("nmstatectl", "")
        #expect(try run("look", "own:eth0").output == "charge nmstate\n")
        try netplanHasIt()
        #expect(try run("look", "own:eth0").output == "charge netplan networkd\n", "it comes first where it has files")
        try netplanHasIt("network:\n  version: 2\n  renderer: NetworkManager\n")
        #expect(try run("look").output.contains("NetworkManager, which does not run"))
        try stage.write("NetworkManager.service\n", to: "active")
        #expect(try run("look").output == "charge netplan NetworkManager\n")
    }

    @Test func linksWithDefaultRoutesAreTold() throws {
        try netplanHasIt()
        try stage.write("default via 10.0.0.254 dev eth0 proto static \n", to: "kernel/default-4")
        try stage.write("default via fe80::1 dev eth0 proto ra metric 100 \n", to: "kernel/default-6")
        #expect(
            try run("look").output == "charge netplan networkd\ndefault 4 eth0\n", "a router announces its own again")
    }

    @Test(arguments: [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]])
    func whatOthersDefineIsTold(_ shell: [String]) throws {
        try netplanHasIt(
            """
            network:
              version: 2
              ethernets:
                eth0:
                  dhcp4: true
                "nics":
                  match:
                    name: "eth3"
                  dhcp4: true
              bridges:
                br0:
                  interfaces:
                  - eth1
                  addresses:
                  - "10.5.0.1/24"

            """)
        let result = try run("look", "own:eth0", "own:eth1", "own:eth2", "on:eth0", "on:eth3", "on:eth9", shell: shell)
        guard result.status != 127 else { return }
        #expect(
            result.output.split(separator: "\n") == [
                "charge netplan networkd", "missing eth3", "missing eth9", "defined eth0 /etc/netplan/50-other.yaml ",
                "held eth1", "unknown eth9",
            ], "\(result.output)\(result.error)")
    }

    // MARK: There

    @Test func onlyTheDifferenceIsHandedOver() throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/24", "10.9.0.1/24")])
        try stage.write(
            "echo '2: eth0    inet 10.9.0.1/24 scope global eth0' >>'\(root)/kernel/addr.eth0'", to: "networkd")
        #expect(try run("done").status != 0)
        #expect(try run("lacks").output == "eth0 lacks 10.9.0.1/24\n")
        let applied = try run("apply", "500")
        #expect(applied.status == 0, "\(applied.error)")
        #expect(text(ours) == text("var/lib/clusterctl/interfaces/netplan.yaml"))
        let mode = try FileManager.default.attributesOfItem(atPath: "\(root)/\(ours)")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try run("done").status == 0, "a second run finds nothing to do")
        try stage.write("# somebody\n", to: ours)
        #expect(try run("done").status != 0, "a changed file is put back")
        #expect(text("etc/netplan/50-other.yaml") == "network:\n  version: 2\n")
    }

    @Test func whatNetplanRefusesChangesNothing() throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/24")])
        try stage.write("REFUSED\n", to: String(InterfaceFiles.netplanPath.dropFirst()))
        let result = try run("apply", "500")
        #expect(result.status == 3 && result.error.contains("netplan refuses the links: Error in network definition"))
        #expect(text(ours) == nil)
        #expect(!stage.calls.contains { $0.hasPrefix("networkctl") })
    }

    /// A row: whether there are etcd data, what etcd answers, and whether the node has to be a member again.
    @Test(arguments: [
        (true, #"{"health":"true","reason":""}"#, true), (true, #"{"health":"false"}"#, false), (true, "", false),
        (false, #"{"health":"true"}"#, false),
    ])
    func aMemberOfEtcdIsNotedBeforeAnythingIsChanged(_ hasData: Bool, _ health: String, _ isNoted: Bool) throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/24")])
        if hasData { try stage.write("", to: "var/lib/rancher/k3s/server/db/etcd/member/wal") }
        try stage.command("curl", "echo '\(health)'")
        let noted = "var/lib/clusterctl/guard/armed/interfaces/member"
        try stage.write("[ ! -e '\(root)/\(noted)' ] || : >'\(root)/in-time'", to: "networkd")
        #expect(try run("apply", "500").status == 0)
        #expect((text(noted) != nil) == isNoted && (text("in-time") != nil) == isNoted)
        #expect(hasData || !stage.calls.contains { $0.hasPrefix("curl") })
    }

    @Test func theGuardIsToldThatTheWayBackAsksNobody() throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/24")])
        try stage.write(": >'\(root)/told'; cat '\(root)/var/lib/clusterctl/guard/armed/undo-alone'", to: "networkd")
        #expect(try run("apply", "500").status == 0)
        #expect(text("told") != nil && text("var/lib/clusterctl/guard/armed/undo-alone") == "")
    }

    @Test(arguments: [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]])
    func onlyWhatWasBegunGoesOnWhileNobodyHasConfirmedIt(_ shell: [String]) throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/24", "10.9.0.1/24")])
        #expect(try !run("look", "own:eth0").output.contains("begun"))
        guard try run("apply", "500", shell: shell).status != 127 else { return }
        let begun = "begun\nbegun link eth0 ethernet\nbegun address eth0 10.0.0.1/24\nbegun address eth0 10.9.0.1/24\n"
        #expect(try run("look", "own:eth0", shell: shell).output == begun + "charge netplan networkd\n")
        #expect(try run("apply", "500", shell: shell).status == 0, "the next run goes on with it")
        let before = text(ours)
        try want([eth0("10.0.0.1/24"), Interface(name: "v7", kind: .vlan(link: "eth0", id: 7))])
        let refused = try run("apply", "500", shell: shell)
        #expect(refused.status == 3 && refused.error.contains("has begun to set other links"), "\(refused.error)")
        #expect(text(ours) == before, "nothing that the way back does not know was begun")
        #expect(try run("back", shell: shell).status == 0)
        #expect(text(ours) == nil)
    }

    @Test func nothingIsDoneWithoutAnArmedGuard() throws {
        try netplanHasIt()
        try want([eth0("10.0.0.1/24")])
        try FileManager.default.removeItem(atPath: "\(root)/var/lib/clusterctl/guard/armed")
        #expect(try run("apply", "500").status == 3)
        #expect(text(ours) == nil)
    }

    @Test func whatNetworkdNeverChangesIsMadeAnew() throws {
        try netplanHasIt()
        try device("v5@eth0", "vlan protocol 802.1Q id 6 <REORDER_HDR>")
        try device("bond0", "bond mode balance-rr miimon 100")
        try stage.write("link v5 vlan\nlink bond0 bond\n", to: "var/lib/clusterctl/interfaces/applied")
        try want([
            Interface(name: "v5", kind: .vlan(link: "eth0", id: 5)),
            Interface(name: "bond0", kind: .bond(links: ["p0"], mode: .lacp)),
        ])
        let lacks = try run("lacks").output
        #expect(lacks.contains("v5 is not VLAN 5 of eth0") && lacks.contains("bond0 is no bond with mode 802.3ad"))
        #expect(lacks.contains("p0, which belongs to bond0, is not there"))
        #expect(try run("apply", "500").status == 0)
        #expect(stage.calls.contains("ip link del dev v5") && stage.calls.contains("ip link del dev bond0"))
        #expect(!stage.calls.contains("ip link del dev eth0"))
    }

    @Test func whatOthersHaveMadeOtherwiseIsNeverDeleted() throws {
        try netplanHasIt()
        try device("v5@eth0", "vlan protocol 802.1Q id 6 <REORDER_HDR>")
        try want([Interface(name: "v5", kind: .vlan(link: "eth0", id: 5))])
        #expect(try run("look", "own:v5", "on:eth0", "vlan:v5:5:eth0").output.contains("foreign v5\n"))
        #expect(try !run("look", "own:v5", "on:eth0", "vlan:v5:6:eth0").output.contains("foreign"))
        #expect(try run("apply", "500").status == 3)
        #expect(try run("back").status == 0)
        #expect(!stage.calls.contains { $0.hasPrefix("ip link del") })
        try stage.write("link v5 vlan\n", to: "var/lib/clusterctl/interfaces/applied")
        #expect(try !run("look", "own:v5", "vlan:v5:5:eth0").output.contains("foreign"))
        let left = try run("look", "own:eth0").output
        #expect(left.hasSuffix("leaves v5\n"), "\(left)")
        try netplanHasIt("network:\n  version: 2\n  vlans:\n    v5:\n      id: 5\n      link: eth0\n")
        #expect(try !run("look", "own:eth0").output.contains("leaves"), "somebody else has it by now")
    }

    @Test func whatTheInventoryHasNoMoreGoes() throws {
        try netplanHasIt()
        try stage.write("link v5 vlan\nlink eth0 ethernet\n", to: "var/lib/clusterctl/interfaces/applied")
        try stage.write("# ours\n", to: ours)
        try device("v5@eth0", "vlan protocol 802.1Q id 5 <REORDER_HDR>")
        try want([])
        #expect(try run("done").status != 0)
        #expect(try run("apply", "500").status == 0)
        #expect(text(ours) == nil)
        #expect(stage.calls.contains("ip link del dev v5"))
        #expect(!stage.calls.contains("ip link del dev eth0"), "a device is never deleted")
        #expect(try run("done").status == 0)
    }
}
