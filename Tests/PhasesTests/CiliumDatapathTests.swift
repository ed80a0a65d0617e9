import Inventory
import Testing
import YAML

@testable import Rendering

/// What the chart is told of how packets travel.
struct CiliumDatapathTests {
    private func values(_ network: String) throws -> YAMLValue {
        let ranges = #"services: [10.143.0.0/16, "fd00:43::/112"]"#
        #expect(Example.bgp.contains(ranges + "}"))
        return CiliumValues(try Example.read(Example.bgp.replacing(ranges, with: ranges + ", " + network))).values
    }

    @Test func writesTheDefaultsOut() throws {
        let values = try values("apiPort: 6443")
        #expect(values[["routingMode"]] == "tunnel" && values[["tunnelProtocol"]] == "vxlan")
        #expect(values[["enableIPv4Masquerade"]] == true && values[["enableIPv6Masquerade"]] == true)
        #expect(values[["loadBalancer"]] == ["mode": "snat"])
        #expect(values[["bpf", "vlanBypass"]] == [0])
        for absent in ["autoDirectNodeRoutes", "ipv4NativeRoutingCIDR", "extraConfig", "directRoutingSkipUnreachable"] {
            #expect(values[[absent]] == nil)
        }
    }

    @Test func nativeRoutingNamesTheRangeOfEachFamily() throws {
        let values = try values("routing: native, masquerade: {ipv6: false}, ndp: true, vlans: [10, 20]")
        #expect(values[["routingMode"]] == "native" && values[["tunnelProtocol"]] == nil)
        #expect(values[["autoDirectNodeRoutes"]] == true && values[["directRoutingSkipUnreachable"]] == nil)
        #expect(values[["ipv4NativeRoutingCIDR"]] == "10.142.0.0/16")
        #expect(values[["ipv6NativeRoutingCIDR"]] == "fd00:42::/56")
        #expect(values[["enableIPv4Masquerade"]] == true && values[["enableIPv6Masquerade"]] == false)
        #expect(values[["extraConfig", "enable-ipv6-ndp"]] == "true")
        #expect(values[["bpf", "vlanBypass"]] == [10, 20])
    }

    @Test func whoIsBehindARouterIsLeftToIt() throws {
        let values = try values("routing: native, externalRoutes: true")
        #expect(values[["autoDirectNodeRoutes"]] == true && values[["directRoutingSkipUnreachable"]] == true)
        let none = try self.values("routing: native, directRoutes: false, externalRoutes: true")
        #expect(none[["autoDirectNodeRoutes"]] == false && none[["directRoutingSkipUnreachable"]] == nil)
    }

    @Test func announcedPodsAreRoutedWhereEveryNodeAndFamilyIsAnnounced() throws {
        func isRouted(_ changes: [(String, String)]) throws -> Bool {
            var text = Example.bgp
            for (old, new) in changes { text = text.replacing(old, with: new) }
            return try Example.read(text).podsAreRoutedByOthers
        }
        let everyNode = ("  nodes: {bgp: \"yes\"}\n", "")
        #expect(try isRouted([everyNode]))
        #expect(try !isRouted([]), "worker-02 announces nothing")
        #expect(try !isRouted([everyNode, ("pods: true", "pods: false")]))
        #expect(try !isRouted([everyNode, ("edge: {gracefulRestart: 9s}, ", "")]), "the other has no IPv6")
    }

    @Test(
        arguments: [
            ("routing: native, loadBalancer: dsr", "dsr", "opt", nil),
            ("routing: native, loadBalancer: {mode: hybrid, dispatch: geneve}", "hybrid", "geneve", "geneve"),
            ("loadBalancer: {mode: dsr, dispatch: geneve}", "dsr", "geneve", "geneve"),
            ("tunnelProtocol: geneve", "snat", nil, "geneve"),
        ] as [(String, String, String?, String?)])
    func directReturnBringsItsTunnel(_ network: String, _ mode: String, _ dispatch: String?, _ tunnel: String?) throws {
        let values = try values(network)
        #expect(values[["loadBalancer", "mode"]] == .string(mode))
        #expect(values[["loadBalancer", "dsrDispatch"]] == dispatch.map(YAMLValue.string))
        #expect(values[["tunnelProtocol"]] == tunnel.map(YAMLValue.string))
    }
}
