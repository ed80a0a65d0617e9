import Engine
import Inventory
import Phases
import Testing

@testable import ClusterctlCLI

/// What `status` says of kube-proxy.
@Suite struct StatusKubeProxyTests {
    private static let text = """
        version: 1
        name: edge
        ssh: {user: u}
        k3s: {version: v1.35.7+k3s1}
        network: {pods: 10.142.0.0/16, services: 10.143.0.0/16}
        cilium: {version: 1.19.4}
        endpoint: {dns: api.example.org}
        servers:
          s1: {address: 10.0.0.1, primary: true}
        """

    private static func status(_ look: Answer?) throws -> ClusterStatus {
        let inventory = try InventoryReader.read(text: text, file: "edge.yaml").get().inventory
        var facts = Facts()
        facts["s1", KubeProxyQuestion.probe] = look
        return ClusterStatus(inventory, facts: facts, unreachable: [:])
    }

    @Test(
        arguments: [
            ("running\n", "runs", "s1: kube-proxy runs there: 'clusterctl kube-proxy disable'"),
            (
                "iptables-nft nat rules=7 chains=4 jumps=3 services=1 KUBE-SERVICES\n", "rules left",
                "s1: kube-proxy has left 10 rules in 4 chains of 1 table (1 Service): 'clusterctl kube-proxy clean'"
            ), ("", "-", nil), (nil, "-", nil),
        ] as [(String?, String, String?)])
    func whatIsStillToBeDoneIsRemembered(look: String?, column: String, line: String?) throws {
        let table = StatusText.table(try Self.status(look.map { Answer(status: 0, output: $0) }))
        let rows = table.split(separator: "\n")
        #expect(rows.first?.hasSuffix("KUBE-PROXY") == true && rows[1].hasSuffix("  \(column)"), "\(table)")
        let said = rows.filter { $0.contains("kube-proxy") }
        #expect(said.count == (line == nil ? 0 : 1))
        if let line { #expect(said.first?.hasPrefix(line) == true, "\(said)") }
    }

    @Test func theDocumentSaysItToo() throws {
        let look = "running\niptables-nft nat rules=7 chains=4 jumps=3 services=1 KUBE-SERVICES\nnft ip kube-proxy\n"
        let text = StatusText.json(try Self.status(Answer(status: 0, output: look)), cluster: "edge")
        #expect(
            text.replacing(" ", with: "").contains(
                #""kubeProxy":{"runs":true,"rules":10,"chains":4,"others":["nftipkube-proxy"]}"#), "\(text)")
        let silent = StatusText.json(try Self.status(Answer(status: 127, output: "")), cluster: "edge")
        #expect(!silent.contains(#""kubeProxy":"#))
    }
}
