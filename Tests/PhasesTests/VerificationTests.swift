import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

/// What `verify` makes of the nodes' answers: a cluster as it should be, and one thing after the other that is not.
struct VerificationTests {
    static let whole = Answers(
        nodes: [
            "dpu-01 True True", "dpu-02 True True", "server-01 True True", "worker-01 True", "nixos-01 True",
            "pxe-01 True",
        ])

    @Test func holdsWhereEverythingIsAsTheInventoryHasIt() throws {
        let verification = try Self.whole.verification()
        #expect(verification.holds, "\(verification.rows.filter { $0.result != .holds })")
        #expect(verification.rows.count == 51)
        let seen = Dictionary(grouping: verification.rows, by: \.check).mapValues { $0.map(\.seen) }
        #expect(seen["node-ready"]?.first == "Ready, kubelet v1.35.7+k3s1")
        #expect(seen["etcd-members"] == ["dpu-01, dpu-02, server-01 vote"])
        #expect(seen["endpoint-holder"] == ["dpu-02 has 10.77.0.100, and the lease"])
        #expect(seen["certificate-names"]?.last == "good for 10.77.0.100, 10.77.0.13")
        #expect(seen["service-addresses"] == ["default/web 192.0.2.1"])
        #expect(seen["pods"] == ["1 of kube-system ready, 1 ended"])
        #expect(seen["guard"]?.count == 2, "DPUs have guards")
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        let id: String
        let change: @Sendable (inout Answers) -> Void
        let rows: [String]
        var testDescription: String { id }
    }

    static let wrongs: [Wrong] = [
        Wrong(id: "a node that is not ready") {
            $0.nodes[3] = "worker-01 False"
        } rows: {
            ["node-ready worker-01 fails: worker-01 is not ready: for a reason"]
        },
        Wrong(id: "a learner") {
            $0.nodes[2] = "server-01 True False"
        } rows: {
            ["etcd-members cluster fails: the etcd member on server-01 is still a learner"]
        },
        Wrong(id: "a member that the inventory does not have") {
            $0.nodes.append("old-01 Unknown True")
        } rows: {
            ["etcd-members cluster fails: old-01 is a member, and no control plane node of the inventory"]
        },
        Wrong(id: "another version where clusterctl installs K3s") {
            $0.set("worker-01", K3sQuestion.version, "k3s version v1.34.1+k3s1 (abc)\n")
        } rows: {
            ["k3s-version worker-01 fails: v1.34.1+k3s1, the inventory has v1.35.7+k3s1"]
        },
        Wrong(id: "an agent that somebody else keeps may be behind") {
            $0.set("nixos-01", K3sQuestion.version, "k3s version v1.34.1+k3s1 (abc)\n")
        } rows: {
            []
        },
        Wrong(id: "but not ahead") {
            $0.set("nixos-01", K3sQuestion.version, "k3s version v1.36.0+k3s1 (abc)\n")
        } rows: {
            ["k3s-version nixos-01 fails: v1.36.0+k3s1, the inventory has v1.35.7+k3s1"]
        },
        Wrong(id: "an API that is not ready") {
            $0.set("dpu-01", APIQuestion.probe, Answer(status: 1, output: "", error: "connection refused\n"))
        } rows: {
            ["api-ready dpu-01 fails: the API on dpu-01 is not ready: connection refused"]
        },
        Wrong(id: "an etcd member that is not healthy") {
            $0.set("dpu-02", EtcdQuestion.probe, #"503\#n{"health":"false","reason":"NO LEADER"}"#)
        } rows: {
            ["etcd-healthy dpu-02 fails: etcd on dpu-02 is not healthy: NO LEADER"]
        },
        Wrong(id: "Cilium without kube-proxy replacement") {
            $0.set(
                "pxe-01", CiliumQuestion.status, #"{"cilium":{"state":"Ok"},"kube-proxy-replacement":{"mode":"False"}}"#
            )
        } rows: {
            ["kube-proxy-replacement pxe-01 fails: Cilium does not replace kube-proxy"]
        },
        Wrong(id: "Cilium that does not answer") {
            $0.set("pxe-01", CiliumQuestion.status, Answer(status: 1, output: "", error: "no container\n"))
        } rows: {
            [
                "cilium pxe-01 fails: Cilium on pxe-01 does not answer: no container",
                "kube-proxy-replacement pxe-01 not asked: Cilium does not answer: no container",
            ]
        },
        Wrong(id: "rules of kube-proxy") {
            $0.set(
                "worker-01", KubeProxyQuestion.probe,
                "iptables-nft nat rules=7 chains=4 jumps=3 services=1 KUBE-SERVICES\nlink kube-ipvs0\n")
        } rows: {
            [
                "kube-proxy-rules worker-01 fails: left: 10 rules in 4 chains of 1 table (1 Service); link kube-ipvs0: "
                    + "iptables-nft nat: KUBE-SERVICES; link kube-ipvs0"
            ]
        },
        Wrong(id: "nothing to ask for rules with") {
            $0.set("worker-01", KubeProxyQuestion.probe, Answer(status: 127, output: "", error: "no iptables\n"))
        } rows: {
            ["kube-proxy-rules worker-01 not asked: no iptables"]
        },
        Wrong(id: "an armed guard") {
            $0.set("dpu-02", .guardState, "armed phase=cilium nonce=x until=1\n")
        } rows: {
            ["guard dpu-02 fails: it is armed for cilium"]
        },
        Wrong(id: "nobody has the address") {
            $0.holders = []
        } rows: {
            ["endpoint-holder cluster fails: nobody has 10.77.0.100"]
        },
        Wrong(id: "two have the address") {
            $0.holders = ["dpu-01", "dpu-02"]
        } rows: {
            ["endpoint-holder cluster fails: dpu-01 and dpu-02 have 10.77.0.100"]
        },
        Wrong(id: "the lease is another's") {
            $0.holders = ["server-01"]
        } rows: {
            ["endpoint-holder cluster fails: server-01 has 10.77.0.100, but the lease is dpu-02's"]
        },
        Wrong(id: "the endpoint does not answer a node") {
            $0.set("pxe-01", .http("https://10.77.0.100:6443/ping"), Answer(status: 7, output: "", error: "refused\n"))
        } rows: {
            ["endpoint-answers pxe-01 fails: https://10.77.0.100:6443/ping: refused"]
        },
        Wrong(id: "the endpoint answers something else") {
            $0.set("pxe-01", .http("https://10.77.0.100:6443/ping"), "404\nno")
        } rows: {
            ["endpoint-answers pxe-01 fails: https://10.77.0.100:6443/ping: status 404"]
        },
        Wrong(id: "a name that the certificate lacks") {
            let error = "Unable to connect to the server: x509: certificate is valid for 10.77.0.11, not 10.77.0.100\n"
            $0.certificate["dpu-01 10.77.0.100"] = Answer(status: 1, output: "", error: error)
        } rows: {
            [
                "certificate-names dpu-01 fails: for 10.77.0.100: Unable to connect to the server: "
                    + "x509: certificate is valid for 10.77.0.11, not 10.77.0.100"
            ]
        },
        Wrong(id: "a Service without an address") {
            $0.services = "default/web\t\tno pool has one\n"
        } rows: {
            ["service-addresses cluster fails: default/web has none: no pool has one"]
        },
        Wrong(id: "pods that do not come up") {
            $0.pods = "coredns-1\tPending\t\t0/6 nodes are available\ncilium-2\tRunning\tFalse\t\n"
        } rows: {
            ["pods cluster fails: coredns-1 is Pending: 0/6 nodes are available, and 1 more"]
        },
    ]

    @Test(arguments: wrongs) func tellsWhatIsWrongAndNothingElse(_ wrong: Wrong) throws {
        var answers = Self.whole
        wrong.change(&answers)
        let rows = try answers.verification().rows.filter { $0.result != .holds }
        #expect(rows.map { "\($0.check) \($0.place) \($0.result.rawValue): \($0.seen)" } == wrong.rows)
    }

    @Test func whatCannotBeAskedIsNeverOk() throws {
        let lost = try Self.whole.verification(unreachable: ["worker-01"])
        let own = lost.rows.filter { $0.place == "worker-01" }
        #expect(own.first { $0.check == "node-ready" }?.result == .holds, "the cluster says so")
        #expect(own.filter { $0.check != "node-ready" }.allSatisfy { $0.seen == "no SSH to worker-01" })
        #expect(own.count { $0.result == .notAsked } == own.count - 1)
        let one = try Self.whole.verification(unreachable: ["dpu-01"])
        #expect(
            one.rows.filter { $0.place == "cluster" && $0.check != "endpoint-holder" }.allSatisfy {
                $0.result == .holds
            })
        #expect(one.rows.first { $0.check == "endpoint-holder" }?.result == .notAsked, "the lost one may have it too")
        let all = try Self.whole.verification(
            unreachable: ["dpu-01", "dpu-02", "server-01", "worker-01", "nixos-01", "pxe-01"])
        #expect(all.rows.allSatisfy { $0.result == .notAsked })
        #expect(Verification(try Example.small(), facts: Facts()).rows.allSatisfy { $0.result != .holds })
    }

    @Test(
        arguments: ["", "\n", "\t\t\t\t", "{}", "[]", "null", "\0", "x", "200\n", "a\tb\tc\td\te\n", "v1.35.7+k3s1"],
        [0, 1] as [Int32])
    func whateverNodesAnswerIsNotTakenForAWholeCluster(_ output: String, _ status: Int32) throws {
        let inventory = try Example.small()
        var facts = Facts()
        for ask in Verification.asks(inventory) {
            facts[ask.node, ask.probe] = Answer(status: status, output: output, error: output)
        }
        #expect(!Verification(inventory, facts: facts).holds)
    }

    @Test func asksForSessionsPoolsAndTheGrantedAddressWhereThereAreAny() throws {
        let checks = Set(Verification(try Example.read(Example.announced), facts: Facts()).rows.map(\.check))
        #expect(checks.isSuperset(of: ["bgp-sessions", "pools", "endpoint-address", "endpoint-backends"]))
        #expect(!checks.contains("endpoint-holder"))
        #expect(Set(Verification.asks(try Example.small())).count == Verification.asks(try Example.small()).count)
    }
}

extension VerificationTests.Wrong {
    init(id: String, change: @escaping @Sendable (inout Answers) -> Void, rows: () -> [String]) {
        self.init(id: id, change: change, rows: rows())
    }
}

/// What the nodes of `Example.small` answer to everything that `verify` asks.
struct Answers: Sendable {
    /// `NAME READY [VOTES]`.
    var nodes: [String]
    var holders: [NodeName] = ["dpu-02"]
    var services = "default/web\t192.0.2.1\t\n"
    var pods = "cilium-1\tRunning\tTrue\t\nhelm-1\tSucceeded\tFalse\t\n"
    /// By `NODE NAME`.
    var certificate: [String: Answer] = [:]
    private var others: [Ask: Answer] = [:]

    init(nodes: [String]) { self.nodes = nodes }

    mutating func set(_ node: NodeName, _ probe: Probe, _ answer: Answer) { others[Ask(node, probe)] = answer }
    mutating func set(_ node: NodeName, _ probe: Probe, _ output: String) {
        set(node, probe, Answer(status: 0, output: output))
    }

    func verification(unreachable: Set<NodeName> = []) throws -> Verification {
        let inventory = try Example.small()
        return Verification(inventory, facts: try facts(inventory, without: unreachable), unreachable: unreachable)
    }

    func facts(_ inventory: Inventory, without lost: Set<NodeName> = []) throws -> Facts {
        var facts = Facts()
        for ask in Verification.asks(inventory) where !lost.contains(ask.node) {
            facts[ask.node, ask.probe] =
                others[ask] ?? standard(ask, EndpointQuestion(Cluster(inventory)))
        }
        return facts
    }

    private func standard(_ ask: Ask, _ endpoint: EndpointQuestion?) -> Answer {
        func said(_ output: String) -> Answer { Answer(status: 0, output: output) }
        switch ask.probe {
        case NodesQuestion.probe: return said(nodes.map(row).joined())
        case K3sQuestion.version: return said("k3s version v1.35.7+k3s1 (cd43afc7)\n")
        case APIQuestion.probe: return said("ok")
        case EtcdQuestion.probe: return said(#"200\#n{"health":"true","reason":""}"#)
        case CiliumQuestion.status:
            return said(#"{"cilium":{"state":"Ok"},"kube-proxy-replacement":{"mode":"True"}}"#)
        case KubeProxyQuestion.probe: return said("")
        case .guardState: return said("none\n")
        case EndpointQuestion.lease: return said("dpu-02\n")
        case endpoint?.onLink:
            return said(holders.contains(ask.node) ? #"[{"addr_info":[{"local":"10.77.0.100"}]}]"# : "[]")
        case endpoint?.ping: return said("200\npong")
        case ServicesQuestion.probe: return said(services)
        case StuckPodsQuestion.probe: return said(pods)
        case .command(let words):
            let name = words.last { $0.hasPrefix("--tls-server-name=") }.map { String($0.dropFirst(18)) } ?? ""
            return certificate["\(ask.node) \(name)"] ?? said("{}")
        default: return Answer(status: 1, output: "", error: "nobody answers \(ask.probe)\n")
        }
    }

    private func row(_ node: String) -> String {
        let words = node.split(separator: " ")
        let vote = words.count > 2 ? String(words[2]) : ""
        let reason = words[1] == "True" ? "kubelet is posting ready status" : "for a reason"
        return "\(words[0])\t\(words[1])\t\(vote)\tv1.35.7+k3s1\t\(reason)\n"
    }
}
