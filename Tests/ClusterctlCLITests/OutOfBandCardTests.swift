import Foundation
import Inventory
import Testing

@testable import ClusterctlCLI

/// What to type where, with the inventory's values in it.
@Suite struct OutOfBandCardTests {
    private func inventory(_ node: String, ssh: String = "user: ubuntu", file: String = "edge.yaml") throws -> Inventory
    {
        let text = """
            version: 1
            name: edge
            ssh: {\(ssh)}
            k3s: {version: v1.35.7+k3s1}
            network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
            cilium: {version: 1.19.4}
            endpoint: {dns: api.example.org}
            servers: {s1: {address: 10.0.0.1}}
            workers:
              n1: {address: 10.0.0.11, profile: bluefield, \(node)}
              host-1: {address: 10.0.0.21, ssh: {user: root, port: 2222, proxyJump: gate}}
            """
        return try InventoryReader.read(text: text, file: file).get().inventory
    }

    private func card(
        _ node: String, ssh: String = "user: ubuntu", file: String = "edge.yaml",
        _ standing: OutOfBandCard.Standing = .unconfirmed("cilium")
    ) throws -> String {
        let inventory = try inventory(node, ssh: ssh, file: file)
        let node = try #require(inventory.node(named: "n1"))
        return OutOfBandCard.lines(node, standing, in: inventory).joined(separator: "\n")
    }

    @Test func aBlueFieldBehindItsHost() throws {
        let card = try card("outOfBand: {proxyJump: ops@h1, address: 192.168.100.2, text: 'iDRAC at 10.0.9.1'}")
        #expect(
            card == """
                out of band to n1:
                  whether cilium was taken back is not known; its guard fires 90 s after it last heard of a run, and when the node starts
                  the inventory says: iDRAC at 10.0.9.1
                  1. over the rescue path, by clusterctl:
                       clusterctl guard rollback edge.yaml n1 --out-of-band
                  2. over the rescue path, by hand:
                       ssh -o HostKeyAlias=10.0.0.11 -J ops@h1 ubuntu@192.168.100.2
                  3. the same, from host to host:
                       ssh ops@h1
                       ssh ubuntu@192.168.100.2
                  4. at its console, as root on the host that it is in (rshim0 is the first DPU there):
                       ssh ops@h1
                       cat /dev/rshim0/misc
                       screen /dev/rshim0/console 115200
                  then, on n1 as root:
                       cat /var/lib/clusterctl/guard/log
                       sh /var/lib/clusterctl/guard/guard.sh state
                       sh /var/lib/clusterctl/guard/guard.sh rollback cilium
                """)
    }

    @Test func aTextAlone() throws {
        let card = try card("guard: false, outOfBand: 'BMC at 10.0.9.1'")
        #expect(card.contains("; it has no guard with a clock: nothing is taken back unless it is told\n"))
        #expect(card.contains("  the inventory says: BMC at 10.0.9.1\n  1. at its console, as root on the host"))
        #expect(!card.contains("ssh ") && !card.contains("--out-of-band"))
    }

    @Test func aMachineThatIsNoDPU() throws {
        let inventory = try inventory("")
        let node = try #require(inventory.node(named: "s1"))
        let lines = OutOfBandCard.lines(node, .unknown, in: inventory)
        #expect(lines[2...3] == ["  1. at its console or BMC", "  then, on s1 as root:"])
        #expect(!lines.joined().contains("rshim"))
    }

    @Test func whatIsKnownDecidesWhatIsLeftToDo() throws {
        let way = "outOfBand: {proxyJump: h1, address: 192.168.100.2}"
        let unknown = try card(way, .unknown)
        #expect(unknown.contains("whether something is unconfirmed there is not known; its guard fires 90 s"))
        #expect(unknown.contains("guard status edge.yaml n1 --out-of-band\n"))
        #expect(unknown.hasSuffix("guard.sh rollback PHASE   # the phase that 'state' names, if it is armed"))
        let done = try card(way, .takenBack("cilium"))
        #expect(done.contains("\n  cilium was taken back there\n") && done.hasSuffix("guard.sh state"))
    }

    @Test(arguments: [
        (
            "a direct way", "outOfBand: {address: 10.9.0.3}", "user: ubuntu",
            "ssh -o HostKeyAlias=10.0.0.11 ubuntu@10.9.0.3"
        ),
        (
            "another user and port",
            "outOfBand: {proxyJump: [a, '[fd00::1]:2200'], address: oob, user: root, port: 2201}",
            "port: 2222", "ssh -o 'HostKeyAlias=[10.0.0.11]:2222' -J 'a,[fd00::1]:2200' -p 2201 root@oob"
        ),
        (
            "the node's own port and alias", "outOfBand: {proxyJump: a, address: 'fe80::1%tmfifo_net0'}",
            "port: 2222, hostKeyAlias: dpus",
            "ssh -o HostKeyAlias=dpus -J a -p 2222 fe80::1%tmfifo_net0"
        ),
        (
            "a node of the cluster, which is behind a gate", "outOfBand: {proxyJump: host-1, address: 192.168.100.2}",
            "user: ubuntu", "ssh -o HostKeyAlias=10.0.0.11 -J gate,root@10.0.0.21:2222 ubuntu@192.168.100.2"
        ),
        (
            "files with names that a shell would read", "outOfBand: {address: oob}",
            "config: '/c $(x)', identityFile: [\"/it's\", ~/.ssh/id, '~/my key'], knownHosts: [/a b, /c]",
            "ssh -F '/c $(x)' -i '/it'\\''s' -i ~/.ssh/id -i '~/my key' -o 'UserKnownHostsFile=/a b /c' "
                + "-o HostKeyAlias=10.0.0.11 oob"
        ),
    ])
    func theWholeWayInOneCommand(id: String, node: String, ssh: String, command: String) throws {
        let lines = try card(node, ssh: ssh).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let place = try #require(lines.firstIndex { $0.hasSuffix("by hand:") })
        #expect(lines[place + 1] == command, "\(id)")
    }

    @Test func theInventorysFileIsOneWord() throws {
        let card = try card("outOfBand: {address: oob}", file: "/my clusters/$HOME.yaml")
        #expect(card.contains("  clusterctl guard rollback '/my clusters/$HOME.yaml' n1 --out-of-band\n"))
    }

    @Test func theDocsShowTheSame() throws {
        func text(_ path: String) throws -> String {
            try String(contentsOf: PlanTests.root.appending(path: path), encoding: .utf8)
        }
        let inventory = try InventoryReader.read(text: text("inventories/diskless.yaml"), file: "diskless.yaml").get()
            .inventory
        let card = OutOfBandCard.lines(inventory.primary, .unconfirmed("cilium"), in: inventory)
        #expect(try text("docs/safety.md").contains(card.joined(separator: "\n")))
    }
}
