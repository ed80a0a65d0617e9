import Engine

/// A cluster to be simulated again and again: its order made abstract, once, and bare nodes, or those of a living one.
public struct Scenario: Sendable {
    private let fleet: MemoryFleet
    private let ledger: Ledger
    private let machine: Machine
    private let etcd: Etcd?
    /// How a mutation test breaks the driver; nil: not at all.
    var turn: (@Sendable (Request) -> Request)?
    /// What a mutation test breaks at the nodes.
    var flaws: Set<Simulator.Flaw> = []

    /// So many runs without faults must be enough to come to an end.
    private static let runsAfterFaults = 12
    /// The longest pause that a node needs to be through with what it is doing, once faults have stopped.
    private static let settlingSeconds = 600.0

    /// - Parameters:
    ///   - controlPlane: nil where nobody is a member of etcd.
    ///   - isLiving: whether K3s runs on all of it already.
    ///   - isDown: whether it does not run, and the servers have their data. Where the order restores a snapshot, a living
    ///     cluster has lost everything in half of the seeds.
    public init(
        cluster: String, order: Order, nodes: [NodeName], controlPlane: ControlPlane?, isLiving: Bool = false,
        isDown: Bool = false
    ) {
        self.init(
            cluster: cluster, order: order, nodes: nodes, controlPlane: controlPlane, isLiving: isLiving,
            isDown: isDown, drivenBy: order)
    }

    /// - Parameters:
    ///   - order: what the checkers go by.
    ///   - driven: what the run machine is given; another one only to see that the checkers notice.
    init(
        cluster: String, order: Order, nodes: [NodeName], controlPlane: ControlPlane?, isLiving: Bool = false,
        isDown: Bool = false, drivenBy driven: Order
    ) {
        fleet = MemoryFleet(nodes)
        let living = isLiving ? controlPlane?.living ?? [] : []
        ledger = Ledger(order.abstracted(for: controlPlane), members: living)
        machine = Machine(cluster: cluster, order: driven.abstracted(for: controlPlane), nodes: nodes)
        etcd = controlPlane.map { [fleet, ledger] in
            Etcd(
                hosts: $0.nodes.map(fleet.index), of: fleet.hosts.count,
                living: Set((isLiving || isDown ? $0.living : []).map(fleet.index)),
                dead: isLiving ? Set($0.change.dead.map(fleet.index)) : [], isDown: isDown,
                awaitsReset: ledger.restores)
        }
    }

    /// One cluster: runs are begun, with faults, until one says that it is done; then one more, which must be empty.
    public func run(seed: UInt64, faults: Set<Fault>, tellsStory: Bool = false) -> Trial {
        var simulator = Simulator(fleet)
        simulator.weather = Weather(seed: seed, faults: faults)
        simulator.ledger = ledger
        simulator.etcd = etcd
        simulator.turn = turn
        simulator.flaws = flaws
        simulator.keepsRequests = false
        simulator.tellsStory = tellsStory
        simulator.looksForSecrets = seed % 1024 == 0
        if etcd?.awaitsReset == true, simulator.weather.below(2) == 0 { simulator.etcd?.loseEverything() }
        for voter in etcd?.voters ?? [] { simulator.quorum.votes(voter) }
        simulator.faultsEnd = simulator.weather.between(60, 1500)
        for host in fleet.hosts.indices where simulator.weather.strikes(.reboot, 0.3) {
            simulator.schedule(.shutDown(host: host), after: simulator.weather.between(0, 600))
        }
        for host in fleet.hosts.indices where simulator.weather.strikes(.disk, 0.1) {
            simulator.schedule(.disk(host: host), after: simulator.weather.between(0, 600))
        }
        for host in fleet.hosts.indices where simulator.weather.strikes(.clock, 0.1) {
            simulator.schedule(.clockIsSet(host: host), after: simulator.weather.between(0, 120))
        }
        let (endings, isWhole) = simulator.repeatUntilDone(machine, runsAfterFaults: Self.runsAfterFaults)
        if isWhole {
            simulator.judgeWholeness()
            simulator.faultsEnd = simulator.seconds
            simulator.pass(seconds: Self.settlingSeconds)
            simulator.runOnceMore(machine)
        }
        return Trial(
            seed: seed, endings: endings, isWhole: isWhole, violations: simulator.violations,
            longestOutSeconds: simulator.longestOut?.seconds ?? 0, longestOutNode: simulator.longestOut?.node,
            seconds: simulator.seconds, eventCount: simulator.eventCount,
            story: simulator.story)
    }
}

extension Simulator {
    /// What the operator does: the same command again, after a while, until it is done.
    fileprivate mutating func repeatUntilDone(_ machine: Machine, runsAfterFaults: Int) -> (
        endings: [Trial.Ending], isWhole: Bool
    ) {
        var endings: [Trial.Ending] = []
        var runsInCalm = 0
        while violations.isEmpty {
            let fates = fates()
            let maximum = 100_000 + 1000 * fleet.hosts.count
            let outcomes = run(fates.map { _ in machine }, fates: fates, maximumEvents: maximum)
            for ending in outcomes.map(Trial.Ending.init) {
                if tellsStory { note("the run ends: \(ending.rawValue)") }
                endings.append(ending)
            }
            let last = endings.suffix(fates.count)
            if last.contains(where: \.isEnd), last.allSatisfy({ $0.isEnd || $0 == .refused }) {
                return (endings, true)
            }
            if isQuorumLost {
                violate(.quorumIsKept, "too many voters have no data any more: the quorum is lost for good")
            }
            if weather.isCalm { runsInCalm += 1 }
            if runsInCalm > runsAfterFaults {
                violate(.finishes, "\(runsInCalm) runs without faults were not enough")
            }
            pass(seconds: weather.between(1, 60))
        }
        return (endings, false)
    }

    private mutating func fates() -> [Fate] {
        var fates = [fate()]
        if weather.strikes(.rival, 0.2) {
            var rival = fate()
            rival.beginsAfter = weather.below(2) == 0 ? 0 : weather.between(0, 90)
            fates.append(rival)
        }
        return fates
    }

    private mutating func fate() -> Fate {
        let span = 40 * (fleet.hosts.count + 1)
        var fate = Fate()
        if weather.strikes(.kill, 0.35) { fate.diesAfter = 1 + weather.below(span) }
        if weather.strikes(.interrupt, 0.25) {
            fate.isInterruptedAfter = 1 + weather.below(span)
            if weather.below(2) == 0 { fate.isInterruptedAgainAfter = 1 + weather.below(40) }
        }
        return fate
    }

    fileprivate mutating func runOnceMore(_ machine: Machine) {
        firstApplied = nil
        let outcome = run(machine)
        if let applied = firstApplied {
            return violate(.secondRunIsEmpty, "the run after it was done begins \(applied) again")
        }
        guard outcome == .nothingToDo else {
            return violate(.secondRunIsEmpty, "the run after it was done ends: \(Trial.Ending(outcome).rawValue)")
        }
    }
}
