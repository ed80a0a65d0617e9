import Engine
import Foundation
import Inventory
import Testing

@testable import Phases
@testable import Rendering

/// What `diff` and `status` mark: a cluster that is as the inventory has it, and one thing after the other that is not.
struct DriftTests {
    struct World {
        let inventory: Inventory
        let order: Order
        var facts = Facts()

        /// Everything is as it should be, as far as steps and what is beside them are concerned.
        init(_ inventory: Inventory) throws {
            self.inventory = inventory
            order = Bootstrap.order(for: inventory)
            let (asks, steps) = Drift.asks(inventory, plan: Plan(cluster: "small", order: order))
            for (node, steps) in steps { for step in steps { facts[node, step] = .same } }
            let answers = try VerificationTests.whole.facts(inventory)
            for ask in asks { facts[ask.node, ask.probe] = answers[ask.node, ask.probe] }
            for node in inventory.controlPlane {
                facts[node.id, LeftAddonsQuestion.probe] = Answer(status: 0, output: "")
                facts[node.id, SchedulingQuestion.probe] = Answer(status: 0, output: "dpu-01\t\t\nworker-01\t\t\n")
            }
            for node in inventory.nodes { facts[node.id, ForeignFilesQuestion.probe] = Answer(status: 0, output: "") }
        }

        var beside: [String] {
            Drift.beside(inventory, order: order, facts: facts, unreachable: []).map {
                "\($0.kind.rawValue) \($0.place): \($0.what)"
            }
        }

        func items(_ unreachable: Set<NodeName> = []) -> [Drift.Item] {
            Drift(inventory, order: order, facts: facts, unreachable: unreachable).items
        }
    }

    private static func answer(_ output: String) -> Answer { Answer(status: 0, output: output) }

    @Test func findsNothingBesideWhereThereIsNothing() throws {
        #expect(try World(Example.small()).beside == [])
    }

    @Test func showsAStepThatDiffersOnceWithWhatIsThere() throws {
        var world = try World(Example.small())
        let step = try #require(ClusterStatus.steps(world.inventory)["dpu-02"]?.first)
        let before = world.items()
        world.facts["dpu-02", step] = .differs(current: "old: true\n")
        let new = world.items().filter { item in !before.contains(item) }
        #expect(new.count == 1, "\(new.map(\.what))")
        #expect(new.first?.kind == .step && new.first?.place == "dpu-02" && new.first?.phase == "replicas")
        #expect(new.first?.change?.current == "old: true\n")
        // A node that could not be asked has no differences, rather than all.
        #expect(!world.items(["dpu-02"]).contains { $0.place == "dpu-02" })
    }

    @Test func namesNodesAndMembersThatOnlyTheClusterKnows() throws {
        var world = try World(Example.small())
        let row = "x-1\tTrue\t\tv1.35.7+k3s1\tfine\nold-1\tUnknown\tTrue\tv1.35.7+k3s1\tgone\n"
        let known = try #require(world.facts["dpu-01", NodesQuestion.probe]?.output)
        world.facts["dpu-01", NodesQuestion.probe] = Self.answer(known + row)
        #expect(
            world.beside == [
                "unknown cluster: the node x-1 is in the cluster, and not in the inventory",
                "unknown cluster: the node old-1 is a member of etcd, and not in the inventory",
            ])
    }

    @Test func namesNodesThatTheClusterDoesNotKnow() throws {
        var world = try World(Example.small())
        let known = try #require(world.facts["dpu-01", NodesQuestion.probe]?.output)
        let less = known.split(separator: "\n").filter { !$0.hasPrefix("worker-01") }.joined(separator: "\n") + "\n"
        world.facts["dpu-01", NodesQuestion.probe] = Self.answer(less)
        #expect(world.beside == ["missing worker-01: the cluster does not know the node"])
    }

    @Test func namesLeftAddonsVersionsAndRulesOfKubeProxy() throws {
        var world = try World(Example.small())
        world.facts["dpu-01", LeftAddonsQuestion.probe] = Self.answer("old\t\n")
        world.facts["worker-01", K3sQuestion.version] = Self.answer("k3s version v1.34.1+k3s1 (abc)\n")
        // Who installs K3s by himself may be behind, and not ahead.
        world.facts["nixos-01", K3sQuestion.version] = Self.answer("k3s version v1.36.1+k3s1 (abc)\n")
        world.facts["pxe-01", KubeProxyQuestion.probe] = Self.answer(
            "iptables-nft nat rules=8 chains=4 jumps=2 services=3 KUBE-SERVICES\n")
        #expect(
            world.beside == [
                "version worker-01: K3s is v1.34.1+k3s1, the inventory has v1.35.7+k3s1",
                "version nixos-01: K3s is v1.36.1+k3s1, the inventory has v1.35.7+k3s1",
                "leftover pxe-01: kube-proxy has left 10 rules in 4 chains of 1 table (3 Services)",
                "unknown cluster: the addon old is installed, and not in the inventory",
            ])
        world.facts["nixos-01", K3sQuestion.version] = Self.answer("k3s version v1.34.1+k3s1 (abc)\n")
        #expect(!world.beside.contains { $0.contains("nixos-01") })
    }

    @Test func namesFilesThatK3sReadsAndNobodyOfOursHasWritten() throws {
        var world = try World(Example.small())
        world.facts["dpu-01", ForeignFilesQuestion.probe] = Self.answer(
            "config /etc/rancher/k3s/config.yaml.d/50-server.yaml\nconfig /etc/rancher/k3s/config.yaml.d/99-mine.yaml\n"
                + "unit /etc/systemd/system/k3s.service.d/x.conf\nmanifest /var/lib/rancher/k3s/server/manifests/a b.yaml\nnoise\n"
        )
        let kinds = world.beside
        #expect(kinds.count == 3 && kinds.allSatisfy { $0.hasPrefix("foreign dpu-01: ") }, "\(kinds)")
        #expect(kinds[0].contains("99-mine.yaml") && kinds[2].contains("/a b.yaml"))
    }

    // MARK: status

    private func status(_ world: World) -> ClusterStatus {
        ClusterStatus(world.inventory, facts: world.facts, unreachable: [:])
    }

    @Test func statusMarksNothingWhereAllIsAsItShouldBe() throws {
        let world = try World(Example.small())
        let status = status(world)
        #expect(!status.differs, "\(status.rows.map(\.differs)) \(status.strangers)")
        #expect(status.rows.allSatisfy { $0.cordon == nil })
    }

    @Test func anotherServerAsksAtTheEndpointWhereTheUsualOneIsAway() throws {
        var world = try World(Example.small())
        let endpoint = try #require(EndpointQuestion(Cluster(world.inventory)))
        for node in endpoint.askers { world.facts[node, endpoint.ping] = Answer(status: 0, output: "200\npong") }
        #expect(status(world).endpoint?.askedFrom == "dpu-02")
        world.facts["dpu-02", endpoint.ping] = nil
        #expect(status(world).endpoint?.askedFrom == "dpu-01" && status(world).endpoint?.answers == true)
        for node in endpoint.askers { world.facts[node, endpoint.ping] = nil }
        #expect(status(world).endpoint?.askedFrom == nil && status(world).endpoint?.answers == false)
    }

    @Test func aNodeInALine() throws {
        var world = try World(Example.small())
        let known = try #require(world.facts["dpu-01", NodesQuestion.probe]?.output)
        world.facts["dpu-01", K3sQuestion.version] = Self.answer("k3s version v1.34.1+k3s1 (abc)\n")
        world.facts["dpu-01", SchedulingQuestion.probe] = Self.answer("dpu-01\ttrue\t\nworker-01\t\t\ndpu-02\t\t\n")
        let lines = status(world).rows.map { "\($0.name): \($0.words)" }
        #expect(known.contains("dpu-01"))
        #expect(lines.first == "dpu-01: v1.34.1+k3s1; ready; votes; cordoned")
        let away = ClusterStatus(world.inventory, facts: Facts(), unreachable: ["dpu-01": "refused"]).rows.map(\.words)
        #expect(away.first == "no SSH: refused" && away[1].hasPrefix("no K3s; not ready, the cluster does not know it"))
    }

    @Test func statusMarksWhatDiffersAndSaysNothingOfWhetherAllIsWell() throws {
        var world = try World(Example.small())
        let step = try #require(ClusterStatus.steps(world.inventory)["worker-01"]?.first)
        world.facts["worker-01", step] = .differs(current: "")
        world.facts["worker-01", K3sQuestion.version] = Self.answer("k3s version v1.34.1+k3s1 (abc)\n")
        world.facts["dpu-01", SchedulingQuestion.probe] = Self.answer(
            "dpu-01\ttrue\t\nworker-01\ttrue\tdrained\nserver-01\ttrue\tdraining-cordoned\ndpu-02\t\t\n")
        let known = try #require(world.facts["dpu-01", NodesQuestion.probe]?.output)
        world.facts["dpu-01", NodesQuestion.probe] = Self.answer(known + "old-1\tUnknown\tTrue\tv1\tgone\n")
        let status = status(world)
        let rows = Dictionary(uniqueKeysWithValues: status.rows.map { ($0.name, $0) })
        #expect(
            rows["worker-01"]?.differs == [
                "K3s is v1.34.1+k3s1, the inventory has v1.35.7+k3s1",
                "/etc/rancher/k3s/config.yaml is not as the inventory has it",
            ])
        #expect(rows["worker-01"]?.cordon == "drained" && rows["dpu-01"]?.cordon == "cordoned")
        #expect(rows["server-01"]?.cordon == "drained" && rows["dpu-02"]?.cordon == nil)
        #expect(status.strangers == [.init(name: "old-1", isMember: true)] && status.differs)
    }

    @Test func statusMarksNothingOnANodeWithoutK3s() throws {
        var world = try World(Example.small())
        for step in try #require(ClusterStatus.steps(world.inventory)["worker-01"]) {
            world.facts["worker-01", step] = .differs(current: "")
        }
        #expect(status(world).differs)
        world.facts["worker-01", K3sQuestion.version] = Answer(status: 127, output: "", error: "not found\n")
        #expect(!status(world).differs)
    }

    @Test func statusAsksForFilesOfNodesThatClusterctlChangesAlone() throws {
        let inventory = try Example.small()
        let steps = ClusterStatus.steps(inventory)
        #expect(Set(steps.keys) == ["dpu-01", "dpu-02", "server-01", "worker-01", "pxe-01"])
        #expect(steps.values.allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isShownFile) })
    }
}
