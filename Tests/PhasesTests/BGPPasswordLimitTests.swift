import Inventory
import Testing

@testable import Engine
@testable import Phases

/// Which passwords have to change at a router and on a node at once, as both say before a run: the two are not torn apart
/// by `--limit`.
struct BGPPasswordLimitTests {
    private let phase: BGPPasswords
    private let inventory: Inventory
    private let router: RouterQuestion

    init() throws {
        inventory = try Example.read(Example.passwords)
        phase = BGPPasswords(inventory)
        router = RouterQuestion(inventory, inventory.routers[1])
    }

    /// Both ends have another password than the inventory, and sessions.
    private var facts: Facts {
        var facts = Facts()
        facts["aside", router.passwordFile] = .differs(current: "(differs; secret)")
        facts["aside", router.difference] = Answer(status: 0, output: "")
        facts["aside", RouterQuestion.summary] = Answer(
            status: 0, output: #"{"ipv4Unicast": {"peers": {"10.77.0.11": {"state": "Idle"}}}}"#)
        for probe in phase.needs("dpu-01") { facts["dpu-01", probe] = Answer(status: 0, output: "aside\n") }
        for step in phase.apply("dpu-01") { facts["dpu-01", step] = .same }
        facts["dpu-01", BGPQuestion.peers] = Answer(
            status: 0, output: #"[{"peer-address": "10.77.0.2", "session-state": "established"}]"#)
        return facts
    }

    private func tied(_ facts: Facts) -> [NodeName] { phase.ties("dpu-01", facts).map(\.node) }

    @Test func bothEndsAreNamed() throws {
        let tie = try #require(phase.ties("dpu-01", facts).first)
        #expect(tie.node == "aside")
        #expect(
            tie.why == "the password of the BGP sessions with peer aside changes, which its two ends do together: "
                + "the router aside, and dpu-01, which gives it to the nodes")
    }

    @Test func oneEndThatChangesAloneIsNotTied() {
        var now = facts
        now["aside", router.passwordFile] = .same
        #expect(tied(now) == [], "the router has it already")
        now["aside", router.difference] = Answer(
            status: 0, output: "router bgp 64514\n neighbor clusterctl-small-ipv4 password (secret)\n")
        #expect(tied(now) == ["aside"], "its file alone")

        now = facts
        for probe in phase.needs("dpu-01") { now["dpu-01", probe] = Answer(status: 0, output: "edge\n") }
        #expect(tied(now) == [], "the nodes have it already, whatever another router's is")
        for step in phase.apply("dpu-01") { now["dpu-01", step] = .differs(current: "") }
        #expect(tied(now) == ["aside"], "what the node would compare with is not the inventory's")
    }

    @Test func aSessionThatIsNotSetUpAtBothEndsIsNotCut() {
        var now = facts
        now["aside", RouterQuestion.summary] = Answer(status: 0, output: #"{"ipv4Unicast": {"peers": {}}}"#)
        #expect(tied(now) == [])
        now = facts
        now["dpu-01", BGPQuestion.peers] = Answer(status: 0, output: "null")
        #expect(tied(now) == [])
        now["dpu-01", BGPQuestion.peers] = Answer(status: 1, output: "", error: "no agent")
        #expect(tied(now) == ["aside"], "it would not see them fall")
    }

    @Test func aRouterThatAPersonChangesIsWaitedForOtherwise() throws {
        let text = Example.passwords.replacing("asn: 64514}", with: "asn: 64514, manage: verify}")
        #expect(try BGPPasswords(Example.read(text)).ties("dpu-01", facts) == [])
    }

    @Test func theRunIsRefusedBeforeAnythingIsChanged() throws {
        let order = RouterChange.order(for: inventory)
        let nodes: [NodeName] = ["dpu-01", "edge", "aside"]
        for (limit, isRefused) in [
            (["aside"], true), (["dpu-01"], true), (["dpu-01", "edge"], true), (["dpu-01", "aside"], false),
            (["edge"], false),
        ] as [(Set<NodeName>, Bool)] {
            var machine = Machine(cluster: "small", order: order, nodes: nodes, limit: limit)
            var requests = machine.handle(.begin, at: 0)
            for case .survey(let id, let node, let probes, let steps) in requests {
                let answers = probes.map { ($0, facts[node, $0] ?? Answer(status: 0, output: "")) }
                let states = steps.map { ($0, facts[node, $0] ?? .same) }
                requests = machine.handle(
                    .surveyed(
                        id, answers: Dictionary(uniqueKeysWithValues: answers),
                        states: Dictionary(uniqueKeysWithValues: states)), at: 0)
            }
            var problems: [Problem] = []
            for case .finish(.blocked(let blocked)) in requests { problems += blocked.flatMap(\.problems) }
            let problem = problems.first { $0.what.contains("peer aside") }
            #expect((problem != nil) == isRefused, "\(limit): \(problems)")
            if limit == ["aside"] {
                #expect(problem?.what.hasSuffix(", and --limit has aside without dpu-01") == true)
                #expect(problem?.fix == "add dpu-01 to --limit, or take aside out of it")
            }
        }
    }

    @Test(arguments: [
        ("armed phase=routers nonce=x until=1", true), ("held phase=routers nonce=x rung=1", true), ("none", false),
    ])
    func whatAnEarlierRunBeganAtARouterIsDecidedFirst(line: String, isUndecided: Bool) throws {
        let inventory = try Example.read(Example.passwords)
        let phase = BGPPasswords(inventory)
        var facts = Facts()
        #expect(phase.check(phase.nodes[0], facts) == .satisfied)
        facts["edge", .guardState] = Answer(status: 0, output: line)
        let pending = Finding.pending("edge has not confirmed what an earlier run has changed there")
        #expect(phase.check(phase.nodes[0], facts) == (isUndecided ? pending : .satisfied))
    }
}
