import Engine
import Inventory
import Testing

@testable import Phases

/// What a node's links say of an inventory that has more to say of its network than the one of `Cases/facts`.
struct PreflightNetworkTests {
    private func problems(_ network: String, _ host: String, on node: NodeName = "dpu-01") throws -> [String] {
        let inventory = try Example.small([
            ("services: 10.143.0.0/16}", "services: 10.143.0.0/16, \(network)}")
        ])
        var facts = Facts()
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

    @Test func moreThanFiveVLANDevicesNeedAllToPass() throws {
        func devices(_ count: Int) -> String {
            "address=p0 10.77.0.11/24\n" + (1...count).map { "vlan=p0.\($0) \($0) p0\n" }.joined()
        }
        #expect(try problems("vlans: [1, 2, 3, 4, 5]", devices(5)).isEmpty)
        let found = try problems("vlans: [1, 2, 3, 4, 5, 6]", devices(6))
        #expect(found.count == 1 && found[0].hasPrefix("it has 6 VLAN devices (1 on p0.1, "))
        #expect(try problems("routing: tunnel", devices(6)).isEmpty)
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
