import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

struct RouterTests {
    private let inventory: Inventory

    init() throws {
        inventory = try Example.read(
            Example.announced.replacing("asn: 64514}", with: "asn: 64514, manage: verify}")
                .replacing("asn: 64513}", with: "asn: 64513, ssh: {user: root, port: 2222}}"))
    }

    @Test func changesWhatItMayAndAsksWhatItMay() throws {
        #expect(inventory.hosts.map(\.name) == ["dpu-01", "worker-01", "worker-02", "edge", "aside"])
        #expect(inventory.routers[0].ssh.user == "root" && inventory.routers[1].ssh.user == "ubuntu")
        #expect(RouterPrep(inventory).nodes == ["edge"])
        #expect(Routers(inventory).nodes == ["edge"])
        #expect(RouterSessions(inventory).nodes == ["edge", "aside"])
        let gate = try #require(APIEndpoint(inventory).gate("dpu-01"))
        #expect(
            gate.asks.map(\.node) == ["dpu-01", "worker-01", "edge", "aside", "dpu-01", "worker-01"])
        #expect(Set(RouterState.asks(inventory).map(\.node)) == ["edge", "aside"])
    }

    @Test func eachChangeIsGuardedAndOneAtATime() throws {
        let plan = Plan(cluster: "small", order: RouterChange.order(for: inventory))
        let phase = try #require(plan.phases.first { $0.id == "routers" })
        #expect(phase.atOnce == 1)
        guard case .checkpoint(let checkpoint)? = phase.work[0].steps.first?.operation else {
            Issue.record("no checkpoint")
            return
        }
        #expect(checkpoint.windowSeconds == GuardSettings().window.wholeSeconds)
        #expect(checkpoint.paths == ["/etc/frr/clusterctl-small.conf", "/etc/frr/clusterctl-small.password"])
    }

    @Test(arguments: [
        ("", Finding.satisfied),
        (
            "FRR does not run BGP here: bgpd is not among its daemons\n",
            .blocked([
                Problem(
                    "FRR does not run BGP here: bgpd is not among its daemons",
                    fix: "install frr, write 'bgpd=yes' into /etc/frr/daemons, and restart it")
            ])
        ),
    ])
    func isRefusedBeforeAnythingIsChanged(_ said: String, _ finding: Finding) throws {
        let phase = RouterPrep(inventory)
        var facts = Facts()
        facts["edge", phase.needs("edge")[0]] = Answer(status: 0, output: said)
        #expect(phase.check("edge", facts) == finding)
        #expect(phase.check("edge", Facts()) != .satisfied, "who was not asked has not agreed")
    }

    @Test func aGatewayWithBGPSwitchedOffIsToldWhereTheSwitchIs() throws {
        let inventory = try Example.read(Example.announced.replacing("linux-frr", with: "unifi"))
        let question = RouterQuestion(inventory, inventory.routers[0])
        let problem = question.problems(Answer(status: 0, output: "FRR is not there: no vtysh is found")).first
        #expect(problem?.fix.contains("Settings > Routing > BGP") == true)
    }

    @Test func aRouterThatNobodyPeersWithAnyMoreLosesTheClustersPart() throws {
        let inventory = try Example.read(
            Example.bgp.replacing("edge: {gracefulRestart: 9s}, ", with: ""))
        let steps = Routers(inventory).apply("edge")
        #expect(
            steps.map(\.operation.subject) == [
                "take the cluster's part out of FRR", "/etc/frr/clusterctl-small.conf",
                "/etc/frr/clusterctl-small.password",
            ])
        #expect(RouterSessions(inventory).nodes == ["aside"])
        // Nobody needs it, so that it stops nobody either.
        let phase = RouterPrep(inventory)
        var facts = Facts()
        facts["edge", phase.needs("edge")[0]] = Answer(status: 0, output: "FRR is not there: no vtysh is found\n")
        for finding in [phase.check("edge", facts), Routers(inventory).check("edge", facts)] {
            guard case .notApplicable = finding else {
                Issue.record("\(finding)")
                continue
            }
        }
    }

    @Test func takesWhatIsAnnouncedAloneUnlessTheInventoryAsksForAll() throws {
        let limited = try #require(RouterConfiguration(inventory, inventory.routers[0])?.text)
        #expect(limited.contains(" prefix-list clusterctl-small-ipv4-in seq 5 permit 10.142.0.0/16 ge 24 le 24\n"))
        #expect(limited.contains("  neighbor clusterctl-small-ipv4 maximum-prefix "))
        #expect(!limited.contains("permit any") && limited.contains("nothing else. Sent to them: nothing."))
        let asked = try Example.read(
            Example.announced.replacing("{gracefulRestart: 9s}", with: "{gracefulRestart: 9s, import: all}"))
        let open = try #require(RouterConfiguration(asked, asked.routers[0])?.text)
        for family in ["ip", "ipv6"] {
            #expect(
                open.contains(
                    "\(family) prefix-list clusterctl-small-ip\(family == "ip" ? "v4" : "v6")-in seq 5 permit any\n"))
        }
        #expect(!open.contains("maximum-prefix") && open.contains("whatever they send"))
        #expect(open.contains("-out seq 5 deny any"), "nodes get nothing all the same")
        let aside = try #require(RouterConfiguration(asked, asked.routers[1])?.text)
        #expect(!aside.contains("permit any"), "only the peer that asks for it")
    }

    private let established = """
        {"ipv4Unicast": {"peers": {"10.77.0.11": {"state": "Established", "pfxRcd": 1},
                                   "10.77.0.21": {"state": "Established", "pfxRcd": 1}}},
         "ipv6Unicast": {"peers": {"fd77::11": {"state": "Established", "pfxRcd": 1},
                                   "fd77::21": {"state": "Established", "pfxRcd": 1}}}}
        """

    @Test func everySessionOfBothFamiliesIsAskedFor() throws {
        let gate = try #require(RouterSessions(inventory).gate("edge"))
        func verdict(_ answer: Answer?) -> Verdict {
            var facts = Facts()
            if let answer { facts["edge", RouterQuestion.summary] = answer }
            return gate.judge(facts)
        }
        func changed(_ old: String, _ new: String) -> Verdict {
            verdict(Answer(status: 0, output: established.replacing(old, with: new)))
        }
        #expect(verdict(Answer(status: 0, output: established)) == .holds)
        #expect(verdict(nil) == .waiting("FRR does not tell its sessions yet"))
        #expect(
            verdict(Answer(status: 0, output: "% BGP instance not found"))
                == .waiting("FRR does not tell its sessions: % BGP instance not found"))
        #expect(
            changed("fd77::21", "fd77::22") == .waiting("the session with worker-01 (fd77::21) is not configured there")
        )
        #expect(
            changed("\"10.77.0.21\": {\"state\": \"Established\"", "\"10.77.0.21\": {\"state\": \"Active\"")
                == .waiting("the session with worker-01 (10.77.0.21) is Active"))
        #expect(
            changed(
                "\"fd77::11\": {\"state\": \"Established\", \"pfxRcd\": 1", "\"fd77::11\": {\"state\": \"Established\"")
                == .waiting(
                    "the session with dpu-01 (fd77::11) is established, but no range of pods came through the filters"))
    }

    @Test(arguments: [
        (2, Verdict.holds), (1, .waiting("edge has 1 of 2 next hops for 10.31.0.80")),
        (0, .waiting("edge has 0 of 2 next hops for 10.31.0.80")),
    ])
    func everyNodeIsANextHopOfTheEndpoint(_ count: Int, _ verdict: Verdict) throws {
        let question = RouterQuestion(inventory, inventory.routers[0])
        let hops = (0..<2).map { "{\"ip\": \"10.77.0.\($0)1\", \"fib\": \($0 < count)}" }.joined(separator: ",")
        let route = "{\"10.31.0.80/32\": [{\"installed\": true, \"nexthops\": [\(hops)]}]}"
        let address = try #require(IPAddress("10.31.0.80"))
        #expect(question.verdict(Answer(status: 0, output: route), routeTo: address) == verdict)
        let notInstalled = route.replacing("\"installed\": true, ", with: "")
        #expect(question.verdict(Answer(status: 0, output: notInstalled), routeTo: address) != .holds)
    }

    @Test func theStateNamesAllThatIsLacking() throws {
        let question = RouterQuestion(inventory, inventory.routers[0])
        let address = try #require(IPAddress("10.31.0.80"))
        var facts = Facts()
        facts["edge", question.refusal] = Answer(status: 0, output: "")
        facts["edge", question.difference] = Answer(status: 0, output: "")
        facts["edge", question.unsaved] = Answer(status: 0, output: "")
        facts["edge", RouterQuestion.summary] = Answer(status: 0, output: established)
        facts["edge", RouterQuestion.route(to: address)] = Answer(
            status: 0,
            output: #"{"10.31.0.80/32": [{"installed": true, "nexthops": [{"fib": true}, {"fib": true}]}]}"#)
        func edge(_ facts: Facts) -> RouterState.Row {
            RouterState(inventory, facts: facts, unreachable: ["aside": "no route"]).routers[0]
        }
        #expect(edge(facts).isWhole)
        #expect(edge(facts).sessions.map(\.node) == ["dpu-01", "worker-01", "dpu-01", "worker-01"])
        #expect(!RouterState(inventory, facts: facts, unreachable: ["aside": "no route"]).isWhole)
        for probe in [question.refusal, question.difference, question.unsaved, RouterQuestion.summary] {
            var less = facts
            less["edge", probe] = Answer(status: 1, output: "", error: "no")
            #expect(!edge(less).isWhole, "\(probe)")
        }
        facts["edge", question.unsaved] = Answer(status: 0, output: "router bgp 64513\n")
        #expect(edge(facts).isPending)
    }
}
