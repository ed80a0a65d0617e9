import Foundation
import Inventory
import Testing

@testable import Engine
@testable import Phases
@testable import Rendering

/// What the way away from kube-proxy concludes from what the cluster says, and in which order it comes to the nodes.
@Suite struct KubeProxyTests {
    private static let rules = "iptables-nft nat rules=7 chains=4 jumps=3 services=1 KUBE-SERVICES\n"

    private static func status(_ mode: String, state: String = "Ok") -> Answer {
        Answer(
            status: 0,
            output: #"{"cilium": {"state": "\#(state)"}, "kube-proxy-replacement": {"mode": "\#(mode)"}}"#)
    }

    /// A whole cluster in which kube-proxy runs on every node, and Cilium beside it.
    private static func facts(
        _ inventory: Inventory, look: String = "running\n" + rules, mode: String = "False",
        settings: String = "true /etc/rancher/k3s/config.yaml\nfalse /etc/rancher/k3s/config.yaml.d/70-site.yaml\n"
    ) -> Facts {
        var facts = UpgradeFixture.facts(inventory)
        for node in inventory.nodes {
            facts[node.id, KubeProxyQuestion.probe] = Answer(status: 0, output: look)
            facts[node.id, CiliumQuestion.status] = status(mode)
            facts[node.id, .guardState] = Answer(status: 0, output: "none")
            guard node.isControlPlane else { continue }
            facts[node.id, KubeProxySettingsQuestion.probe(Units.server)] = Answer(status: 0, output: settings)
            facts[node.id, CiliumObjects.applied] = Answer(status: 0, output: "kubeProxyReplacement: false\n")
        }
        return facts
    }

    // MARK: Preflight

    struct Wrong: Sendable, CustomTestStringConvertible {
        let id: String
        var verb = KubeProxyVerb.disable
        let node: NodeName
        let change: @Sendable (inout Facts) -> Void
        let says: [String]
        var testDescription: String { id }
    }

    static let wrong = [
        Wrong(id: "all as it should be", node: "dpu-01", change: { _ in }, says: []),
        Wrong(
            id: "a cluster that does not answer", node: "dpu-01",
            change: {
                for name in UpgradeFixture.servers {
                    $0[NodeName(name), NodesQuestion.probe] = Answer(status: 1, output: "", error: "no leader")
                }
            }, says: ["the cluster cannot be asked for its nodes: no leader"]),
        Wrong(
            id: "a node that the cluster does not know", node: "worker-01",
            change: {
                for name in UpgradeFixture.servers {
                    $0[NodeName(name), NodesQuestion.probe] = Answer(
                        status: 0, output: "dpu-01\tTrue\tTrue\tv1.35.7+k3s1\t\n")
                }
            }, says: ["the cluster does not know it"]),
        Wrong(
            id: "no Cilium", node: "nixos-01",
            change: {
                $0["nixos-01", CiliumQuestion.status] = Answer(status: 1, output: "", error: "no container")
            }, says: ["Cilium does not answer there: no container"]),
        Wrong(
            id: "a Cilium that is not well", node: "worker-01",
            change: {
                $0["worker-01", CiliumQuestion.status] = status("False", state: "Failure")
            }, says: ["Cilium is not well there (Failure)"]),
        Wrong(
            id: "rules that cannot be read", node: "worker-01",
            change: {
                $0["worker-01", KubeProxyQuestion.probe] = Answer(
                    status: 127, output: "", error: "neither iptables nor nft")
            }, says: ["cannot be read: neither iptables nor nft"]),
        Wrong(
            id: "a setting behind ours", node: "dpu-02",
            change: {
                $0["dpu-02", KubeProxySettingsQuestion.probe(Units.server)] = Answer(
                    status: 0, output: "false /etc/rancher/k3s/config.yaml.d/95-late.yaml\n")
            }, says: ["/etc/rancher/k3s/config.yaml.d/95-late.yaml switches kube-proxy on"]),
        Wrong(
            id: "a setting behind ours, for who only cleans", verb: .clean, node: "dpu-02",
            change: {
                $0 = Self.clean($0)
                $0["dpu-02", KubeProxySettingsQuestion.probe(Units.server)] = Answer(status: 0, output: "false unit\n")
            }, says: []),
        Wrong(
            id: "two servers that are not well", node: "dpu-01",
            change: {
                for name in ["dpu-02", "server-01"] as [NodeName] {
                    $0[name, EtcdQuestion.probe] = Answer(status: 1, output: "", error: "refused")
                }
            }, says: ["the etcd members on dpu-02, server-01 are not healthy voters"]),
        Wrong(
            id: "a Cilium that somebody else has installed", node: "dpu-01",
            change: {
                for name in UpgradeFixture.servers {
                    $0[NodeName(name), CiliumObjects.applied] = Answer(status: 0, output: "")
                }
            }, says: ["was not installed by a HelmChart of K3s's"]),
        Wrong(
            id: "one that replaces it already", node: "dpu-01",
            change: {
                for name in UpgradeFixture.servers + UpgradeFixture.workers {
                    $0[NodeName(name), CiliumObjects.applied] = Answer(status: 0, output: "")
                    $0[NodeName(name), CiliumQuestion.status] = status("True")
                }
            }, says: []),
        Wrong(
            id: "the guard of another verb", node: "dpu-02",
            change: {
                $0["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=upgrade-servers nonce=x until=1")
            }, says: ["its guard is armed for upgrade-servers of an earlier run of another verb"]),
        Wrong(
            id: "one whose guard has just led it back", node: "dpu-02",
            change: {
                $0["dpu-02", CiliumQuestion.status] = Answer(status: 1, output: "", error: "no container")
                $0["dpu-02", .guardState] = Answer(
                    status: 0, output: "rolled-back phase=kube-proxy-servers nonce=x at=1 because=deadline left=none")
            }, says: []),
        Wrong(
            id: "its own guard", node: "dpu-02",
            change: {
                $0["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=kube-proxy-servers nonce=x until=1")
            }, says: []),
        Wrong(
            id: "a rule of somebody else's that leads to its chains", node: "worker-01",
            change: {
                $0["worker-01", KubeProxyQuestion.probe] = Answer(
                    status: 0, output: "running\nforeign iptables-nft nat: -A site -j KUBE-SERVICES\nforeign x y: z\n")
            },
            says: [
                "a rule that is not kube-proxy's leads to its chains, which could not be removed: iptables-nft nat: -A site -j "
                    + "KUBE-SERVICES, and 1 more"
            ]),
        Wrong(
            id: "cleaning where it runs", verb: .clean, node: "worker-01",
            change: {
                $0 = Self.clean($0)
                $0["worker-01", KubeProxyQuestion.probe] = Answer(status: 0, output: "running\n")
            }, says: ["kube-proxy runs there, and would make its rules anew"]),
        Wrong(
            id: "cleaning where Cilium does not replace it", verb: .clean, node: "worker-01",
            change: {
                $0 = Self.clean($0)
                $0["worker-01", CiliumQuestion.status] = status("False")
            }, says: ["Cilium does not replace kube-proxy there"]),
        Wrong(id: "cleaning", verb: .clean, node: "worker-01", change: { $0 = Self.clean($0) }, says: []),
    ]

    /// Switched off everywhere, with its rules there.
    private static func clean(_ facts: Facts) -> Facts {
        var facts = facts
        for name in UpgradeFixture.servers + UpgradeFixture.workers {
            facts[NodeName(name), KubeProxyQuestion.probe] = Answer(status: 0, output: rules)
            facts[NodeName(name), CiliumQuestion.status] = status("True")
        }
        return facts
    }

    @Test(arguments: wrong) func refusesWhatWouldEndBadly(wrong: Wrong) throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = Self.facts(inventory)
        wrong.change(&facts)
        let said = UpgradeFixture.words(KubeProxyPreflight(inventory, wrong.verb).check(wrong.node, facts))
        #expect(said.count == wrong.says.count, "\(said)")
        for (said, says) in zip(said, wrong.says) { #expect(said.contains(says)) }
    }

    // MARK: What is done where

    @Test func ciliumIsLeftAloneWhereItReplacesItEverywhereAndGetsTheSettingElse() throws {
        let inventory = try UpgradeFixture.inventory()
        let entries = KubeProxy.disable(for: inventory).entries
        let cilium = try #require(entries.first { $0.phase.id == "cilium" }).phase
        var facts = Self.facts(inventory, mode: "True")
        #expect(cilium.check("dpu-01", facts) == .settled)
        facts["dpu-01", .guardState] = Answer(status: 0, output: "armed phase=cilium nonce=x until=1")
        #expect(cilium.check("dpu-01", facts) == .satisfied, "a guard that is left armed has to be seen to")
        facts["nixos-01", CiliumQuestion.status] = Self.status("False")
        facts["dpu-01", .guardState] = nil
        #expect(cilium.check("dpu-01", facts) == .satisfied)
        #expect(Cilium(inventory).check("dpu-01", Self.facts(inventory, mode: "True")) == .satisfied, "only here")
    }

    @Test func everyNodeHasToSaySoWhoeverManagesIt() throws {
        let inventory = try UpgradeFixture.inventory()
        let phase = KubeProxyReplaced(inventory)
        #expect(phase.nodes == inventory.nodes.map(\.id))
        var facts = Self.facts(inventory, mode: "True")
        for node in phase.nodes { #expect(try #require(phase.gate(node)).judge(facts) == .holds) }
        facts["nixos-01", CiliumQuestion.status] = Self.status("False")
        #expect(
            phase.gate("nixos-01")?.judge(facts)
                == .waiting("Cilium on nixos-01 does not replace kube-proxy (False)"))
    }

    /// While K3s starts anew its Cilium may not answer; the run that goes on there must not take that for a reason to refuse.
    @Test(arguments: ["kube-proxy-servers", "kube-proxy-clean"])
    func whatAnEarlierRunHasBegunIsNotAskedForTheProofAgain(phase: String) throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = Self.facts(inventory, mode: "True")
        facts["dpu-02", CiliumQuestion.status] = Answer(status: 1, output: "", error: "no container")
        #expect(KubeProxyPreflight(inventory, .disable).check("dpu-02", facts) != .satisfied)
        facts["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=\(phase) nonce=x until=1")
        #expect(KubeProxyPreflight(inventory, .disable).check("dpu-02", facts) == .satisfied)
        #expect(KubeProxyReplaced(inventory).check("dpu-02", facts) == .settled)
        #expect(KubeProxyReplaced.everywhere(Cluster(inventory), facts))
    }

    @Test(
        arguments: [
            ("running\n", true, .pending("kube-proxy runs there")), ("", true, .settled),
            ("", false, .pending("its next start would bring kube-proxy back")), (rules, true, .settled),
            (nil, true, .pending("dpu-02 does not say whether kube-proxy runs there")),
        ] as [(String?, Bool, Finding)])
    func whenAServerIsStartedAnew(look: String?, isSet: Bool, finding: Finding) throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = Self.facts(inventory, look: look ?? "", settings: "\(isSet) /etc/rancher/k3s/config.yaml\n")
        if look == nil { facts["dpu-02", KubeProxyQuestion.probe] = nil }
        #expect(KubeProxyServers(inventory).check("dpu-02", facts) == finding)
        facts["dpu-02", .guardState] = Answer(status: 0, output: "held phase=kube-proxy-servers nonce=x rung=1")
        #expect(KubeProxyServers(inventory).check("dpu-02", facts) == .satisfied, "what was cut goes on")
    }

    @Test func aServersTurnIsOverWhenItServesAndRunsWithoutIt() throws {
        let inventory = try UpgradeFixture.inventory()
        let endpoint = try #require(EndpointQuestion(Cluster(inventory)))
        let gate = try #require(KubeProxyServers(inventory).gate("dpu-02"))
        var facts = Self.facts(inventory, mode: "True")
        facts["dpu-01", endpoint.onLink] = Answer(status: 0, output: #"[{"local":"\#(endpoint.address)"}]"#)
        facts[endpoint.witness, endpoint.ping] = Answer(status: 0, output: "200\npong")
        facts["dpu-02", KubeProxyQuestion.off] = Answer(status: 1, output: "")
        #expect(gate.judge(facts) == .waiting("kube-proxy runs on dpu-02"))
        facts["dpu-02", KubeProxyQuestion.off] = Answer(status: 0, output: "")
        #expect(gate.judge(facts) == .holds)
        #expect(gate.waitingFor.hasPrefix("dpu-02 to run without kube-proxy, to be ready, a healthy voter of etcd"))
        facts["dpu-02", EtcdQuestion.probe] = Answer(status: 1, output: "", error: "refused")
        #expect(gate.judge(facts) != .holds)
        #expect(Set(gate.asks.map(\.probe)).isSuperset(of: [KubeProxyQuestion.off, endpoint.ping]))
    }

    @Test func k3sIsStartedAnewByTheSameStepAsEverElse() throws {
        let inventory = try UpgradeFixture.inventory()
        let cluster = Cluster(inventory)
        func unit(_ steps: [Step]) -> Engine.Operation? { steps.map(\.operation).first { $0.touchedUnit != nil } }
        for node in ["dpu-02", "worker-01"] as [NodeName] {
            let steps =
                cluster[node].isControlPlane
                ? KubeProxyServers(inventory).apply(node) : KubeProxyWorkers(inventory, atOnce: .number(1)).apply(node)
            #expect(
                unit(steps) == unit(K3sFiles(cluster: cluster).steps(node)), "else bootstrap would start it once more")
            let names = steps.map(\.operation.summary)
            let forget = try #require(names.firstIndex { $0.contains("have K3s started anew") })
            #expect(forget < names.count - 1)
        }
        let server = KubeProxyServers(inventory).apply("dpu-02")
        #expect(
            server.first?.operation
                == .file(
                    path: "/etc/rancher/k3s/config.yaml.d/90-clusterctl-kube-proxy.yaml",
                    content: .text(K3sConfiguration.header + "disable-kube-proxy: true\n"), mode: .privateFile))
        let worker = KubeProxyWorkers(inventory, atOnce: .number(1)).apply("worker-01")
        #expect(
            worker.allSatisfy { !$0.operation.touchedPaths.contains { $0.hasPrefix("/etc/rancher") } },
            "no agent knows it")
    }

    @Test func aWorkerOfItsOperatorIsWaitedForAndCleanedOnlyWhereThatIsSaid() throws {
        let inventory = try UpgradeFixture.inventory()
        let workers = KubeProxyWorkers(inventory, atOnce: .number(1))
        #expect(workers.apply("nixos-01").isEmpty && workers.gate("nixos-01") == nil)
        var facts = Self.facts(inventory, mode: "True")
        guard case .putOff(let why) = workers.check("nixos-01", facts) else { throw Unexpected() }
        #expect(why.contains("restart k3s.service, or the machine"))
        let clean = KubeProxyClean(inventory, .workers, .disable)
        let allowed = KubeProxyClean(inventory, .workers, .disable, cleansVerified: true)
        for phase in [clean, allowed] {
            #expect(
                phase.check("nixos-01", facts) == .putOff("its rules are of use until kube-proxy runs no more there"))
        }
        facts["nixos-01", KubeProxyQuestion.probe] = Answer(status: 0, output: Self.rules)
        #expect(workers.check("nixos-01", facts) == .settled)
        guard case .putOff(let left) = clean.check("nixos-01", facts) else { throw Unexpected() }
        #expect(left.hasPrefix("left: 10 rules in 4 chains of 1 table (1 Service); clusterctl writes"))
        #expect(clean.apply("nixos-01").isEmpty && clean.gate("nixos-01") == nil)
        #expect(allowed.check("nixos-01", facts) == .pending("left: 10 rules in 4 chains of 1 table (1 Service)"))
        #expect(allowed.apply("nixos-01").count == 1 && allowed.gate("nixos-01") != nil)
        facts["nixos-01", KubeProxyQuestion.probe] = Answer(status: 0, output: "")
        #expect(clean.check("nixos-01", facts) == .settled)
    }

    @Test func cleaningEndsWhenNothingIsLeftAndTheServiceAddressAnswers() throws {
        let inventory = try UpgradeFixture.inventory()
        let gate = try #require(KubeProxyClean(inventory, .workers, .clean).gate("worker-01"))
        let ping = Probe.http("https://10.143.0.1:443/ping")
        #expect(gate.asks.contains(Ask("worker-01", ping)))
        var facts = Self.facts(inventory, look: Self.rules, mode: "True")
        facts["worker-01", ping] = Answer(status: 0, output: "200\npong")
        #expect(
            gate.judge(facts)
                == .waiting("kube-proxy has left on worker-01: 10 rules in 4 chains of 1 table (1 Service)"))
        facts["worker-01", KubeProxyQuestion.probe] = Answer(status: 0, output: "running\n")
        #expect(gate.judge(facts) == .waiting("kube-proxy runs on worker-01"))
        facts["worker-01", KubeProxyQuestion.probe] = Answer(status: 0, output: "")
        #expect(gate.judge(facts) == .holds)
        facts["worker-01", ping] = Answer(status: 7, output: "", error: "refused")
        #expect(
            gate.judge(facts) == .waiting("the API does not answer worker-01 at its service address: refused"))
        facts["worker-01", ping] = nil
        #expect(gate.judge(facts) == .waiting("worker-01 has not asked at the service address yet"))
    }

    private struct Unexpected: Error {}

    // MARK: What a node says

    @Test func whatANodeSaysIsReadWhateverItIs() throws {
        let text =
            "running\n" + Self.rules + "iptables-nft nat rules=x chains=4 jumps=3 services=1 K\nnft ip kube-proxy\n"
        let found = try #require(KubeProxyQuestion(Answer(status: 0, output: text)))
        #expect(found.isRunning && found.tables.count == 1 && found.tables.first?.lines == 14)
        #expect(found.others == ["iptables-nft nat rules=x chains=4 jumps=3 services=1 K", "nft ip kube-proxy"])
        #expect(!found.isClean && found.words.hasPrefix("10 rules in 4 chains of 1 table (1 Service); "))
        #expect(KubeProxyQuestion(Answer(status: 1, output: text)) == nil)
        #expect(try #require(KubeProxyQuestion(Answer(status: 0, output: ""))).isClean)
    }
}
