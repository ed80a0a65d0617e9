import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// What a change of the token concludes from what the nodes say, at every place where an earlier run may have been ended.
@Suite struct TokenTests {
    private static let servers = UpgradeFixture.servers.map { NodeName($0) }
    private static let managed = servers + ["worker-01", "pxe-01"]

    static func inventory() throws -> Inventory {
        try Example.small([("{env: K3S_TOKEN}", "{file: /secrets/token}")])
    }

    /// How a node stands, by the words of `token.sh look` and the states of its files.
    struct Node: Sendable {
        var file = false
        var staged = false
        var etcd: String? = "1 file"
        var code = "405"
        var runsOld = false
        var isUnderWay = false
        var more = ""

        static let before = Node()
        static let ready = Node(staged: true, isUnderWay: true)
        static let told = Node(staged: true, etcd: "1 new", isUnderWay: true)
        static let switched = Node(file: true, staged: true, etcd: "1 file,new", runsOld: true, isUnderWay: true)
        static let restarted = Node(file: true, staged: true, etcd: "1 file,new", isUnderWay: true)
        static let after = Node(file: true)
    }

    static func facts(_ inventory: Inventory, _ nodes: [NodeName: Node], unwell: Set<String> = []) -> Facts {
        var facts = UpgradeFixture.facts(inventory, unwell: unwell)
        let cluster = Cluster(inventory)
        let change = TokenChange(cluster)
        for name in managed {
            let node = nodes[name] ?? .before
            var lines = node.isUnderWay ? ["staged", "file other"] : ["file other"]
            lines.append("runs \(node.runsOld ? "old" : "new")")
            if cluster[name].isControlPlane {
                lines += [node.etcd.map { "etcd \($0)" } ?? "etcd silent no route", "asks \(node.code)"]
            }
            facts[name, TokenFacts.probe(name, cluster)] = Answer(
                status: 0, output: lines.joined(separator: "\n") + "\n" + node.more)
            facts[name, .guardState] = Answer(status: 0, output: "none")
            if let file = change.file { facts[name, file] = node.file ? .same : .differs(current: "(differs; secret)") }
            if let staged = change.stagedFile {
                facts[name, staged] = node.staged ? .same : .differs(current: "(absent)")
            }
        }
        return facts
    }

    private static func all(_ node: Node, _ others: [NodeName: Node] = [:]) -> [NodeName: Node] {
        Dictionary(uniqueKeysWithValues: managed.map { ($0, others[$0] ?? node) })
    }

    // MARK: Every place at which a run may have been ended

    struct State: Sendable, CustomTestStringConvertible {
        let id: String
        let nodes: [NodeName: Node]
        /// Phases with work of their own, by what they conclude; those that are not named are settled.
        let works: [String]
        var isRotated: Bool? = true
        var testDescription: String { id }
    }

    static let states = [
        State(
            id: "nothing has been done", nodes: all(.before),
            works: [
                "stage-token", "rotate-token dpu-01", "token-servers", "restart-servers", "restart-workers",
                "token-snapshot dpu-01", "end-token",
            ], isRotated: false),
        State(
            id: "the token is on the nodes, and nobody was told", nodes: all(.ready),
            works: [
                "stage-token", "rotate-token dpu-01", "token-servers", "restart-servers", "restart-workers",
                "token-snapshot dpu-01", "end-token",
            ], isRotated: false),
        State(
            id: "etcd has changed, and no node's file", nodes: all(.told),
            works: [
                "stage-token", "rotate-token dpu-01", "token-servers", "restart-servers", "restart-workers",
                "token-snapshot dpu-01", "end-token",
            ]),
        State(
            id: "one server has it", nodes: all(.told, ["dpu-01": .switched]),
            works: [
                "stage-token", "token-servers", "restart-servers", "restart-workers", "token-snapshot dpu-01",
                "end-token",
            ]),
        State(
            id: "half of the servers were started anew",
            nodes: all(.told, ["dpu-01": .restarted, "dpu-02": .switched, "server-01": .switched]),
            works: [
                "stage-token", "token-servers", "restart-servers", "restart-workers", "token-snapshot dpu-01",
                "end-token",
            ]),
        State(
            id: "a worker has the earlier one", nodes: all(.restarted, ["worker-01": .ready]),
            works: [
                "stage-token", "token-servers", "restart-servers", "restart-workers", "token-snapshot dpu-01",
                "end-token",
            ]),
        State(
            id: "all but forgetting is done", nodes: all(.restarted),
            works: [
                "stage-token", "token-servers", "restart-servers", "restart-workers", "token-snapshot dpu-01",
                "end-token",
            ]),
        State(id: "all is done", nodes: all(.after), works: []),
    ]

    @Test(arguments: states) func whatAnEarlierRunHasLeftIsLedOn(state: State) throws {
        let inventory = try Self.inventory()
        let facts = Self.facts(inventory, state.nodes)
        #expect(TokenChange(Cluster(inventory)).isRotated(facts) == state.isRotated)
        for node in inventory.nodes.map(\.id) {
            #expect(UpgradeFixture.words(TokenPreflight(inventory).check(node, facts)) == [], "\(node)")
        }
        var works: [String] = []
        for entry in TokenRotate.order(for: inventory).entries
        where !["preflight", "host-prep", "verify", "token-workers"].contains(entry.phase.id.rawValue) {
            let phase = entry.phase
            var acting: [NodeName] = []
            for node in phase.nodes {
                switch phase.check(node, facts) {
                case .settled, .notApplicable: continue
                case .satisfied, .pending: acting.append(node)
                case let other: Issue.record("\(phase.id) on \(node): \(other)")
                }
            }
            if acting.isEmpty { continue }
            works.append(acting.count == phase.nodes.count ? phase.id.rawValue : "\(phase.id) \(acting[0])")
        }
        #expect(works == state.works)
    }

    /// What is only satisfied is gone through again where something before it has changed, such as the guard's program.
    @Test func nothingOfItIsGoneThroughAgainWhereAllIsDoneOrWhereK3sHasChangedItAlready() throws {
        let inventory = try Self.inventory()
        func isLeftAlone(_ phase: any Phase, _ node: NodeName, _ facts: Facts) -> Bool {
            if case .notApplicable = phase.check(node, facts) { return true }
            return false
        }
        let after = Self.facts(inventory, Self.all(.after))
        for entry in TokenRotate.order(for: inventory).entries
        where !["preflight", "host-prep", "verify"].contains(entry.phase.id.rawValue) {
            for node in entry.phase.nodes {
                #expect(isLeftAlone(entry.phase, node, after), "\(entry.phase.id) on \(node)")
            }
        }
        let halfway = Self.facts(inventory, Self.all(.told, ["dpu-01": .switched]))
        for node in Self.servers { #expect(isLeftAlone(RotateToken(inventory), node, halfway)) }
    }

    @Test func whoeverRunsSinceBeforeTheChangeIsStartedAnewAndNobodyElse() throws {
        let inventory = try Self.inventory()
        let facts = Self.facts(inventory, Self.all(.restarted, ["dpu-02": .switched, "worker-01": .switched]))
        let servers = RestartServers(inventory)
        #expect(servers.check("dpu-01", facts) == .satisfied)
        #expect(servers.check("dpu-02", facts) == .pending("K3s runs there since before the token was changed"))
        #expect(
            RestartWorkers(inventory, atOnce: .number(1)).check("worker-01", facts)
                == .pending("K3s runs there since before the token was changed"))
        var armed = facts
        armed["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=restart-servers nonce=x until=1")
        #expect(servers.check("dpu-02", armed) == .satisfied, "what was cut goes on")
        #expect(servers.turns(armed).first == "dpu-02")
    }

    @Test func aWorkerOfItsOperatorIsNamedAndNotTouched() throws {
        let inventory = try Self.inventory()
        let files = TokenFiles(inventory, .workers)
        #expect(files.apply("nixos-01").isEmpty)
        guard case .putOff(let why) = files.check("nixos-01", Self.facts(inventory, Self.all(.before))) else {
            Issue.record("not put off")
            return
        }
        #expect(why.contains("its operator has to bring the new token"))
        #expect(files.check("nixos-01", Self.facts(inventory, Self.all(.after))) == TokenChange.done)
        #expect(!RestartWorkers(inventory, atOnce: .number(1)).nodes.contains("nixos-01"))
    }

    @Test func theServersTurnIsOverWhenItTakesTheNewTokenAndTheEarlierNoMore() throws {
        let inventory = try Self.inventory()
        let gate = try #require(RestartServers(inventory).gate("dpu-02"))
        let serves = try #require(gate.asks.map(\.probe).first { "\($0)".contains("serves") })
        let endpoint = try #require(EndpointQuestion(Cluster(inventory)))
        var facts = Self.facts(inventory, Self.all(.restarted))
        facts["dpu-01", endpoint.onLink] = Answer(status: 0, output: #"[{"local":"\#(endpoint.address)"}]"#)
        facts[endpoint.witness, endpoint.ping] = Answer(status: 0, output: "200\npong")
        facts["dpu-02", CiliumQuestion.status] = Answer(
            status: 0, output: #"{"cilium": {"state": "Ok"}, "kube-proxy-replacement": {"mode": "True"}}"#)
        #expect(gate.judge(facts) == .waiting("dpu-02 has not said yet which token K3s takes there"))
        facts["dpu-02", serves] = Answer(status: 1, output: "new=405 old=405\n")
        #expect(
            gate.judge(facts) == .waiting("K3s on dpu-02 does not take the new token alone yet: new=405 old=405"))
        facts["dpu-02", serves] = Answer(status: 0, output: "new=405 old=401\n")
        #expect(gate.judge(facts) == .holds)
    }

    // MARK: Preflight

    struct Wrong: Sendable, CustomTestStringConvertible {
        let id: String
        var node: NodeName = "dpu-01"
        var nodes = TokenTests.all(.before)
        var unwell: Set<String> = []
        var change: @Sendable (inout Facts) -> Void = { _ in }
        let says: [String]
        var testDescription: String { id }
    }

    static let wrong = [
        Wrong(
            id: "a cluster that does not answer",
            change: {
                for name in servers {
                    $0[name, NodesQuestion.probe] = Answer(status: 1, output: "", error: "no leader")
                }
            }, says: ["the cluster cannot be asked for its nodes: no leader"]),
        Wrong(
            id: "a node that the cluster does not know", node: "worker-01",
            change: {
                for name in servers {
                    $0[name, NodesQuestion.probe] = Answer(status: 0, output: "dpu-01\tTrue\tTrue\tv1.35.7+k3s1\t\n")
                }
            }, says: ["the cluster does not know it"]),
        Wrong(
            id: "a server that is out before anything has changed", unwell: ["dpu-02"],
            says: ["the etcd member on dpu-02 is not a healthy voter, and all servers must be there"]),
        Wrong(
            id: "one that is out afterwards", nodes: all(.told, ["dpu-01": .switched]), unwell: ["dpu-02"], says: []),
        Wrong(
            id: "two that are out afterwards", nodes: all(.told, ["dpu-01": .switched]),
            unwell: ["dpu-02", "server-01"],
            says: ["the etcd members on dpu-02, server-01 are not healthy voters"]),
        Wrong(
            id: "an etcd that does not say", nodes: all(Node(etcd: nil)),
            says: ["etcd says on no server under which token the cluster's data are: no route"]),
        Wrong(
            id: "a token that nobody here has", nodes: all(Node(staged: true, etcd: "1 -", isUnderWay: true)),
            says: ["under a token that neither its servers nor the inventory have"]),
        Wrong(
            id: "one that may be the inventory's, which is not on the nodes yet", nodes: all(Node(etcd: "1 -")),
            says: []),
        Wrong(
            id: "one that K3s has written down itself",
            nodes: all(
                Node(staged: true, etcd: "1 -", isUnderWay: true),
                ["dpu-02": Node(staged: true, etcd: "1 server", isUnderWay: true)]), says: []),
        Wrong(
            id: "a K3s that has failed in the middle",
            nodes: all(Node(staged: true, isUnderWay: true, more: "begun\n")),
            says: ["K3s there has failed in the middle of an earlier change"]),
        Wrong(
            id: "and others that have not",
            nodes: all(.ready, ["dpu-01": Node(staged: true, isUnderWay: true, more: "begun\n")]), says: []),
        Wrong(
            id: "two tokens at once, which the change itself puts right",
            nodes: all(Node(staged: true, etcd: "2 file,new", isUnderWay: true)), says: []),
        Wrong(
            id: "a K3s that takes none of its tokens", nodes: all(Node(code: "401")),
            says: ["K3s there takes none of the tokens that are on the machine"]),
        Wrong(
            id: "one of them does", nodes: all(Node(code: "401"), ["dpu-02": .before]), says: []),
        Wrong(
            id: "a K3s that is too old", nodes: all(Node(code: "404")),
            says: ["K3s there does not know how to change its token (it answers 404)"]),
        Wrong(
            id: "a K3s that does not answer", nodes: all(Node(code: "000")), says: ["K3s there does not answer"]),
        Wrong(
            id: "no curl", nodes: all(.before, ["dpu-01": Node(more: "curl none\n")]),
            says: ["curl is not there, and etcd and K3s are asked by it"]),
        Wrong(
            id: "another token in a file of the site's", node: "dpu-02",
            nodes: all(.before, ["dpu-02": Node(more: "overruled /etc/rancher/k3s/config.yaml.d/70-site.yaml\n")]),
            says: ["/etc/rancher/k3s/config.yaml.d/70-site.yaml names a token of its own"]),
        Wrong(
            id: "a K3s of somebody else's", node: "worker-01",
            change: { $0["worker-01", K3sQuestion.config] = Answer(status: 0, output: "token: x\n") },
            says: ["there is no K3s that clusterctl set up"]),
        Wrong(
            id: "the guard of another verb", node: "dpu-02",
            change: { $0["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=cilium nonce=x until=1") },
            says: ["its guard is armed for cilium of an earlier run of another verb"]),
        Wrong(
            id: "its own guard", node: "dpu-02",
            change: {
                $0["dpu-02", .guardState] = Answer(status: 0, output: "held phase=restart-servers nonce=x rung=1")
            }, says: []),
        Wrong(
            id: "a node that says nothing", node: "worker-01",
            change: {
                let probe = Probe.command(TokenTask.program(["look", "k3s-agent.service"]))
                $0["worker-01", probe] = Answer(status: 1, output: "", error: "no")
            }, says: ["it does not say what it knows of the token: no"]),
    ]

    @Test(arguments: wrong) func refusesWhatWouldEndBadly(wrong: Wrong) throws {
        let inventory = try Self.inventory()
        var facts = Self.facts(inventory, wrong.nodes, unwell: wrong.unwell)
        wrong.change(&facts)
        let said = UpgradeFixture.words(TokenPreflight(inventory).check(wrong.node, facts))
        #expect(said.count == wrong.says.count, "\(said)")
        for (said, says) in zip(said, wrong.says) { #expect(said.contains(says)) }
    }

    @Test func whatIsLostIsSaidBeforeAnythingIsAgreedTo() throws {
        let inventory = try Self.inventory()
        let notes = TokenPreflight(inventory).notes(Self.facts(inventory, Self.all(.before)))
        #expect(notes.count == 1)
        #expect(notes[0].contains("can be restored with the present token only"))
        #expect(notes[0].hasSuffix("/etc/rancher/k3s/token, which is on dpu-01"))
        #expect(TokenPreflight(inventory).notes(Self.facts(inventory, Self.all(.restarted))) == [])
    }

    @Test func otherVerbsNameTheWayToAnotherToken() throws {
        let inventory = try Self.inventory()
        var facts = UpgradeFixture.facts(inventory)
        let step = try #require(
            K3sFiles(cluster: Cluster(inventory)).settingSteps("dpu-01").first {
                $0.operation.summary == K3sPaths.token
            })
        facts["dpu-01", step] = .differs(current: "(differs; secret)")
        let problem = try #require(TokenProblem.problems(Cluster(inventory), "dpu-01", facts).first)
        #expect(problem.fix.contains("'clusterctl token rotate'"))
    }

    /// `bootstrap` would write the file, and the server would not start the next time.
    @Test func bootstrapRefusesAnotherTokenWhereThereAreDataAndNotWhereTheFileIsMissing() throws {
        let inventory = try Self.inventory()
        let cluster = Cluster(inventory)
        let step = try #require(
            K3sFiles(cluster: cluster).settingSteps("dpu-01").first { $0.operation.summary == K3sPaths.token })
        var facts = UpgradeFixture.facts(inventory)
        func count() -> Int { TokenProblem.problemsOfMember(cluster, "dpu-01", facts).count }
        facts["dpu-01", step] = .differs(current: "(differs; secret)")
        #expect(count() == 0, "a machine without data joins with it")
        facts["dpu-01", EtcdQuestion.data] = Answer(status: 0, output: "directory 0700 4096")
        #expect(count() == 1)
        #expect(
            UpgradeFixture.words(Preflight(inventory).check("dpu-01", facts)).contains(
                "the inventory has another token than the cluster"))
        for state in [StepState.same, .differs(current: "(absent)")] {
            facts["dpu-01", step] = state
            #expect(count() == 0)
        }
    }

    // MARK: The token itself

    @Test(
        arguments: [
            ("3f6c", nil), ("a \"quoted\" one\\", nil), ("über:alles::x", nil),
            ("K10abc::server:x", "begins with K10"), ("abcdef.0123456789abcdef", "has the form of a token for agents"),
            ("abcdeF.0123456789abcdef", nil), ("abcdef.0123456789abcde", nil), ("a\tb", "has a character"),
            ("ab ", "begins or ends with a blank"),
        ] as [(String, String?)])
    func whatAClusterCanTake(token: String, problem: String?) {
        let said = NewToken.problem(token)
        #expect((said == nil) == (problem == nil))
        #expect(said?.hasPrefix(problem ?? "") ?? true)
    }

    @Test func theNewTokenIsAnotherSecretThanThePresentOneSoThatItIsLookedAt() throws {
        let inventory = try Self.inventory()
        let all = ProvidedSecret.all(inventory)
        #expect(all.map(\.key) == ["k3s.token", "k3s.token"])
        #expect(Set(all.map(\.source)).count == 2)
        let change = TokenChange(Cluster(inventory))
        guard case .file(_, .secret(let source), .privateFile)? = change.file?.operation else {
            Issue.record("no secret")
            return
        }
        #expect(all.first { $0.source == source }?.problem("K10x") != nil)
    }
}
