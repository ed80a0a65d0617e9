import Engine
import Inventory
import Testing

@testable import Phases

/// What a node's links say of an inventory that has more to say of its network than the one of `Cases/facts`.
struct PreflightNetworkTests {
    private func problems(
        _ network: String, _ host: String, links: String = "", look: String = "charge netplan networkd",
        values: String = "{}", on node: NodeName = "dpu-01"
    ) throws -> [String] {
        let primary = "dpu-01: {address: 10.77.0.11, primary: true"
        let inventory = try Example.small([
            ("services: 10.143.0.0/16}", "services: 10.143.0.0/16, \(network)}"),
            ("{version: 1.19.4}", "{version: 1.19.4, values: \(values)}"),
            (primary, links.isEmpty ? primary : primary + ", interfaces: {\(links)}"),
        ])
        var facts = Facts()
        if let probe = NodeVLANs.leavingLinks(of: Cluster(inventory)[node]) {
            facts[node, probe] = Answer(status: 0, output: look)
        }
        facts[node, .host] = Answer(status: 0, output: "os_id=ubuntu\n" + host)
        guard case .blocked(let problems) = Preflight(inventory).check(node, facts) else { return [] }
        return problems.map { "\($0.what); \($0.fix)" }
    }

    private let vlans = "address=p0 10.77.0.11/24\nvlan=p0.10 10 p0\nvlan=p0.20 20 p0\nvlan=oob_net0.7 7 oob_net0\n"

    @Test func aVLANThatWouldBeDroppedStopsTheRunBeforeItCutsTheWayIn() throws {
        #expect(
            try problems("vlans: [20, 30]", vlans) == [
                "'network.vlans' lacks VLANs that it has devices for (10 on p0.10), and Cilium would drop their frames; "
                    + "write 'vlans: [10, 20, 30]', or leave it out, which lets every VLAN pass"
            ])
        #expect(try problems("vlans: []", vlans).count == 1)
        #expect(try problems("vlans: [10, 20]", vlans).isEmpty)
        #expect(try problems("routing: tunnel", vlans).isEmpty, "every VLAN passes unless some are listed")
    }

    /// What the node says of its links beside p0, what `interfaces` says, the numbers of `network.vlans`, and which
    /// VLANs would be dropped.
    @Test(
        arguments: [
            ("vlan=p0.10 10 p0", "", "", "10 on p0.10"),
            ("vlan=p0.10 10 p0/address=p0.10 10.9.0.1+24", "", "", ""),
            ("vlan=p0.10 10 p0/address=p0.10 fe80::1+64", "", "", "10 on p0.10"),
            ("vlan=p1.10 10 p1", "", "", ""),
            ("vlan=oob_v 10 p0/address=oob_v 10.9.0.1+24", "", "", "10 on oob_v"),
            // What is to come.
            ("", "p0.10: {vlan: {link: p0, id: 10}}", "", "10 on p0.10"),
            ("", "p0.10: {vlan: {link: p0, id: 10}}", "10", ""),
            ("", "p0.10: {vlan: {link: p0, id: 10}, addresses: [10.9.0.1/24]}", "", ""),
            ("", "p0.10: {vlan: {link: p0, id: 10}, dhcp: true}", "", ""),
            ("", "oob.10: {vlan: {link: oob_net0, id: 10}}", "", ""),
            // Another number under the same name, another name for the same number, and what loses its address.
            ("vlan=v 10 p0", "v: {vlan: {link: p0, id: 20}}", "20", ""),
            ("vlan=old 10 p0", "v: {vlan: {link: p0, id: 10}, addresses: [10.9.0.1/24]}", "", ""),
            ("vlan=v 10 p0/address=v 10.9.0.1+24", "v: {vlan: {link: p0, id: 10}}", "", "10 on v"),
            // A link that gets its first address, and one that becomes a member of a bond.
            ("vlan=p1.10 10 p1", "p1: {addresses: [10.9.0.1/24]}", "", "10 on p1.10"),
            (
                "vlan=p1.10 10 p1/address=p1 10.9.0.2+24", "bond0: {bond: {links: [p1, p2], mode: active-backup}}", "",
                ""
            ),
        ] as [(String, String, String, String)])
    func whatCiliumWouldDropIsFound(_ more: String, _ links: String, _ listed: String, _ missing: String) throws {
        let lines = more.replacing("/", with: "\n").replacing("+", with: "/")
        let found = try problems("vlans: [\(listed)]", "address=p0 10.77.0.11/24\n\(lines)\n", links: links)
        #expect(found.count == (missing.isEmpty ? 0 : 1), "\(found)")
        #expect(found.allSatisfy { $0.contains(" devices for (\(missing)), and Cilium would drop") }, "\(found)")
    }

    @Test func whoNamesCiliumsLinksMayHaveNamedAny() throws {
        let host = "address=p1 10.77.0.11/24\naddress=p0.10 10.9.0.1/24\nvlan=p0.10 10 p0\n"
        #expect(try problems("vlans: []", host).isEmpty)
        #expect(try problems("vlans: []", host, values: "{devices: p0}").count == 1)
        #expect(try problems("vlans: []", host, values: "{extraConfig: {devices: p0}}").count == 1)
    }

    @Test func moreThanFiveVLANDevicesNeedAllToPass() throws {
        func devices(_ count: Int) -> String {
            "address=p0 10.77.0.11/24\n" + (1...count).map { "vlan=p0.\($0) \($0) p0\n" }.joined()
        }
        #expect(try problems("vlans: [1, 2, 3, 4, 5]", devices(5)).isEmpty)
        let found = try problems("vlans: [1, 2, 3, 4, 5, 6]", devices(6))
        #expect(found.count == 1 && found[0].hasPrefix("it has 6 VLAN devices that Cilium lets pass (1 on p0.1, "))
        #expect(try problems("routing: tunnel", devices(6)).isEmpty)
        let missing = try problems("vlans: [1, 2, 3, 4, 5]", devices(6))
        #expect(missing.count == 1 && missing[0].contains("(6 on p0.6)"), "only those that pass count")
        #expect(missing.allSatisfy { !$0.contains("write 'vlans") }, "a longer list would be one too many")
        let addresses = (1...6).map { "address=p0.\($0) 10.9.\($0).1/24\n" }.joined()
        #expect(try problems("vlans: []", devices(6) + addresses).count == 1, "what has an address passes, and counts")
        let elsewhere = devices(6).replacing("address=p0 ", with: "address=p9 ")
        #expect(try problems("vlans: [1, 2, 3, 4, 5, 6]", elsewhere).isEmpty, "Cilium has nothing to filter there")
    }

    @Test func vlansOfTheInventoryCountOnce() throws {
        let five = "address=p0 10.77.0.11/24\n" + (1...5).map { "vlan=p0.\($0) \($0) p0\n" }.joined()
        func links(_ numbers: [Int]) -> String {
            numbers.map { "p0.\($0): {vlan: {link: p0, id: \($0)}}" }.joined(separator: ", ")
        }
        #expect(try problems("vlans: [1, 2, 3, 4, 5]", five, links: links([1, 2, 3, 4, 5])).isEmpty)
        let found = try problems("vlans: [1, 2, 3, 4, 5, 6]", five, links: links([6]))
        #expect(found.count == 1 && found[0].hasPrefix("it will have 6 VLAN devices"), "\(found)")
        let look = "charge netplan networkd\nleaves p0.5\n"
        #expect(try problems("vlans: [1, 2, 3, 4, 5, 6]", five, links: links([6]), look: look).isEmpty, "one goes")
    }

    @Test func directRoutesNeedEveryNodeInOneSubnet() throws {
        let narrow = "address=p0 10.77.0.11/29\n"
        #expect(
            try problems("routing: native", narrow) == [
                "worker-01 (10.77.0.21) and 2 more are not in its subnet 10.77.0.8/29, and nobody else routes their pods; "
                    + "announce pods ('bgp: {announce: {pods: true}}'), or write 'routing: tunnel'"
            ])
        #expect(try problems("routing: native", "address=p0 10.77.0.11/24\n").isEmpty)
        #expect(try problems("routing: native, externalRoutes: true", narrow).isEmpty)
        #expect(try problems("routing: tunnel", narrow).isEmpty)
        #expect(try problems("routing: native", "address=p0 10.77.0.11/32\n").isEmpty, "such a link tells nothing")
    }
}
