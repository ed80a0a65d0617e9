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

    @Test(arguments: [
        ("fd00:42::/40", 56, ["node-cidr-mask-size-ipv6=56"]), ("fd00:42::/48", 64, []), ("fd00:42::/56", 64, []),
        ("fd00:42::/64", 80, ["node-cidr-mask-size-ipv6=80"]), ("fd00:42::/96", 112, ["node-cidr-mask-size-ipv6=112"]),
    ])
    func bothWhoHandOutPartsOfTheRangeAreToldTheSame(_ range: String, _ mask: Int, _ arguments: [String]) throws {
        let inventory = try Example.read(Example.bgp.replacing("fd00:42::/56", with: range))
        #expect(CiliumValues(inventory).poolMask(.ipv6) == mask)
        #expect(mask - (try #require(CIDR(range))).prefixLength <= 16)
        let config = K3sConfiguration(inventory: inventory, node: inventory.primary).values
        let wanted = arguments.isEmpty ? nil : YAMLValue.list(arguments.map(YAMLValue.string))
        #expect(config["kube-controller-manager-arg"] == wanted)
        let worker = try #require(inventory.workers.first)
        #expect(K3sConfiguration(inventory: inventory, node: worker).values["kube-controller-manager-arg"] == nil)
    }

    @Test func aShortRangeOfIPv4IsSharedToo() throws {
        let inventory = try Example.small([("pods: 10.142.0.0/16", "pods: 10.142.0.0/24")])
        #expect(CiliumValues(inventory).poolMask(.ipv4) == 28)
        let config = K3sConfiguration(inventory: inventory, node: inventory.primary).values
        #expect(config["kube-controller-manager-arg"] == ["node-cidr-mask-size-ipv4=28"])
    }

    @Test func anArgumentOfTheInventoryWinsForBothAndOthersStay() throws {
        func values(_ arguments: String) throws -> (YAMLValue?, Int?) {
            let text = Example.bgp.replacing("fd00:42::/56", with: "fd00:42::/64")
                .replacing(
                    "token: {env: K3S_TOKEN}",
                    with: "token: {env: K3S_TOKEN}, config: {kube-controller-manager-arg: \(arguments)}")
            let inventory = try Example.read(text)
            let config = K3sConfiguration(inventory: inventory, node: inventory.primary).values
            return (config["kube-controller-manager-arg"], CiliumValues(inventory).poolMask(.ipv6))
        }
        let told = try values("node-cidr-mask-size-ipv6=72")
        #expect(told.0 == ["node-cidr-mask-size-ipv6=72"] && told.1 == 72)
        let beside = try values("[node-monitor-period=2s]")
        #expect(beside.0 == ["node-cidr-mask-size-ipv6=80", "node-monitor-period=2s"] && beside.1 == 80)
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
