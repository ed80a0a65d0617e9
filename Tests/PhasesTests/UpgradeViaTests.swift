import Foundation
import Inventory
import Testing
import YAML

@testable import Engine
@testable import Phases
@testable import Rendering

/// An upgrade that the cluster's own controller carries out: the Plans, what is refused, and what is waited for.
@Suite struct UpgradeViaTests {
    private func options(_ change: (inout Upgrade.Options) -> Void = { _ in }) -> Upgrade.Options {
        var options = Upgrade.Options()
        options.via = UpgradeVia.Options()
        change(&options)
        return options
    }

    // MARK: The plan

    private func violations(
        _ name: String = "lab", _ change: (Order.Entry) -> Order.Entry? = { $0 }
    ) throws -> [String] {
        let inventory = try Example.file("\(name).yaml")
        let entries = Upgrade.order(for: inventory, options: options()).entries.compactMap(change)
        return OrderRules.violations(Plan(cluster: name, order: Order(name: "upgrade-via", entries)), for: inventory)
    }

    @Test(arguments: ["lab", "diskless", "keepalived", "dual-stack-bgp", "unifi-bgp"])
    func everyExamplesPlanKeepsTheRules(name: String) throws { #expect(try violations(name) == []) }

    @Test(
        arguments: [
            ("etcd-snapshot", "upgrade-servers"), ("upgrade-plans", "upgrade-servers"),
            ("upgrade-plans", "hand-over"), ("turn-program", "upgrade-servers"), ("upgrade-servers", "hand-over"),
            ("hand-over", "upgrade-workers"),
        ] as [(PhaseID, PhaseID)])
    func nobodyIsHandedOverBeforeWhatItNeeds(phase: PhaseID, later: PhaseID) throws {
        // What it also comes after by way of others is taken out as well.
        let ways: [PhaseID: Set<PhaseID>] = [
            "etcd-snapshot": ["upgrade-plans"], "turn-program": ["upgrade-plans"],
            "upgrade-plans": later == "hand-over" ? ["upgrade-servers"] : [],
        ]
        let broken = try violations { entry in
            guard entry.phase.id == later else { return entry }
            let gone = (ways[phase] ?? []).union([phase])
            return .init(entry.phase, after: entry.after.filter { !gone.contains($0.phase) })
        }
        #expect(broken.contains { $0.hasPrefix("order.upgrade-in-turn") }, "\(broken)")
    }

    @Test(
        arguments: [
            ("withdraw-plans", "upgrade-plans leaves Plans behind"), ("hand-back", "nothing lets pods come back"),
        ] as [(PhaseID, String)])
    func whatIsBegunMustBeEnded(phase: PhaseID, says: String) throws {
        let broken = try violations { entry in
            entry.phase.id == phase ? nil : .init(entry.phase, after: entry.after.filter { $0.phase != phase })
        }
        #expect(broken.contains { $0.contains(says) }, "\(broken)")
    }

    /// Servers whose turn begins without something.
    private struct Careless: Phase {
        let base: any Phase
        let isGuarded: Bool
        let looks: Bool
        let atOnce: Int
        var id: PhaseID { base.id }
        var title: String { base.title }
        var nodes: [NodeName] { base.nodes }
        func apply(_ node: NodeName) -> [Step] {
            base.apply(node).filter { looks || $0.operation.summary != ServerQuestion.looksAtOthers }
        }
        func gate(_ node: NodeName) -> Gate? { base.gate(node) }
        func undo(_ node: NodeName) -> Undo { isGuarded ? base.undo(node) : .nothing(because: "") }
    }

    @Test(
        arguments: [
            (false, true, 1, "order.guard-armed"), (true, false, 1, "order.upgrade-in-turn"),
            (true, true, 2, "order.one-control-plane-node-at-a-time"), (true, true, 1, nil),
        ] as [(Bool, Bool, Int, String?)])
    func leaveToChangeAServerCountsAsChangingIt(isGuarded: Bool, looks: Bool, atOnce: Int, rule: String?) throws {
        let broken = try violations { entry in
            guard entry.phase.id == "upgrade-servers" else { return entry }
            return .init(
                Careless(base: entry.phase, isGuarded: isGuarded, looks: looks, atOnce: atOnce), after: entry.after)
        }
        #expect(Set(broken.map { String($0.prefix { $0 != ":" }) }) == Set([rule].compactMap(\.self)))
    }

    @Test func theProgramNotesWhatK3sWasStartedWithAsClusterctlDoes() throws {
        let inventory = try UpgradeFixture.inventory()
        for node in ["dpu-01", "worker-01"] as [NodeName] {
            let unit = Cluster(inventory)[node].unit
            let steps = K3sFiles(cluster: Cluster(inventory)).steps(node)
            let files = steps.compactMap { step -> [String]? in
                guard case .unit(let state) = step.operation, case .running(let files) = state.activity else {
                    return nil
                }
                return files
            }
            #expect(files == [["/etc/rancher/k3s/config.yaml", "/etc/systemd/system/\(unit)", "/usr/local/bin/k3s"]])
        }
        #expect(
            Template.turn.text().contains(#"for file in /etc/rancher/k3s/config.yaml "/etc/systemd/system/$1" "$link""#)
        )
    }

    // MARK: Plans

    private func plan(_ name: String, _ options: Upgrade.Options) throws -> YAMLValue {
        let inventory = try UpgradeFixture.inventory()
        let plans = ControllerPlans(inventory, options, try #require(options.via))
        let object = try #require(plans.objects.first { $0.name.hasSuffix(name) })
        return YAMLValue(try YAMLDocument.parse(object.manifest, file: "plan").root)
    }

    @Test func plansSelectWhomTheyAreGivenAndKeepDataUnlessTold() throws {
        let servers = try plan(ControllerPlans.servers, options())
        #expect(servers[["spec", "concurrency"]] == 1)
        #expect(servers[["spec", "drain"]] == nil)
        #expect(servers[["spec", "version"]] == "v1.35.8+k3s1")
        #expect(servers[["spec", "upgrade", "image"]] == "rancher/k3s-upgrade")
        let selector = servers[["spec", "nodeSelector", "matchExpressions"]]?.list ?? []
        #expect(selector.first?[["key"]] == "clusterctl.dev/turn")
        #expect(selector.first?[["values"]] == ["v1.35.8-k3s1"])

        let workers = try plan(ControllerPlans.workers, options())
        for key in ["deleteEmptydirData", "force", "disableEviction"] {
            #expect(
                workers[["spec", "drain", key]] == false, "\(key): the controller's own default is not clusterctl's")
        }
        #expect(workers[["spec", "drain", "gracePeriod"]] == nil)
        let told = try plan(
            ControllerPlans.workers,
            options {
                $0.drain.force = true
                $0.drain.gracePeriodSeconds = 7
                $0.drain.timeoutSeconds = 90
                $0.via?.image = "registry.example/alpine:3.23"
            })
        #expect(told[["spec", "drain", "force"]] == true)
        #expect(told[["spec", "drain", "gracePeriod"]] == 7)
        #expect(told[["spec", "drain", "timeout"]] == "90s")
        #expect(told[["spec", "upgrade", "image"]] == "registry.example/alpine:3.23")
    }

    @Test(arguments: [
        ("rancher/k3s-upgrade", true), ("registry.example:5000/a/b_c@sha256:00", true), ("", false), ("-x", false),
        ("a b", false), ("a\nb", false), ("é", false), (String(repeating: "a", count: 256), false),
    ])
    func whatIsWrittenAsAnImage(text: String, isImage: Bool) { #expect(UpgradeVia.Options.isImage(text) == isImage) }

    @Test func whatGoesOnWhenClusterctlIsKilledIsSaidBefore() throws {
        let inventory = try UpgradeFixture.inventory()
        let notes = UpgradeVia.notes(inventory, options())
        #expect(notes.contains { $0.contains("the controller goes on with those that it has") })
        #expect(UpgradeVia.notes(inventory, Upgrade.Options()) == [])
    }

    // MARK: Preflight

    /// A cluster that has the controller.
    private func facts(_ inventory: Inventory, plans: String = "", labels: String = "{}", cordoned: String = "")
        -> Facts
    {
        var facts = UpgradeFixture.facts(inventory)
        let names = UpgradeFixture.servers + UpgradeFixture.workers
        for name in UpgradeFixture.servers.map({ NodeName($0) }) {
            facts[name, ControllerQuestion.deployment] = Answer(status: 0, output: "1")
            facts[name, ControllerQuestion.account] = Answer(status: 0, output: "system-upgrade")
            facts[name, ControllerQuestion.plans] = Answer(status: 0, output: plans)
            facts[name, ControllerQuestion.labels] = Answer(
                status: 0, output: names.map { "\($0)\t\(labels)\n" }.joined())
            facts[name, SchedulingQuestion.probe] = Answer(
                status: 0, output: names.map { "\($0)\t\($0 == cordoned ? "true" : "")\t\n" }.joined())
        }
        return facts
    }

    private func said(_ inventory: Inventory, _ facts: Facts) -> [String] {
        let preflight = ViaPreflight(inventory, options())
        return preflight.nodes.flatMap { node in
            UpgradeFixture.words(preflight.check(node, facts)).map { "\(node): \($0)" }
        }
    }

    @Test func aClusterWithItsControllerIsNotRefused() throws {
        let inventory = try UpgradeFixture.inventory()
        #expect(said(inventory, facts(inventory)) == [])
    }

    @Test(
        arguments: [
            (ControllerQuestion.plans, Answer(status: 1, output: "", error: "no kind"), "does not know the kind Plan"),
            (ControllerQuestion.deployment, Answer(status: 1, output: "", error: "NotFound"), "there is no Deployment"),
            (ControllerQuestion.deployment, Answer(status: 0, output: ""), "has no pod that is available"),
            (ControllerQuestion.deployment, Answer(status: 0, output: "0"), "has no pod that is available"),
            (
                ControllerQuestion.account, Answer(status: 1, output: "", error: "NotFound"),
                "there is no ServiceAccount"
            ),
        ] as [(Probe, Answer, String)])
    func aClusterWithoutItsControllerIsRefusedOnce(probe: Probe, answer: Answer, says: String) throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = facts(inventory)
        for name in UpgradeFixture.servers { facts[NodeName(name), probe] = answer }
        let said = said(inventory, facts)
        #expect(said.count == 1 && said[0].contains(says), "\(said)")
    }

    @Test(
        arguments: [
            ("cattle\tother\t{}\n", "{}", true),
            ("cattle\tother\t\n", "{}", false),
            (#"s\#tother\#t{"matchExpressions":[{"key":"a","operator":"Exists"}]}\#n"#, #"{"a":"1"}"#, true),
            (#"s\#tother\#t{"matchExpressions":[{"key":"a","operator":"Exists"}]}\#n"#, "{}", false),
            ("s\tother\t{}\n", #"{"plan.upgrade.cattle.io/other":"disabled"}"#, false),
            ("system-upgrade\tclusterctl-servers\t{}\n", "{}", false),
            ("other\tclusterctl-servers\t{}\n", "{}", true),
            ("s\tother\t{broken\n", "{}", true), ("s\tother\t{}\n", "{broken", true),
        ] as [(String, String, Bool)])
    func aPlanOfSomebodyElseThatSelectsANodeIsRefused(plans: String, labels: String, isRefused: Bool) throws {
        let inventory = try UpgradeFixture.inventory()
        let said = said(inventory, facts(inventory, plans: plans, labels: labels))
        #expect(said.count == (isRefused ? 5 : 0), "on each node that is changed: \(said)")
    }

    @Test func whereNoJobWouldRunOrPodsMustNotComeIsRefused() throws {
        let inventory = try UpgradeFixture.inventory()
        #expect(
            said(inventory, facts(inventory, cordoned: "worker-01")).map {
                $0.contains("worker-01: somebody has cordoned")
            } == [true])
        var left = facts(inventory)
        for name in UpgradeFixture.servers {
            left[NodeName(name), SchedulingQuestion.probe] = Answer(
                status: 0, output: "worker-01\ttrue\tdrained-cordoned\n")
        }
        #expect(said(inventory, left).contains { $0.contains("worker-01: somebody has cordoned") }, "before a drain")
        #expect(said(inventory, facts(inventory, cordoned: "nixos-01")) == [], "it is its operator's to change")
        #expect(said(inventory, facts(inventory, cordoned: "dpu-02")) == [], "the controller cordons no server")
        var facts = facts(inventory)
        let answer = try #require(facts["dpu-01", NodesQuestion.probe])
        for name in UpgradeFixture.servers {
            facts[NodeName(name), NodesQuestion.probe] = Answer(
                status: 0, output: answer.output.replacing("pxe-01\tTrue", with: "pxe-01\tFalse"))
        }
        #expect(said(inventory, facts) == ["pxe-01: it is not ready, and the controller's job would not run there"])
        for step in NodeTurn(inventory).steps("pxe-01") { facts["pxe-01", step] = .same }
        #expect(said(inventory, facts) == [], "nothing is changed there")
    }

    @Test func withoutTheControllerNobodyGoesOnWhereItStillMay() throws {
        let inventory = try UpgradeFixture.inventory()
        var facts = facts(inventory)
        facts["worker-01", .path(NodeTurn.letter)] = Answer(status: 0, output: "file 0600 90")
        #expect(
            UpgradeFixture.words(UpgradePreflight(inventory).check("worker-01", facts)) == [
                "an earlier run has let the cluster's controller change it, which may still do so"
            ])
        #expect(said(inventory, facts) == [])
    }

    // MARK: Turns

    @Test func onlyWhoIsToBeChangedIsHandedOver() throws {
        let inventory = try UpgradeFixture.inventory()
        let order = Upgrade.order(for: inventory, options: options())
        func check(_ phase: PhaseID, _ node: NodeName, _ facts: Facts) throws -> Finding {
            try #require(order.entries.first { $0.phase.id == phase }).phase.check(node, facts)
        }
        var facts = facts(inventory)
        #expect(try check("upgrade-servers", "dpu-02", facts) == .satisfied, "so that its steps decide")
        #expect(try check("hand-over", "worker-01", facts) == .pending("worker-01 is about to be changed"))
        #expect(try check("upgrade-plans", "dpu-01", facts) == .satisfied)
        #expect(try check("withdraw-plans", "dpu-01", facts) == .settled)
        for node in Cluster(inventory).managed {
            for step in NodeTurn(inventory).steps(node) { facts[node, step] = .same }
        }
        facts["dpu-01", CordonQuestion.probe] = Answer(status: 0, output: "worker-01\t\npxe-01\thanded-over\n")
        for (phase, node) in [
            ("upgrade-servers", "dpu-02"), ("hand-over", "worker-01"), ("upgrade-workers", "worker-01"),
            ("hand-back", "worker-01"), ("upgrade-plans", "dpu-01"), ("withdraw-plans", "dpu-01"),
            ("turn-program", "dpu-01"), ("etcd-snapshot", "dpu-01"),
        ] as [(PhaseID, NodeName)] {
            guard case .notApplicable = try check(phase, node, facts) else {
                Issue.record("\(phase) on \(node) would do something, where all is done")
                continue
            }
        }
        #expect(
            try check("hand-back", "pxe-01", facts) == .pending("pxe-01 was handed over, or drained, by an earlier run")
        )
        for name in UpgradeFixture.servers {
            facts[NodeName(name), ControllerQuestion.plans] = Answer(
                status: 0, output: "system-upgrade\tclusterctl-agents\t{}\n")
        }
        #expect(try check("withdraw-plans", "dpu-01", facts) == .pending("an earlier run has left its Plans"))
        facts["dpu-02", .guardState] = Answer(status: 0, output: "armed phase=upgrade-servers nonce=x until=1")
        #expect(
            try check("upgrade-plans", "dpu-01", facts) == .satisfied, "the killed run's server still needs its Plan")
        #expect(try check("upgrade-servers", "dpu-02", facts) == .satisfied)
    }

    struct Progress: Sendable, CustomTestStringConvertible {
        let what: String
        var marks = "v1.35.8-k3s1\t\t"
        var jobs = ""
        let verdict: Verdict
        var testDescription: String { what }
    }

    @Test(arguments: [
        Progress(what: "not handed over", marks: "\t\t", verdict: .holds),
        Progress(what: "done", marks: "v1.35.8-k3s1\tabc\t", verdict: .holds),
        Progress(
            what: "done, and cordoned", marks: "v1.35.8-k3s1\tabc\ttrue",
            verdict: .waiting("worker-01 is still cordoned")),
        Progress(what: "not begun", verdict: .waiting("the controller has not begun with worker-01")),
        Progress(
            what: "another's job", jobs: "pxe-01\tJob\t\tDeadlineExceeded\tlate\t\n",
            verdict: .waiting("the controller has not begun with worker-01")),
        Progress(
            what: "a job", jobs: "worker-01\tJob\t\t\t\t\n",
            verdict: .waiting("the controller's job on worker-01 has no pod yet")),
        Progress(
            what: "no image", jobs: "worker-01\tJob\t\t\t\t\nworker-01\tPod\tPending\t\t\tImagePullBackOff\n",
            verdict: .waiting("the pod of the controller's job on worker-01 is Pending: ImagePullBackOff")),
        Progress(
            what: "failed",
            jobs: "worker-01\tJob\t\tBackoffLimitExceeded\tJob has reached\t\nworker-01\tPod\tFailed\t\t\t\n",
            verdict: .failed("the controller's job on worker-01 has failed: BackoffLimitExceeded: Job has reached")),
    ])
    func howFarTheControllerIs(progress: Progress) {
        var facts = Facts()
        facts["dpu-01", ControllerQuestion.marks] = Answer(
            status: 0, output: "pxe-01\t\t\t\nworker-01\t\(progress.marks)\n")
        facts["dpu-01", ControllerQuestion.jobs] = Answer(status: 0, output: progress.jobs)
        #expect(ControllerQuestion.verdict(facts, askedOn: "dpu-01", about: "worker-01") == progress.verdict)
    }

    @Test func whatTheNodeSaysOfItsTurnEndsTheWaiting() {
        var facts = Facts()
        facts["dpu-01", ControllerQuestion.marks] = Answer(status: 0, output: "w\tv\t\t\n")
        facts["dpu-01", ControllerQuestion.jobs] = Answer(status: 0, output: "")
        facts["w", ControllerQuestion.trouble] = Answer(status: 0, output: "")
        #expect(
            ControllerQuestion.verdict(facts, askedOn: "dpu-01", about: "w")
                == .waiting("the controller has not begun with w"))
        facts["w", ControllerQuestion.trouble] = Answer(status: 0, output: "K3s v2 does not run after 45 s\n")
        #expect(
            ControllerQuestion.verdict(facts, askedOn: "dpu-01", about: "w")
                == .failed("K3s v2 does not run after 45 s"))
    }

    @Test func whoCannotBeAskedOrIsNotKnownIsNotCountedAsDone() {
        var facts = Facts()
        #expect(ControllerQuestion.verdict(facts, askedOn: "dpu-01", about: "w") != .holds)
        facts["dpu-01", ControllerQuestion.marks] = Answer(status: 1, output: "w\tx\ty\t\n", error: "refused")
        #expect(ControllerQuestion.verdict(facts, askedOn: "dpu-01", about: "w") != .holds)
        facts["dpu-01", ControllerQuestion.marks] = Answer(status: 0, output: "ww\tx\ty\t\n")
        #expect(ControllerQuestion.verdict(facts, askedOn: "dpu-01", about: "w") != .holds)
    }
}
