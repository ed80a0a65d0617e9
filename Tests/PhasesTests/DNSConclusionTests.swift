import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

/// What is concluded from what nodes say about names.
struct DNSConclusionTests {
    private func found(_ listeners: String, manifest: String = "absent") throws -> Finding {
        var facts = Facts()
        facts["dpu-01", .path(DNS.manifest)] = Answer(status: 0, output: manifest + "\n")
        facts["dpu-01", .listeners([53, 9453])] = Answer(status: 0, output: listeners)
        return DNS(try DNSTests.inventory()).check("dpu-01", facts)
    }

    @Test(arguments: [
        ("53 0.0.0.0:53 dnsmasq\n", "port 53, which CoreDNS needs, is taken at 0.0.0.0 by dnsmasq"),
        ("53 *:53 named\n", "port 53, which CoreDNS needs, is taken at * by named"),
        ("53 10.77.0.11:53 unbound\n", "port 53, which CoreDNS needs, is taken at 10.77.0.11 by unbound"),
        ("53 00000000:0035\n", "port 53, which CoreDNS needs, is taken at 00000000"),
        ("9453 127.0.0.1:9453 other\n", "port 9453, which CoreDNS needs, is taken at 127.0.0.1 by other"),
    ])
    func aPortThatSomebodyElseHasIsRefused(_ listeners: String, _ words: String) throws {
        let problem = Problem(
            words, fix: "stop what listens there, have it listen at another address, or leave 'dns' out")
        #expect(try found(listeners) == .blocked([problem]))
        #expect(try found(listeners, manifest: "file 0644 900") == .satisfied, "it may be CoreDNS itself")
    }

    @Test(arguments: ["53 127.0.0.53%lo:53 systemd-resolve\n", "53 127.0.0.1:53 dnsmasq\n", "53 10.77.0.99:53 x\n", ""])
    func whoListensElsewhereIsInNobodysWay(_ listeners: String) throws {
        #expect(try found(listeners) == .satisfied)
    }

    @Test(arguments: ResolverQuestion.Resolver.allCases) func eachResolverHasItsPhaseOrIsLeftAlone(
        _ resolver: ResolverQuestion.Resolver
    ) throws {
        let inventory = try DNSTests.inventory()
        var facts = Facts()
        let probe = try #require(ResolverQuestion(inventory)).probe
        facts["worker-01", probe] = Answer(status: 0, output: resolver.rawValue + "\n")
        let findings = [
            DNSResolved(inventory).check("worker-01", facts), DNSNetworkManager(inventory).check("worker-01", facts),
        ]
        switch resolver {
        case .resolved: #expect(findings[0] == .satisfied && findings[1] != .satisfied)
        case .dnsmasq: #expect(findings[1] == .satisfied && findings[0] != .satisfied)
        case .resolvedGlobal, .networkManager, .other:
            for finding in findings {
                guard case .notApplicable(let reason) = finding else {
                    Issue.record("\(finding)")
                    continue
                }
                #expect(
                    reason.contains("cluster.example.org"), "it says for which names something is to be done by hand")
            }
        }
    }

    @Test(arguments: [
        ("10.77.0.100     STREAM api.cluster.example.org\n10.77.0.100     DGRAM\n", 0, Verdict.holds),
        ("", 2, .waiting("worker-01 does not find api.cluster.example.org")),
        ("192.0.2.7 STREAM api\n", 0, .waiting("worker-01 finds 192.0.2.7 for api.cluster.example.org")),
    ])
    func aHookIsInWhenTheNodeFindsTheName(_ output: String, _ status: Int32, _ verdict: Verdict) throws {
        let gate = try #require(DNSResolved(try DNSTests.inventory()).gate("worker-01"))
        #expect(
            gate.asks == [Ask("worker-01", .command(["timeout", "5", "getent", "ahosts", "api.cluster.example.org"]))])
        var facts = Facts()
        facts["worker-01", gate.asks[0].probe] = Answer(status: status, output: output)
        #expect(gate.judge(facts) == verdict)
    }

    struct Situation: Sendable, CustomTestStringConvertible {
        let id: String
        var health = Answer(status: 0, output: "200\nOK")
        var answer = DNSMessageTests.answer("api")
        var pod = ""
        let conclusion: Verdict
        var testDescription: String { id }
    }

    @Test(arguments: [
        Situation(id: "all is well", conclusion: .holds),
        Situation(
            id: "no CoreDNS", health: Answer(status: 7, output: "", error: "refused"),
            conclusion: .waiting("CoreDNS on dpu-01 does not answer: refused")),
        Situation(
            id: "no image", health: Answer(status: 7, output: "", error: "refused"),
            pod: "dpu-01\tPending\tFalse\t\tBack-off pulling image",
            conclusion: .waiting("CoreDNS on dpu-01 does not answer: refused; the pod: Back-off pulling image")),
        Situation(
            id: "another address", answer: DNSMessageTests.answer("api", [192, 0, 2, 7]),
            conclusion: .waiting("10.77.0.11 has 192.0.2.7 for api.cluster.example.org")),
        Situation(
            id: "no such name", answer: DNSMessageTests.answer("api", [], status: 3),
            conclusion: .waiting("10.77.0.11 says status 3 of api.cluster.example.org")),
        Situation(
            id: "no answer", answer: "",
            conclusion: .waiting("nothing answers for api.cluster.example.org at 10.77.0.11: exit status 0")),
        Situation(
            id: "another program", answer: "5353482d322e30",
            conclusion: .waiting(
                "what answers for api.cluster.example.org at 10.77.0.11 is no DNS server: 5353482d322e30")),
    ])
    func gateTellsWhatIsMissing(_ situation: Situation) throws {
        let gate = try #require(DNS(try DNSTests.inventory()).gate("dpu-01"))
        var facts = Facts()
        #expect(gate.asks.count == 2 + 3, "health, pods, api, api-int, and one of the apps")
        for ask in gate.asks {
            #expect(ask.node == "dpu-01")
            facts["dpu-01", ask.probe] = Answer(status: 0, output: situation.answer)
        }
        facts["dpu-01", DNS.health] = situation.health
        facts["dpu-01", DNS.pods] = Answer(status: 0, output: situation.pod + "\n")
        #expect(gate.judge(facts) == situation.conclusion)
    }

    @Test func aFamilyThatTheNameHasNotIsNotAskedFor() throws {
        let inventory = try DNSTests.inventory("{domain: cluster.example.org}", DNSTests.bothFamilies)
        let questions = DNS(inventory).questions("dpu-01", try #require(ClusterNames(inventory))).map(\.question)
        #expect(questions.map(\.server.description) == ["10.77.0.11", "10.77.0.11", "fd77::11", "fd77::11"])
        #expect(questions.allSatisfy { $0.family == .ipv4 }, "the endpoint has one address")
    }
}
