import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

struct BGPTests {
    private func phase(_ text: String = Example.bgp) throws -> BGP { BGP(try Example.read(text)) }

    @Test func worksThroughThePrimaryAndWaitsForEachSpeaker() throws {
        let bgp = try phase()
        #expect(bgp.nodes == ["dpu-01"])
        #expect(
            bgp.apply("dpu-01").map(\.operation.subject) == [
                "wait until the API knows Cilium's BGP kinds", "CiliumLoadBalancerIPPool public",
                "CiliumLoadBalancerIPPool internal", "CiliumBGPAdvertisement clusterctl",
                "CiliumBGPPeerConfig edge-ipv4", "CiliumBGPPeerConfig edge-ipv6", "CiliumBGPPeerConfig aside-ipv4",
                "CiliumBGPClusterConfig clusterctl",
                "remove pools, peers, announcements and an announced endpoint that the inventory no longer has",
            ])
        #expect(bgp.gate("dpu-01")?.asks == [Ask("dpu-01", PoolsQuestion.probe)])
        let sessions = BGPSessions(try Example.read(Example.bgp))
        #expect(sessions.nodes == ["dpu-01", "worker-01"])
        let gate = try #require(sessions.gate("worker-01"))
        #expect(gate.asks == [Ask("worker-01", BGPQuestion.peers)])
        #expect(
            gate.waitingFor
                == "worker-01 to have its BGP sessions with edge (10.77.0.1, fd77::1) and aside (10.77.0.2)")
    }

    /// What a removal selects is never among what was just applied.
    @Test func anEndpointOfBeforeIsRemovedWithWhatElseHasLeft() throws {
        func removal(_ text: String) throws -> [String] {
            guard case .command(let command)? = BGPObjects(try Example.read(text)).steps.last?.operation else {
                return []
            }
            return command.arguments
        }
        let announced = try removal(Example.announced)
        #expect(announced[5].contains(",endpoint)") && announced.contains("services"))
        #expect(try !removal(Example.bgp)[5].contains("endpoint"))
        #expect(try removal(Example.small)[5] == "clusterctl.dev/bgp")
        #expect(try removal(Example.passwords)[5].contains("password-aside"))
        for case .object(let object) in APIEndpoint(try Example.read(Example.announced)).apply("dpu-01").map(
            \.operation)
        {
            let labels = object.manifest.components(separatedBy: "clusterctl.dev/bgp: endpoint\n").count - 1
            #expect(labels == object.references.count, "\(object.name)")
        }
    }

    @Test func hasNothingToDoWhereNothingIsAnnounced() throws {
        #expect(BGP(try Example.small()).apply("dpu-01").count == 1, "what was announced before goes")
        #expect(BGP(try Example.small()).gate("dpu-01") == nil)
        #expect(BGPSessions(try Example.small()).nodes.isEmpty)
        #expect(CiliumValues(try Example.small()).values[["bgpControlPlane"]] == nil)
        #expect(CiliumValues(try Example.read(Example.bgp)).values[["bgpControlPlane", "enabled"]] == true)
    }

    /// Without replicas and workers there is nothing between Cilium and these phases.
    @Test func breaksNoRuleOnASingleServer() throws {
        var lines = Example.announced.split(separator: "\n", omittingEmptySubsequences: false)
        lines.removeAll { $0.contains("worker") }
        let inventory = try Example.read(lines.joined(separator: "\n"))
        #expect(inventory.nodes.count == 1)
        let plan = Plan(cluster: inventory.name, order: Bootstrap.order(for: inventory))
        #expect(OrderRules.violations(plan, for: inventory) == [])
    }

    @Test func poolsAloneGetTheKindsThatTheyAreAskedForWith() throws {
        let start = try #require(Example.bgp.range(of: "bgp:\n"))
        let end = try #require(Example.bgp.range(of: "loadBalancerPools:"))
        let text = Example.bgp.replacingCharacters(in: start.lowerBound..<end.lowerBound, with: "")
        let inventory = try Example.read(text)
        #expect(BGP(inventory).nodes == ["dpu-01"])
        #expect(BGPSessions(inventory).nodes.isEmpty)
        #expect(CiliumValues(inventory).values[["bgpControlPlane", "enabled"]] == true)
    }

    /// Every label that an object carries is spared by the command that removes the others, and no other is.
    @Test func removesOnlyWhatTheInventoryNoLongerHas() throws {
        let steps = try phase().apply("dpu-01")
        let key = "clusterctl.dev/bgp: "
        let labels = steps.flatMap { step -> [String] in
            guard case .object(let object) = step.operation else { return [] }
            let own = object.manifest.split(separator: "\n").map { $0.drop { $0 == " " } }.first { $0.hasPrefix(key) }
            return own.map { [String($0.dropFirst(key.count))] } ?? []
        }
        #expect(labels.count == 7)
        guard case .command(let command) = try #require(steps.last).operation else {
            Issue.record("the last step is no command")
            return
        }
        let selector = try #require(command.arguments.first { $0.contains("notin") })
        let spared = selector.split { "()".contains($0) }.last?.split(separator: ",").map(String.init) ?? []
        #expect(selector.hasPrefix("clusterctl.dev/bgp,clusterctl.dev/bgp notin ("))
        #expect(Set(spared) == Set(labels))
        #expect(command.unless?.contains(selector) == true)
    }

    @Test(arguments: [
        (nil, "waiting: nobody has said yet which BGP sessions there are"),
        (
            Answer(status: 1, output: "", error: "no cilium-agent container runs on this node\n"),
            "waiting: Cilium does not tell its BGP sessions: no cilium-agent container runs on this node"
        ),
        (
            Answer(status: 0, output: "BGP Control Plane is disabled\n"),
            "waiting: the BGP sessions of Cilium cannot be read: BGP Control Plane is disabled"
        ),
        (Answer(status: 0, output: "null"), "waiting: Cilium has not taken up edge (10.77.0.1) as a peer yet"),
        (
            peers(("10.77.0.1", "established", 1), ("fd77::1", "active", 0), ("10.77.0.2", "established", 1)),
            "waiting: the session with edge (fd77::1) is active"
        ),
        (
            peers(("10.77.0.1", "established", 1), ("fd77:0::1", "established", 1), ("10.77.0.2", "established", 0)),
            "waiting: the session with aside (10.77.0.2) is established, but announces no range of pods"
        ),
        (
            peers(("10.77.0.1", "established", 1), ("fd77::1", "established", 2), ("10.77.0.2", "established", 1)),
            "holds"
        ),
    ])
    func asksForEverySession(_ answer: Answer?, _ conclusion: String) throws {
        var facts = Facts()
        if let answer { facts["worker-01", BGPQuestion.peers] = answer }
        let gate = try #require(BGPSessions(try Example.read(Example.bgp)).gate("worker-01"))
        #expect(text(gate.judge(facts)) == conclusion)
    }

    @Test(arguments: [
        ("public\tFalse\t\ninternal\tFalse\t\n", "holds"),
        ("public\tFalse\t\ninternal\t\t\n", "waiting: Cilium has not taken up pool internal yet"),
        ("public\tTrue\tit overlaps\ninternal\tFalse\t\n", "waiting: pool public is in conflict: it overlaps"),
    ])
    func waitsUntilNoPoolIsInConflict(_ output: String, _ conclusion: String) throws {
        #expect(text(PoolsQuestion.verdict(Answer(status: 0, output: output))) == conclusion)
    }

    @Test func routersGetTheirEndOfTheSessions() throws {
        let inventory = try Example.read(Example.bgp)
        let text = inventory.routers.compactMap { RouterConfiguration(inventory, $0) }
            .map { "\($0.path)\n\($0.text)" }.joined()
        try Repository.compare(text, with: "routers.txt")
        let paths = RenderedTree(Plan(cluster: "small", order: Bootstrap.order(for: inventory)), for: inventory)
            .files.map(\.path).filter { $0.contains("/frr/") }
        #expect(
            paths == ["aside/usr/local/etc/frr/clusterctl-small.conf", "edge/etc/frr/clusterctl-small.conf"])
    }

    @Test func aRouterTakesNothingOfAFamilyThatIsNotAnnounced() throws {
        let text = Example.bgp.replacing("pods: true, ", with: "").replacing(
            ", \"2001:db8::10-2001:db8::21\"", with: "")
        let inventory = try Example.read(text)
        let router = try #require(RouterConfiguration(inventory, inventory.routers[0]))
        #expect(router.text.contains("\nipv6 prefix-list clusterctl-small-ipv6-in seq 5 deny any\n"))
        #expect(!router.text.contains("ipv6-in seq 10"))
    }

    @Test func aRouterThatNobodySpeaksToGetsNothing() throws {
        let text = Example.bgp.replacing(", aside: {keepAlive: 3s, multihop: 2}", with: "")
        let inventory = try Example.read(text)
        #expect(inventory.routers.map { RouterConfiguration(inventory, $0) == nil } == [false, true])
    }

    // MARK: The endpoint

    @Test func anEndpointThatIsAnnouncedHasAPoolAndIsTakenByTheRouters() throws {
        let inventory = try Example.read(Example.announced)
        #expect(APIEndpoint(inventory).nodes == ["dpu-01"])
        #expect(KubeVip(inventory).nodes.isEmpty)
        let objects = BGP(inventory).apply("dpu-01").compactMap { step -> KubernetesObject? in
            if case .object(let object) = step.operation { object } else { nil }
        }
        let pool = try #require(objects.first { $0.name == "CiliumLoadBalancerIPPool clusterctl.api" })
        #expect(pool.manifest.contains("cidr: \"10.31.0.80/32\""))
        let announcements = try #require(objects.first { $0.name == "CiliumBGPAdvertisement clusterctl" })
        #expect(announcements.manifest.contains("clusterctl.dev/endpoint: api"))
        let router = try #require(inventory.routers.first.flatMap { RouterConfiguration(inventory, $0) })
        #expect(router.text.contains("permit 10.31.0.80/32\n"))
        #expect(CiliumValues(inventory).values[["envoyConfig", "enabled"]] == true)
    }

    /// Cilium serves the endpoint, and an agent joins before it has Cilium.
    @Test func nobodyJoinsThroughAnEndpointThatIsAnnounced() throws {
        let inventory = try Example.read(Example.announced)
        for node in inventory.nodes where !node.isPrimary {
            let values = K3sConfiguration(inventory: inventory, node: node).values
            #expect(values["server"] == "https://10.77.0.11:6443")
        }
        #expect(K3sConfiguration.endpointURL(inventory) == "https://10.31.0.80:6443")
        let primary = K3sConfiguration(inventory: inventory, node: inventory.primary).values
        #expect(primary["tls-san"]?.list?.first == "10.31.0.80")
    }

    @Test func anEndpointOfAnInventorysPoolTakesItsLabels() throws {
        let text = Example.bgp.replacing("kubeVip: 10.77.0.100", with: "ciliumBgp: 192.0.2.241")
        let inventory = try Example.read(text)
        #expect(inventory.addressPools.map(\.name) == ["public", "internal"])
        guard case .object(let service) = APIEndpoint(inventory).apply("dpu-01")[1].operation else {
            Issue.record("no object")
            return
        }
        #expect(service.manifest.contains("    clusterctl.dev/endpoint: api\n    network: public\n"))
    }

    /// Routers that are not logged in to are not asked.
    @Test(arguments: [
        (Answer?.none, Answer?.none, "waiting: the cluster cannot be asked for the Service yet"),
        (Answer(status: 0, output: ""), nil, "waiting: Cilium has not given 10.31.0.80 to the Service"),
        (
            Answer(status: 0, output: "\tno pool has it"), nil,
            "waiting: Cilium has not given 10.31.0.80 to the Service: no pool has it"
        ),
        (Answer(status: 0, output: "10.31.0.80\t"), nil, "waiting: worker-01 has not asked at 10.31.0.80 yet"),
        (
            Answer(status: 0, output: "10.31.0.80\t"), Answer(status: 7, output: "", error: "no route"),
            "waiting: the API does not answer worker-01 at 10.31.0.80: no route"
        ),
        (
            Answer(status: 0, output: "10.31.0.80\t"), Answer(status: 0, output: "503\n"),
            "waiting: the API does not answer worker-01 at 10.31.0.80: status 503"
        ),
        (Answer(status: 0, output: "10.31.0.80\t"), Answer(status: 0, output: "200\npong"), "holds"),
    ])
    func asksTheAPIThroughTheEndpoint(_ granted: Answer?, _ ping: Answer?, _ conclusion: String) throws {
        let inventory = Example.announced.replacing("asn: 64513}", with: "asn: 64513, manage: none}")
            .replacing("asn: 64514}", with: "asn: 64514, manage: none}")
        let gate = try #require(APIEndpoint(try Example.read(inventory)).gate("dpu-01"))
        var facts = Facts()
        if let granted { facts["dpu-01", APIEndpoint.granted] = granted }
        if let ping { facts["worker-01", .http("https://10.31.0.80:6443/ping")] = ping }
        for node in ["dpu-01", "worker-01"] as [NodeName] {
            facts[node, EnvoyQuestion.probe] = Answer(status: 0, output: "10.77.0.11:6443 healthy\n")
        }
        #expect(gate.asks.map(\.node) == ["dpu-01", "worker-01", "dpu-01", "worker-01"])
        #expect(text(gate.judge(facts)) == conclusion)
        facts["worker-01", EnvoyQuestion.probe] = nil
        #expect(text(gate.judge(facts)) != "holds", "each node's Envoy counts")
    }

    /// One server that answers is enough for a ping, and not enough for the gate.
    @Test(arguments: [
        (Answer?.none, "waiting: Envoy on worker-01 has not been asked yet"),
        (
            Answer(status: 1, output: "", error: "Error: cannot get clusters: dial unix\n"),
            "waiting: Envoy on worker-01 does not answer: Error: cannot get clusters: dial unix"
        ),
        (
            Answer(status: 0, output: ""),
            "waiting: Envoy on worker-01 has no backends for the API: Cilium's agent there logs why"
        ),
        (
            Answer(status: 0, output: "10.77.0.1:6443 healthy\n"),
            "waiting: Envoy on worker-01 does not know dpu-01 (10.77.0.11:6443) yet"
        ),
        (
            Answer(status: 0, output: "10.77.0.11:6443 /failed_active_hc/active_hc_timeout\n"),
            "waiting: Envoy on worker-01 leaves dpu-01 (10.77.0.11:6443) out: /failed_active_hc/active_hc_timeout"
        ),
        (Answer(status: 0, output: "10.77.0.9:6443 /failed_active_hc\n10.77.0.11:6443 healthy\n"), "holds"),
    ])
    func asksEnvoyWhatItHoldsOfEveryServer(_ answer: Answer?, _ conclusion: String) throws {
        let question = try #require(EnvoyQuestion(try Example.read(Example.announced)))
        #expect(text(question.verdict(answer, on: "worker-01")) == conclusion)
        #expect(EnvoyQuestion(try Example.small()) == nil)
    }

    private func text(_ verdict: Verdict) -> String {
        switch verdict {
        case .holds: "holds"
        case .waiting(let reason): "waiting: \(reason)"
        case .failed(let reason): "failed: \(reason)"
        }
    }
}

/// What `cilium-dbg bgp peers -o json` prints, of what is read.
private func peers(_ peers: (address: String, state: String, advertised: Int)...) -> Answer {
    let texts = peers.map { peer in
        let afi = peer.address.contains(":") ? "ipv6" : "ipv4"
        return #"{"peer-address":"\#(peer.address)","session-state":"\#(peer.state)","local-asn":64512,"#
            + #""families":[{"afi":"\#(afi)","safi":"unicast","advertised":\#(peer.advertised),"received":0}]}"#
    }
    return Answer(status: 0, output: "[\(texts.joined(separator: ","))]")
}
