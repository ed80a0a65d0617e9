import Engine
import Testing

@testable import ClusterctlCLI

@Suite struct PlanFactsTests {
    // MARK: Comparison

    static let pending = task(.pending, "/etc/a differs", [("file /etc/a", "(absent)"), ("unit k3s.service", nil)])

    static func task(
        _ conclusion: PlanFacts.Conclusion, _ reason: String = "", _ steps: [(String, String?)] = [],
        phase: PhaseID = "workers", node: NodeName = "worker-1"
    ) -> PlanFacts.Task {
        .init(
            id: TaskID(phase: phase, node: node), conclusion: conclusion, reason: reason,
            steps: steps.map { .init(what: $0.0, current: $0.1) })
    }

    static func facts(
        _ tasks: PlanFacts.Task..., limit: [NodeName]? = nil, armed: [NodeName: PhaseID] = [:]
    ) -> PlanFacts { PlanFacts(limit: limit, armed: armed, tasks: tasks) }

    @Test(
        arguments: [
            ("the same", facts(pending), facts(pending), []),
            (
                "a gate's words", facts(task(.pending, "not ready after 3 ms")),
                facts(task(.pending, "not ready after 5 ms")), []
            ),
            (
                "now as planned", facts(pending),
                facts(task(.satisfied, "", [("file /etc/a", nil), ("unit k3s.service", nil)])),
                ["worker-1, workers, file /etc/a: was (absent), is now as planned"]
            ),
            (
                "no more as planned", facts(task(.satisfied, "", [("unit k3s.service", nil)])),
                facts(task(.pending, "k3s.service differs", [("unit k3s.service", "(inactive, should be running)")])),
                ["worker-1, workers, unit k3s.service: was as planned, is now (inactive, should be running)"]
            ),
            (
                "another text", facts(task(.pending, "", [("file /etc/a", "another text (sha256 01)")])),
                facts(task(.pending, "", [("file /etc/a", "another text (sha256 02)")])),
                ["worker-1, workers, file /etc/a: was another text (sha256 01), is now another text (sha256 02)"]
            ),
            (
                "a gate does not hold", facts(task(.satisfied)), facts(task(.pending, "worker-1 is not ready")),
                ["worker-1, workers, this phase: was satisfied, is now pending (worker-1 is not ready)"]
            ),
            (
                "left out", facts(task(.notApplicable, "no K3s there yet")), facts(task(.satisfied)),
                ["worker-1, workers, this phase: was left out (no K3s there yet), is now satisfied"]
            ),
            (
                "armed", facts(pending), facts(pending, armed: ["worker-1": "workers"]),
                ["worker-1, guard: was not armed, is now armed for workers"]
            ),
            (
                "armed for another", facts(pending, armed: ["worker-1": "cilium"]),
                facts(pending, armed: ["worker-1": "workers"]),
                ["worker-1, guard: was armed for cilium, is now armed for workers"]
            ),
            (
                "a task more", facts(), facts(task(.satisfied)),
                ["worker-1, workers, this phase: was no part of the plan, is now satisfied"]
            ),
            (
                "a task less", facts(task(.satisfied)), facts(),
                ["worker-1, workers, this phase: was satisfied, is now no part of the plan"]
            ),
            (
                "a step more", facts(task(.satisfied)), facts(task(.satisfied, "", [("module x", nil)])),
                ["worker-1, workers, module x: was no part of the plan, is now as planned"]
            ),
            (
                "another step", facts(task(.satisfied, "", [("module y", nil)])),
                facts(task(.satisfied, "", [("module x", nil)])),
                ["worker-1, workers, module x: was module y as planned, is now as planned"]
            ),
        ] as [(String, PlanFacts, PlanFacts, [String])])
    func differencesAreNamed(id: String, was: PlanFacts, now: PlanFacts, lines: [String]) {
        #expect(was.differences(now: now).map(\.words) == lines)
        #expect((was.digest == now.digest) == lines.isEmpty, "the digest and the comparison must agree")
    }

    @Test func theOrderDoesNotMatter() {
        let other = Self.task(.satisfied, phase: "verify", node: "dpu-1")
        let armed: [NodeName: PhaseID] = ["a": "x", "b": "y"]
        let (one, two) = (Self.facts(Self.pending, other, armed: armed), Self.facts(other, Self.pending, armed: armed))
        #expect(one.digest == two.digest && one.differences(now: two).isEmpty)
        #expect(Self.facts(limit: ["a", "b"]).digest == Self.facts(limit: ["b", "a"]).digest)
        #expect(Self.facts(limit: ["a"]).digest != Self.facts().digest)
    }

    @Test func wordsCannotPassForOtherFacts() {
        let split = Self.facts(Self.task(.pending, "", [("file /a", "x"), ("file /b", "y")]))
        let joined = Self.facts(Self.task(.pending, "", [("file /a", "x\"\nstep workers worker-1 1 \"file /b\" \"y")]))
        #expect(split.digest != joined.digest)
    }

    // MARK: From a survey

    @Test func whatChangesByItselfChangesNothing() async throws {
        let site = try PlanTests.site("lab")
        let first = try await SurveyFleet.bare.review(site)
        #expect(first.facts.tasks.contains { $0.conclusion == .pending })
        var later = SurveyFleet.bare
        later.answer = { node, probe in
            switch probe {
            case .host: Answer(status: 0, output: SurveyFleet.host(time: 1_800_000_100, diskFreeKiB: 8_000_000))
            case .syncLatency: Answer(status: 0, output: "slowest=9000 median=800\n")
            case .http: Answer(status: 7, output: "", error: "curl: (7) Failed to connect to 127.0.0.1 after 3 ms\n")
            case .guardState:
                Answer(status: 0, output: "rolled-back phase=cilium nonce=n at=1800000000 because=asked left=none\n")
            case .unit: Answer(status: 0, output: "LoadState=not-found\nActiveState=inactive\nNRestarts=4\n")
            default: SurveyFleet.bare.answer(node, probe)
            }
        }
        later.state = { node, step in
            if case .object = step.operation {
                return .differs(current: "(dial tcp 127.0.0.1:6443: timed out after 3 s)")
            }
            return SurveyFleet.bare.state(node, step)
        }
        let second = try await later.review(site)
        #expect(first.facts.differences(now: second.facts).map(\.words) == [])
        #expect(first.facts.digest == second.facts.digest)
    }

    @Test(arguments: [
        ("a text", "# by hand\n", "dpu-01, host-prep, file /etc/modules-load.d/clusterctl.conf: was (absent)"),
        ("a mode", "(mode, user and group are 0666 0 0 and should be 0644 0 0)", "should be 0644 0 0)"),
    ])
    func whatSomebodyChangedIsNamed(id: String, current: String, words: String) async throws {
        let site = try PlanTests.site("lab")
        let was = try await SurveyFleet.bare.review(site).facts
        var changed = SurveyFleet.bare
        changed.state = { node, step in
            node == "dpu-01" && step.operation.summary == "/etc/modules-load.d/clusterctl.conf"
                ? .differs(current: current) : SurveyFleet.bare.state(node, step)
        }
        let now = try await changed.review(site).facts
        let lines = was.differences(now: now).map(\.words)
        #expect(lines.count == 1 && lines.allSatisfy { $0.contains(words) }, "\(lines)")
        #expect(!lines.joined().contains("by hand"), "the text of a file is not kept")
    }

    @Test func anObjectThatSomebodyMadeIsNamed() async throws {
        let site = try PlanTests.site("lab")
        func facts(_ words: String) async throws -> PlanFacts {
            var fleet = SurveyFleet.bare
            fleet.state = { node, step in
                if case .object = step.operation { return .differs(current: "(HelmChart cilium \(words))") }
                return SurveyFleet.bare.state(node, step)
            }
            return try await fleet.review(site).facts
        }
        let lines = try await facts("is absent").differences(now: facts("is not as it was applied")).map(\.words)
        #expect(lines.contains { $0.contains("HelmChart kube-system/cilium: was (HelmChart cilium is absent)") })
    }

    @Test func aGuardThatWasLeftArmedCounts() async throws {
        let site = try PlanTests.site("lab")
        var armed = SurveyFleet.bare
        armed.answer = { node, probe in
            if probe == .guardState, node == "dpu-02" {
                return Answer(status: 0, output: "armed phase=replicas nonce=n until=1800000000\n")
            }
            return SurveyFleet.bare.answer(node, probe)
        }
        let lines = try await SurveyFleet.bare.review(site).facts.differences(now: armed.review(site).facts).map(
            \.words)
        #expect(lines.first == "dpu-02, guard: was not armed, is now armed for replicas")
    }

    @Test func onlyTheNodesOfTheLimitCount() async throws {
        let site = try PlanTests.site("lab")
        let fleet = SurveyFleet(answer: SurveyFleet.bare.answer) { node, step in
            // Elsewhere all is done that has to be, so that the limit holds nothing up.
            let isLimited =
                node == "dpu-01"
                && ["host-prep", "artifacts"].contains { phase in
                    site.plan.phases.contains {
                        $0.id.rawValue == phase && $0.work.contains { $0.steps.contains(step) }
                    }
                }
            return isLimited ? SurveyFleet.bare.state(node, step) : .same
        }
        let found = try await fleet.review(site, limit: ["dpu-01"]).facts
        #expect(found.limit == ["dpu-01"] && found.nodes == ["dpu-01"])
        #expect(Set(found.tasks.map(\.id.node)) == ["dpu-01"])
        let leftOut = found.tasks.filter { $0.conclusion == .notApplicable }.map(\.id.phase)
        #expect(leftOut == ["verify"], "a last look that needs more than the limit is left out, and that is told")
    }

    // MARK: The run

    @Test func aRunByAStalePlanEndsBeforeItIsShown() async throws {
        let site = try PlanTests.site("lab")
        let was = PlanFacts(limit: nil, armed: ["dpu-01": "cilium"], tasks: [])
        let (now, outcome) = try await SurveyFleet.bare.review(site) { .stale(was.differences(now: $0)) }
        #expect(outcome == .stale(was.differences(now: now)))
        #expect(outcome.exitCode == ExitStatus.planChanged)
    }

    @Test func whatCannotBeHadEndsTheRunBeforeItBegins() async throws {
        let site = try PlanTests.site("lab")
        let blocked = Outcome.Blocked(
            task: TaskID(phase: "artifacts", node: "dpu-01"),
            problems: [Problem("no checksum", fix: "another version")])
        #expect(try await SurveyFleet.bare.review(site) { _ in .blocked([blocked]) }.outcome == .blocked([blocked]))
    }

    /// Somebody else has done all of it meanwhile: then this is not the run that was planned.
    @Test func aRunThatFindsNothingToDoIsAskedTooWhetherItIsThePlannedOne() async throws {
        let site = try PlanTests.site("lab")
        let idle = try Site(
            site.inventory,
            orders: Orders(areRulesEnforced: false) { inventory in
                let entries = try Orders.standard.bootstrap(inventory).entries
                return Order(
                    name: "bootstrap",
                    entries.filter { ["host-prep", "artifacts"].contains($0.phase.id) }.map { .init($0.phase) })
            })
        let fleet = SurveyFleet(answer: SurveyFleet.bare.answer) { _, _ in .same }
        let difference = Outcome.Difference(node: "a", phase: nil, what: "guard", was: "x", now: "y")
        let (facts, outcome) = try await fleet.review(idle) { _ in .stale([difference]) }
        #expect(facts.tasks.allSatisfy { $0.conclusion == .satisfied })
        #expect(outcome == .stale([difference]))
        #expect(try await fleet.review(idle) { _ in .approved }.outcome == .nothingToDo)
    }

    @Test func aStalePlanIsToldWithWhatToDo() throws {
        let differences = (1...25).map {
            Outcome.Difference(node: NodeName("worker-\($0)"), phase: "workers", what: "unit k3s", was: "a", now: "b")
        }
        let lines = OutcomeText.lines(.stale(differences), site: try PlanTests.site("lab"), journal: "")
        #expect(lines[1] == "  worker-1, workers, unit k3s: was a, is now b")
        #expect(lines.contains("  and 5 more") && lines.contains("nothing was changed"))
        #expect(lines.last?.contains("make a new plan, or run bootstrap without --plan") == true)
    }

    /// A run by a plan that has changed something cannot be gone on with by the same command.
    @Test func whatStoppedHalfWayIsToldToGoOnWithoutThePlan() throws {
        let site = try PlanTests.site("lab")
        func said(_ outcome: Outcome, byPlan: Bool) -> String {
            OutcomeText.lines(outcome, site: site, journal: "j", isByPlan: byPlan).joined(separator: "\n")
        }
        let failed = OutcomeTests.failed(.guardFired(heldAtRung: nil), .takenBack(by: .node, OutcomeTests.complete))
        for outcome in [failed, .interrupted(guarded: [], undone: [])] {
            #expect(said(outcome, byPlan: true).contains("run bootstrap without --plan"))
            #expect(!said(outcome, byPlan: true).contains("the same command"))
            #expect(!said(outcome, byPlan: false).contains("--plan"))
        }
    }
}
