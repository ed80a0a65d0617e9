import Engine
import Testing

@testable import Simulation

/// Something is broken on purpose; the checkers must find it within two thousand seeds.
@Suite @ShellThread struct MutationTests {
    @Test func aPhaseThatDoesNotWaitForItsPredecessor() {
        let driven = FiveNodes.order(after: ["others": [.sameNode("prepare")]])
        #expect(FiveNodes.firstSeed(FiveNodes.scenario(drivenBy: driven), finding: .afterPredecessors) != nil)
    }

    @Test func aRollingPhaseWithTwoAtOnce() {
        let driven = FiveNodes.order { phases in phases[3].atOnce = 2 }
        #expect(FiveNodes.firstSeed(FiveNodes.scenario(drivenBy: driven), finding: .rollingAtOnce) != nil)
    }

    @Test func aTurnThatEndsBeforeItIsEnded() {
        let scenario = FiveNodes.scenario(FiveNodes.turns(), drivenBy: FiveNodes.turns(atOnce: 2))
        #expect(FiveNodes.firstSeed(scenario, finding: .rollingAtOnce) != nil)
    }

    @Test func aRunThatLeavesBehindWhatItHasBegun() {
        let scenario = FiveNodes.scenario(FiveNodes.turns(), drivenBy: FiveNodes.turns(isEnded: false))
        #expect(FiveNodes.firstSeed(scenario, finding: .turnsAreEnded) != nil)
    }

    @Test func turnsAsTheyShouldBe() {
        let scenario = FiveNodes.scenario(FiveNodes.turns())
        for seed in UInt64(1)...300 {
            let trial = scenario.run(seed: seed, faults: Set(Fault.allCases))
            #expect(trial.violations.isEmpty, "seed \(seed): \(trial.violations)")
        }
    }

    @Test func aGateThatIsNotWaitedFor() {
        let driven = FiveNodes.order { phases in phases[2].hasGate = false }
        let scenario = FiveNodes.scenario(drivenBy: driven)
        #expect(FiveNodes.firstSeed(scenario, finding: .confirmedAfterGate) != nil)
    }

    @Test(arguments: [Invariant.confirmedAfterGate, .everyNodeComesBack])
    func aDriverThatConfirmsBeforeTheGate(invariant: Invariant) {
        let scenario = FiveNodes.scenario { request in
            guard case .guardian(let id, let task, .extend) = request else { return request }
            return .guardian(id, task, .confirm)
        }
        #expect(FiveNodes.firstSeed(scenario, finding: invariant) != nil)
    }

    @Test(arguments: [Invariant.armedBeforeRisk, .everyNodeComesBack])
    func aGuardThatIsNotArmed(invariant: Invariant) {
        let scenario = FiveNodes.scenario { request in
            guard case .apply(let id, let task, let node, let steps, let watch) = request else { return request }
            return .apply(id, task, on: node, steps: steps.filter { !$0.operation.isCheckpoint }, then: watch)
        }
        #expect(FiveNodes.firstSeed(scenario, finding: invariant) != nil)
    }

    @Test func aDriverThatShowsASecret() {
        let scenario = FiveNodes.scenario { request in
            guard case .apply(let id, let task, let node, let steps, let watch) = request else { return request }
            let told = steps.map { Step($0.operation, because: Contents.secretText) }
            return .apply(id, task, on: node, steps: told, then: watch)
        }
        #expect(FiveNodes.firstSeed(scenario, finding: .secretsStaySecret) != nil)
    }

    @Test func anOrderThatLeavesWorkForTheNextRun() {
        // The second run is asked about a step that the first was never told to apply.
        let scenario = FiveNodes.scenario { request in
            guard case .apply(let id, let task, let node, let steps, let watch) = request, task.phase == "prepare" else {
                return request
            }
            return .apply(id, task, on: node, steps: Array(steps.dropLast()) + [steps[0]], then: watch)
        }
        #expect(FiveNodes.firstSeed(scenario, finding: .secondRunIsEmpty) != nil)
    }

    @Test(arguments: [
        (Simulator.Flaw.programsRunSideBySide, Invariant.oneProgramAStep), (.guardSavesAnew, .undoneIsAsBefore),
        (.leaseIsNotAsked, .oneRunAtATime),
        (.guardIsSlow, .everyNodeComesBack),
        (.gateDoesNotWaitForTheVote, .oneServerOut),
        (.guardForgetsTheVoteAtBoot, .quorumIsKept),
        (.guardGoesByTheTimeOfDay, .guardKeepsItsWindow), (.guardGoesByTheTimeOfDay, .everyNodeComesBack),
        (.leaseGoesByTheTimeOfDay, .livingLeaseHolds),
        (.guardNeedsNoSpace, .armedBeforeRisk),
    ])
    func aNodeThatDoesNotKeepItsPromise(flaw: Simulator.Flaw, invariant: Invariant) {
        var scenario = FiveNodes.scenario()
        scenario.flaws = [flaw]
        #expect(FiveNodes.firstSeed(scenario, finding: invariant) != nil)
    }

    @Test(arguments: [Invariant.quorumIsKept, .oneServerOut, .rollingAtOnce])
    func twoServersThatAreStartedAnewAtOnce(invariant: Invariant) {
        let scenario = FiveNodes.scenario(FiveNodes.restarting(), drivenBy: FiveNodes.restarting(atOnce: 2))
        #expect(FiveNodes.firstSeed(scenario, finding: invariant) != nil)
    }

    @Test func aMachineThatNeverConfirms() {
        let scenario = FiveNodes.scenario { request in
            guard case .guardian(let id, let task, .confirm) = request else { return request }
            return .guardian(id, task, .extend(windowSeconds: 90))
        }
        #expect(FiveNodes.firstSeed(scenario, finding: .finishes) != nil)
    }
}
