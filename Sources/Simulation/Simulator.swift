import Engine

/// Drives run machines over a fleet in memory, one after another as an operator would, and now and then two at once, on a
/// clock that jumps.
///
/// The nodes live on between runs: programs go on, clocks run out, machines start. With a seed, everything that happens
/// at a node or on the way to it takes time, and what happens first is decided by the seed; without one nothing takes
/// time, and nothing goes wrong but what the fleet's own rules say.
public struct Simulator: Sendable {
    public var fleet: MemoryFleet
    /// Every request, in order, as the machine made it; where they are kept.
    public private(set) var requests: [Request] = []
    /// Since the simulation began.
    public internal(set) var seconds = 0.0
    /// What did not hold; of each invariant what was seen first.
    public internal(set) var violations: [Violation] = []

    var weather = Weather()
    /// What the checkers know; nil where the fleet answers by rules of a test.
    var ledger: Ledger?
    /// Nil where no node is a member of etcd.
    var etcd: Etcd?
    var quorum = Quorum()
    /// Turns the machine's requests into others: how a mutation test breaks the driver.
    var turn: (@Sendable (Request) -> Request)?
    var flaws: Set<Flaw> = []
    var keepsRequests = true
    /// The first task whose steps were sent, since somebody has forgotten it.
    var firstApplied: TaskID?
    var looksForSecrets = false
    /// Whether what happens is written down, for people.
    var tellsStory = false
    private(set) var story: [String] = []
    /// When faults stop, in seconds since the simulation began.
    var faultsEnd = Double.infinity
    private(set) var eventCount = 0
    /// The node that was out of reach longest.
    var longestOut: (seconds: Double, node: NodeName)?

    private var agenda = Agenda<Occurrence>()
    /// Those that live, in the order in which they were begun: one or two.
    var controllers: [Controller] = []
    private var lastLife = 0
    /// The number of the lease that each controller has taken, also of those that live no more.
    var fences: [Int: Int] = [:]
    /// The machine that each controller runs or ran on.
    private(set) var places: [Int: Int] = [:]
    /// The lease on each keeper as its owner knows it: the checkers' book.
    var livingLeases: [Int: (life: Int, until: Double)] = [:]
    /// Who has changed something last, and who did before.
    var lastToChange = 0
    var superseded: Set<Int> = []
    /// Runs that begin nothing new any more, but for ending what they have begun.
    var stopping: Set<Int> = []
    var lastProgram = 0

    /// A process of clusterctl.
    struct Controller: Sendable {
        /// Its number; what is asked for by one that lives no more is told to nobody.
        let life: Int
        var machine: Machine
        let began: Double
        /// The machine that it runs on: one there knows whether another one there still lives.
        let place: Int
        var fate: Fate
        var events = 0
        var calls: [RequestID: Call] = [:]
        var watches: [RequestID: Watching] = [:]
        /// Tasks whose steps it has sent.
        var sent: Set<TaskID> = []
        /// Connections that stand, by host.
        var sessions: [Int: Int] = [:]

        /// Whether Ctrl-C is pressed after the event that it has just handled.
        var isInterruptedNow: Bool {
            guard let first = fate.isInterruptedAfter else { return false }
            return events == first || events == fate.isInterruptedAgainAfter.map { first + $0 }
        }
    }

    /// A request whose last answer has not come.
    struct Call: Sendable {
        let host: Int
        /// The request or its answer is lost; only that will be told.
        var isBroken = false
        var isMute = false
    }

    /// What is polled on a node.
    struct Watching: Sendable {
        let host: Int
        let probes: [Probe]
        var told: [Answer?]
        let latency: Double
        let until: Double
    }

    /// What a mutation test breaks at the nodes.
    enum Flaw: Sendable {
        /// A node says nothing of programs of other controllers, and does not stop them.
        case programsRunSideBySide
        /// A guard that is armed again forgets what it saved first.
        case guardSavesAnew
        /// Nobody is refused the lease, and nodes let anybody begin.
        case leaseIsNotAsked
        /// A guard that nobody confirms goes all the way at once, without quick rungs.
        case guardIsSlow
        /// A gate holds as soon as a node's etcd answers, though its member is still a learner.
        case gateDoesNotWaitForTheVote
        /// The guard's deadline, or the lease's end, is a time of day.
        case guardGoesByTheTimeOfDay
        case leaseGoesByTheTimeOfDay
        /// A full disk does not keep a phase from being begun.
        case guardNeedsNoSpace
        /// At boot a phase's own undo is left out, so that a node that votes does not leave etcd.
        case guardForgetsTheVoteAtBoot
    }

    /// What becomes of a controller, counted in events of its machine.
    struct Fate: Sendable {
        /// Seconds from now.
        var beginsAfter = 0.0
        var diesAfter: Int?
        var isInterruptedAfter: Int?
        /// Ctrl-C once more, so many events later.
        var isInterruptedAgainAfter: Int?
    }

    public init(_ fleet: MemoryFleet) {
        self.fleet = fleet
        // Nobody has begun a run yet.
        for host in self.fleet.hosts.indices { self.fleet.hosts[host].lease = HostLease() }
    }

    public var happenings: [Happening] {
        requests.compactMap { if case .tell(let happening) = $0 { happening } else { nil } }
    }

    /// - Returns: the outcome; nil when the machine asked for nothing more and did not finish, which is a defect.
    public mutating func run(_ start: Machine) -> Outcome? { run([start], fates: [Fate()], maximumEvents: 100_000)[0] }

    /// Runs these at once, until none of them lives.
    /// - Parameter fates: of each, when it begins and what becomes of it.
    /// - Returns: the outcome of each; nil when the controller died, or when the machine does not come to an end.
    mutating func run(_ starts: [Machine], fates: [Fate], maximumEvents: Int) -> [Outcome?] {
        var outcomes = [Outcome?](repeating: nil, count: starts.count)
        let first = lastLife + 1
        for (machine, fate) in zip(starts, fates) {
            lastLife += 1
            let place = weather.below(2)
            places[lastLife] = place
            controllers.append(
                Controller(
                    life: lastLife, machine: machine, began: seconds + fate.beginsAfter, place: place, fate: fate))
            schedule(.event(life: lastLife, .begin), after: fate.beginsAfter)
        }
        for _ in 1...maximumEvents {
            guard !controllers.isEmpty else { return outcomes }
            guard let (life, event) = nextEvent(maximum: maximumEvents) else {
                violate(.finishes, "the machine asks for nothing more, and has not finished")
                controllers = []
                return outcomes
            }
            eventCount += 1
            if let outcome = handle(event, by: life) { outcomes[life - first] = outcome }
        }
        violate(.finishes, "the machine has not finished after \(maximumEvents) events")
        controllers = []
        return outcomes
    }

    /// - Returns: the outcome, where the run came to its end.
    private mutating func handle(_ event: Event, by life: Int) -> Outcome? {
        guard let at = at(life) else { return nil }
        controllers[at].events += 1
        let made = controllers[at].machine.handle(event, at: seconds - controllers[at].began)
        for request in turn.map({ made.map($0) }) ?? made {
            if keepsRequests { requests.append(request) }
            if case .tell(let happening) = request {
                if tellsStory { note(happening.words, by: life) }
                if happening.stopsTheRun { stopping.insert(life) }
            }
            if looksForSecrets { look(at: request) }
            if case .finish(let outcome) = request {
                releaseLease(of: life)
                let again = controllers[at].fate.isInterruptedAgainAfter != nil
                judgeEnd(outcome, of: life, isInterruptedTwice: again)
                controllers.remove(at: at)
                return outcome
            }
            perform(request, of: at)
        }
        if controllers[at].isInterruptedNow {
            schedule(.event(life: life, .interrupted), after: 0)
        }
        if controllers[at].events == controllers[at].fate.diesAfter {
            note("the controller is killed", by: life)
            controllers.remove(at: at)
        }
        return nil
    }

    /// Where this controller is among those that live.
    func at(_ life: Int) -> Int? { controllers.firstIndex { $0.life == life } }

    /// Nobody runs clusterctl for so many seconds; the nodes go on.
    mutating func pass(seconds duration: Double) {
        let end = seconds + duration
        while let next = agenda.next, next <= end, let (at, occurrence) = agenda.pop() {
            advance(to: at)
            _ = take(occurrence)
        }
        seconds = end
    }

    private mutating func nextEvent(maximum: Int) -> (life: Int, Event)? {
        for _ in 0..<maximum {
            guard let (at, occurrence) = agenda.pop() else { return nil }
            advance(to: at)
            if let event = take(occurrence) { return event }
        }
        return nil
    }

    private mutating func advance(to time: Double) {
        seconds = max(seconds, time)
        if seconds >= faultsEnd { weather.isCalm = true }
    }

    mutating func schedule(_ occurrence: Occurrence, after duration: Double) {
        schedule(occurrence, at: seconds + duration)
    }

    /// For what must not come earlier than something else by a rounding.
    mutating func schedule(_ occurrence: Occurrence, at time: Double) {
        agenda.add(occurrence, at: time, tie: weather.tieBreak())
    }

    mutating func violate(_ invariant: Invariant, _ story: String) {
        guard !violations.contains(where: { $0.invariant == invariant }) else { return }
        let violation = Violation(invariant: invariant, story: story, seconds: seconds)
        violations.append(violation)
        if tellsStory { note("BROKEN \(invariant.rawValue): \(violation.story)") }
    }

    /// A line of the story; callers make words only where one is told, because there are many.
    /// - Parameter life: whose doing it is, where there are several.
    mutating func note(_ words: String, by life: Int? = nil) {
        guard tellsStory else { return }
        let tenths = Int(seconds * 10)
        let whose = life.map { controllers.count > 1 ? "[run \($0)] " : "" } ?? ""
        story.append("\(tenths / 10).\(tenths % 10)  \(whose)\(words)")
    }

    private mutating func look(at request: Request) {
        if String(describing: request).contains(Contents.secretText) {
            violate(.secretsStaySecret, "a request shows what a secret file holds")
        }
    }
}

/// Something that happens at its time.
enum Occurrence: Sendable {
    /// What the operator or a timer tells the machine.
    indirect case event(life: Int, Event)
    /// A request gets to its node.
    indirect case request(life: Int, host: Int, sentAt: Double, Request)
    /// The last answer to a request gets back.
    indirect case answer(life: Int, RequestID, Event)
    case applied(life: Int, RequestID, host: Int, program: Int)
    indirect case observed(life: Int, RequestID, Event)
    case lost(life: Int, RequestID, LinkFailure)
    case poll(life: Int, RequestID)
    /// A program comes to its next step.
    case step(host: Int, program: Int)
    /// The guard's clock runs out, a quick rung is done, somebody was waited for after it, and the way back is through.
    case clock(host: Int, arming: Int)
    case rung(host: Int, arming: Int, Int)
    case listened(host: Int, arming: Int, Int)
    case through(host: Int, arming: Int)
    /// What this task has changed cuts the node off, unless it has been taken back since.
    case cut(host: Int, entry: Int, attempt: Int)
    /// K3s on a control plane node, since this start of it.
    case etcd(host: Int, start: Int, EtcdChange)
    case shutDown(host: Int)
    case started(host: Int)
    /// Its disk gets slow or full.
    case disk(host: Int)
    case clockIsSet(host: Int)
}

extension Happening {
    fileprivate var stopsTheRun: Bool {
        switch self {
        case .failed, .interrupted, .takenBack(_, by: .node, _): true
        default: false
        }
    }
}
