import Engine
import Testing

@testable import Simulation

@Suite @ShellThread struct ScenarioTests {
    @Test func withAllFaultsNothingHappensThatMustNot() {
        let scenario = FiveNodes.scenario()
        var campaign = Campaign()
        for seed in 1...500 as ClosedRange<UInt64> {
            campaign.add(scenario.run(seed: seed, faults: Set(Fault.allCases)))
        }
        let stories = campaign.broken.map { "\($0.seed): \($0.violations)" }
        #expect(stories.isEmpty)
        // A simulation in which nothing goes wrong would show nothing.
        for ending in [Trial.Ending.done, .takenBack, .failed, .unreachable, .interrupted, .killed] {
            #expect(campaign.allRuns[ending] ?? 0 > 0, "no run ended \(ending.rawValue)")
        }
        #expect(campaign.worst?.longestOutSeconds ?? 0 > 90, "no node was cut off until its guard fired")
    }

    @Test func serversThatAreStartedAnewOneByOneKeepTheirQuorum() {
        let scenario = FiveNodes.scenario(FiveNodes.restarting())
        let broken = (1...150 as ClosedRange<UInt64>).flatMap { seed in
            scenario.run(seed: seed, faults: Set(Fault.allCases)).violations.map { "\(seed): \($0)" }
        }
        #expect(broken.isEmpty)
    }

    /// Each of them by itself, so that none hides behind another.
    @Test(arguments: Fault.allCases)
    func oneFaultAlone(fault: Fault) {
        let scenario = FiveNodes.scenario()
        let calm = (1...25 as ClosedRange<UInt64>).map { scenario.run(seed: $0, faults: []).eventCount }
        let trials = (1...25 as ClosedRange<UInt64>).map { scenario.run(seed: $0, faults: [fault]) }
        #expect(trials.flatMap { $0.violations }.isEmpty)
        #expect(trials.count { !$0.isWhole } == 0)
        #expect(trials.map { $0.eventCount } != calm, "it changes nothing")
    }

    @Test func withoutFaultsTheFirstRunIsDone() {
        for seed in 1...50 as ClosedRange<UInt64> {
            let trial = FiveNodes.scenario().run(seed: seed, faults: [])
            #expect(trial.endings == [.done])
            #expect(trial.violations.isEmpty)
            #expect(trial.longestOutSeconds == 0)
        }
    }

    @Test func theSameSeedTellsTheSameStory() {
        let faults = Set(Fault.allCases)
        for seed in [7, 4711] as [UInt64] {
            let first = FiveNodes.scenario().run(seed: seed, faults: faults, tellsStory: true)
            #expect(!first.story.isEmpty)
            #expect(first == FiveNodes.scenario().run(seed: seed, faults: faults, tellsStory: true))
        }
        #expect(
            FiveNodes.scenario().run(seed: 1, faults: faults).seconds
                != FiveNodes.scenario().run(seed: 2, faults: faults).seconds)
    }

    @Test func anAbstractOrderKeepsWhatTheOrderDependsOn() {
        let real = Plan(cluster: "", order: FiveNodes.order())
        let model = Plan(cluster: "", order: FiveNodes.order().abstracted())
        #expect(real.phases.map(\.id) == model.phases.map(\.id))
        #expect(real.phases.map(\.after) == model.phases.map(\.after))
        #expect(real.phases.map(\.atOnce) == model.phases.map(\.atOnce))
        let windows = { (plan: Plan) in plan.phases.flatMap(\.work).map(\.guardWindowSeconds) }
        #expect(windows(real) == windows(model))
        let counts = { (plan: Plan) in plan.phases.flatMap(\.work).map(\.steps.count) }
        #expect(counts(real) == counts(model))
        let asked = { (plan: Plan) in plan.phases.flatMap(\.work).map { Set($0.gate?.asks.map(\.node) ?? []) } }
        #expect(asked(real) == asked(model))
    }
}

@Suite struct SplitMix64Tests {
    /// The first numbers for the seed 1234567, as published with the algorithm.
    @Test func isTheOneThatIsPublished() {
        var random = SplitMix64(seed: 1_234_567)
        #expect([random.next(), random.next()] == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973])
    }
}

@Suite struct AgendaTests {
    @Test func comesOutInTheOrderOfTime() {
        var random = SplitMix64(seed: 3)
        var agenda = Agenda<Int>()
        let times = (0..<300).map { _ in random.below(50) }
        for (number, time) in times.enumerated() { agenda.add(number, at: Double(time), tie: 0) }
        var seen: [Int] = []
        while let (at, number) = agenda.pop() {
            #expect(at == Double(times[number]))
            seen.append(number)
        }
        let expected = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
        #expect(seen == expected, "what happens at the same moment keeps the order in which it was put in")
    }
}
