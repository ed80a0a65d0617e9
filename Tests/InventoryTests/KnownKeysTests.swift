import Foundation
import Testing

@testable import Inventory

struct KnownKeysTests {
    @Test func knowsAllFlagsOfK3s() {
        #expect(K3sKeys.serverNames.count == 125)
        #expect(K3sKeys.agentNames.count == 46)
        #expect(K3sKeys.flags["tls-san"]?.type == .list && K3sKeys.flags["tls-san"]?.isAgent == false)
        #expect(K3sKeys.flags["disable-apiserver-lb"]?.isServer == false)
    }

    @Test func ownsOnlyKeysThatExist() {
        #expect(K3sKeys.owned.keys.filter { K3sKeys.flags[$0] == nil }.isEmpty)
        #expect(CiliumValues.owned.keys.filter { !CiliumValues.isKnown($0) }.isEmpty)
    }

    @Test(arguments: [
        "devices", "hostFirewall.enabled", "ipam.mode", "ipam.operator.clusterPoolIPv4PodCIDRList", "loadBalancer.mode",
        "loadBalancer.algorithm", "loadBalancer.dsrDispatch", "k8s.apiServerURLs", "ipv4NativeRoutingCIDR",
        "bpf.vlanBypass",
        "updateStrategy.rollingUpdate.maxUnavailable", "extraConfig.enable-ipv6-ndp", "podAnnotations.anything.goes",
        "operator.replicas", "hubble.relay.enabled", "kubeProxyReplacement", "bgpControlPlane.enabled",
        "tunnelProtocol",
        "forceDeviceDetection", "socketLB.hostNamespaceOnly", "envoy.enabled", "nodeSelector.disk", "cni.exclusive",
    ])
    func knowsCiliumValues(_ path: String) {
        #expect(CiliumValues.isKnown(path))
    }

    @Test(arguments: ["nativeRoutingCIDR", "ipam.moode", "hubble.relay.enabld", "hostFirewal", "operator.replica"])
    func refusesOtherCiliumValues(_ path: String) {
        #expect(!CiliumValues.isKnown(path))
    }

    @Test(.enabled(if: Repository.hasSchemas, "../shared is absent")) func acceptsEveryPathThatTheChartUses() throws {
        let url = Repository.schemas.appending(path: "cilium-helm/template-value-paths.json")
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any]
        let paths = try #require(json?["valuePathsReferencedByTemplates"] as? [String])
        let unknown = paths.filter { !$0.contains("AsMap") && !CiliumValues.isKnown($0) }
        #expect(unknown.isEmpty)
    }

    @Test(.enabled(if: Repository.hasSchemas, "../shared is absent")) func isWhatTheScriptWrites() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let script = Repository.root.appending(path: "scripts/known-keys.py").path
        process.arguments = ["python3", script, Repository.schemas.path, "--check"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "run scripts/known-keys.py")
    }

    @Test(arguments: [
        ("node-role.kubernetes.io/worker", true), ("kubernetes.io/team", true), ("x.k8s.io/a", true),
        ("node.kubernetes.io/rack", false), ("topology.kubernetes.io/zone", false), ("example.org/a", false),
        ("rack", false), ("mykubernetes.io/a", false),
    ])
    func knowsWhichLabelsAKubeletMayNotSet(_ key: String, _ isReserved: Bool) {
        #expect(ReservedLabels.isReserved(key) == isReserved)
    }
}
