/// The run machine: events in, requests out. Pure: no clock, no I/O, no randomness of its own.
///
/// The same machine is driven over SSH and in memory, so what is proven in simulation is what runs. It asks every node
/// once, shows what it would do, then runs each phase on each node as soon as what it comes after has passed.
public struct Machine: Sendable {
    let order: Order
    let plan: Plan
    /// In inventory order.
    let nodes: [NodeName]
    /// Nodes that may be changed; nil: all.
    let limit: Set<NodeName>?
    /// A run that only looks asks for no lease, and is refused by none.
    let mayChange: Bool
    /// Where the lease is kept.
    public let keeper: NodeName?
    /// Nodes that something is done on, and the keeper.
    public let changedNodes: Set<NodeName>

    var stage = Stage.idle
    var facts = Facts()
    var tasks: [Task]
    var index: [TaskID: Int] = [:]
    /// Positions of the tasks of a phase in the order of its turns, and of a node and those run there, in order.
    var byPhase: [PhaseID: [Int]] = [:]
    var byNode: [NodeName: [Int]] = [:]
    var byPlace: [NodeName: [Int]] = [:]
    /// The phases that come after a phase, and how, in order.
    var followers: [PhaseID: [(phase: PhaseID, Order.Dependency)]] = [:]
    /// The gates' questions to a node, each once.
    var gateProbes: [NodeName: [Probe]] = [:]
    /// Positions of the tasks whose gates ask this, in order: whom an answer concerns.
    var gateAskers: [Ask: [Int]] = [:]
    /// What each node is asked at the beginning, worked out once.
    var surveys: [NodeName: (probes: [Probe], steps: [Step])] = [:]
    var progress: [PhaseID: PhaseProgress] = [:]
    /// The phase that ends an earlier one's effect; see `Phase.ends`.
    var endedBy: [PhaseID: PhaseID] = [:]
    var lastID: RequestID = 0
    /// What each open request is for.
    var open: [RequestID: Purpose] = [:]
    var watches: [NodeName: Watch] = [:]
    var unreachable: [NodeName: LinkFailure] = [:]
    var failures: [Failure] = []
    /// Whether the user has ended the run; it goes on with what is under way.
    var isInterrupted = false
    var unsurveyed = 0
    /// How often nodes have been asked again because programs of an earlier run were at work there.
    var looksAtPrograms = 0
    /// What each node that is changed has said of the lease, when it was asked last.
    var leases: [NodeName: LeaseState] = [:]
    /// Since when the keeper could not be asked for the lease.
    var leaseSince: Double?
    /// Nodes with a task under way that can be taken back: one checkpoint at a time on a node.
    var underCheckpoint: Set<NodeName> = []
    /// What a killed run left armed on a node, until that phase has passed: nothing else can arm the guard there.
    var leftArmed: [NodeName: PhaseID] = [:]
    /// Positions of tasks that wait for the phase that they stand with.
    var held: Set<Int> = []
    /// Tasks under way in all.
    var underWay = 0
    var out: [Request] = []
    /// Seconds since the run began, of the event being handled.
    var now = 0.0

    enum Stage: Sendable, Equatable { case idle, surveying, reviewing, leasing, running, stopping, finished }

    enum Purpose: Sendable {
        case survey(NodeName, attempt: Int)
        case apply(Int)
        case watch(NodeName)
        case watchAgain(NodeName)
        case gateDeadline(Int, round: Int)
        case lifeTimer(Int)
        case life(Int)
        case confirm(Int)
        case confirmRetry(Int)
        case rollback(Int)
        case stepsBack(Int)
        case rollbackRetry(Int)
        case diagnosis(Int)
        case witnessBefore(Int)
        case witnessAfter(Int)
        case witnessAgain(Int)
        case retry(Int)
        case lease(LeasePurpose)
        case leaseAgain(LeasePurpose)
    }

    /// - Parameters:
    ///   - limit: tasks of other nodes are not run; where such a task has work to do, what comes after it is blocked.
    ///   - keeper: nil: the first node that something is done on.
    public init(
        cluster: String, order: Order, nodes: [NodeName], limit: Set<NodeName>? = nil, keeper: NodeName? = nil,
        mayChange: Bool = true
    ) {
        self.order = order
        self.plan = Plan(cluster: cluster, order: order)
        self.nodes = nodes
        self.limit = limit
        self.mayChange = mayChange
        var changed = Set(plan.phases.flatMap(\.work).filter { !$0.steps.isEmpty }.map(\.place))
        if let keeper, !changed.isEmpty { changed.insert(keeper) }
        self.keeper = keeper ?? nodes.first(where: changed.contains)
        self.changedNodes = changed
        self.tasks = []
        for (entry, planned) in zip(order.entries, plan.phases) {
            for dependency in entry.after { followers[dependency.phase, default: []].append((planned.id, dependency)) }
            for work in planned.work {
                let task = Task(
                    id: TaskID(phase: planned.id, node: work.node), phase: entry.phase, after: entry.after, work: work,
                    gate: entry.phase.gate(work.node))
                let position = tasks.count
                index[task.id] = position
                byPhase[planned.id, default: []].append(position)
                byNode[work.node, default: []].append(position)
                byPlace[work.place, default: []].append(position)
                for ask in Set(task.gate?.asks ?? []) { gateAskers[ask, default: []].append(position) }
                for ask in task.gate?.asks ?? [] { gateProbes[ask.node, default: []].append(ask.probe) }
                tasks.append(task)
            }
            progress[planned.id] = PhaseProgress(unpassed: planned.work.count)
            if let ended = planned.ends { endedBy[ended] = planned.id }
        }
        for node in nodes { surveys[node] = surveyQuestions(node) }
    }

    /// Handles one event and says what is to be done next, in order.
    /// - Parameter now: seconds since the run began; never less than at the event before.
    public mutating func handle(_ event: Event, at now: Double) -> [Request] {
        self.now = now
        out = []
        guard stage != .finished else { return [] }
        switch event {
        case .begin: beginSurvey()
        case .surveyed(let id, let answers, let states): surveyed(id, answers, states)
        case .approved: approve()
        case .declined: finish(.declined)
        case .applied(let id, let results): applied(id, results)
        case .observed(let id, let probe, let answer): observed(id, probe, answer)
        case .watchEnded(let id): watchEnded(id)
        case .guarded(let id, let state): guarded(id, state)
        case .leased(let id, let answer): leased(id, answer)
        case .overtaken(let id): overtaken(id)
        case .lost(let id, let failure): lost(id, failure)
        case .woke(let id): woke(id)
        case .interrupted: interrupt()
        }
        return out
    }

    /// The only place that changes a task's state, so that the counts of its phase stay right.
    mutating func move(_ position: Int, to state: TaskState) {
        let phase = tasks[position].id.phase
        let old = tasks[position].state
        tasks[position].state = state
        guard var counts = progress[phase] else { return }
        underWay += (state.isUnderWay ? 1 : 0) - (old.isUnderWay ? 1 : 0)
        if tasks[position].canBeTakenBack, state.isUnderWay != old.isUnderWay {
            if state.isUnderWay {
                underCheckpoint.insert(tasks[position].id.node)
            } else {
                underCheckpoint.remove(tasks[position].id.node)
            }
        }
        if state == .passed && old != .passed {
            counts.unpassed -= 1
            counts.isDirty = counts.isDirty || tasks[position].isDirty
            if leftArmed[tasks[position].id.node] == phase { leftArmed[tasks[position].id.node] = nil }
        }
        progress[phase] = counts
        countTurns(position, from: old)
    }

    mutating func open(_ purpose: Purpose) -> RequestID {
        lastID += 1
        open[lastID] = purpose
        return lastID
    }

    mutating func wake(_ purpose: Purpose, afterSeconds: Int) {
        out.append(.wake(open(purpose), afterSeconds: afterSeconds))
    }

    mutating func tell(_ happening: Happening) { out.append(.tell(happening)) }

    mutating func finish(_ outcome: Outcome) {
        stage = .finished
        open = [:]
        out.append(.finish(outcome))
    }

    private mutating func woke(_ id: RequestID) {
        switch open.removeValue(forKey: id) {
        case .survey(let node, let attempt): survey(node, attempt: attempt)
        case .watchAgain(let node): if watches[node]?.isBeginningAnew == true { beginWatch(node) }
        case .gateDeadline(let task, let round): gateDeadlinePassed(task, round: round)
        case .lifeTimer(let task): showLife(task)
        case .retry(let task): if case .applying = tasks[task].state { apply(task) }
        case .rollbackRetry(let task): takeBack(task)
        case .confirmRetry(let task): if tasks[task].state == .confirming { confirmOrPass(task) }
        case .leaseAgain(let purpose): askForLease(purpose)
        case .witnessAgain(let task): watchGate(task)
        case .apply, .watch, .life, .confirm, .rollback, .stepsBack, .diagnosis, .lease, .witnessBefore, .witnessAfter,
            nil:
            break
        }
    }

    private mutating func lost(_ id: RequestID, _ failure: LinkFailure) {
        switch open.removeValue(forKey: id) {
        case .survey(let node, _): surveyLost(node, failure)
        case .apply(let task): applyLost(task, failure)
        case .watch(let node): watchLost(node, failure)
        case .life(let task): lifeLost(task, failure)
        case .confirm(let task): confirmLost(task, failure)
        case .rollback(let task): rollbackLost(task, failure)
        case .stepsBack(let task): stepsBackLost(task, failure)
        case .diagnosis(let task): takeBack(task)
        case .witnessBefore(let task): witnessAnswered(before: task, nil)
        case .witnessAfter(let task): witnessAnswered(after: task, silentBecause: failure.message)
        case .lease(let purpose): leaseLost(purpose, failure)
        case .watchAgain, .gateDeadline, .lifeTimer, .retry, .rollbackRetry, .confirmRetry, .leaseAgain, .witnessAgain,
            nil:
            break
        }
    }
}
