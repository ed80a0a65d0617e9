import Engine
import Synchronization
import Testing

@testable import ClusterctlCLI

/// What is done over a rescue path, when, and what is told of it.
@Suite struct RescueTests {
    static let task = TaskID(phase: "cilium", node: "dpu-1")
    static let other = TaskID(phase: "cilium", node: "dpu-2")
    static let rollback = Rollback(phase: "cilium", atEpochSeconds: 7, because: "asked")
    static let dead = LinkFailure(kind: .unreachable, message: "no route")
    static let path = "ssh h1, then 192.168.100.2"

    static func failure(_ task: TaskID, _ undoing: Failure.Undoing = .unconfirmed("silence")) -> Failure {
        Failure(task: task, cause: .link(dead), undoing: undoing, journal: "", lookAt: "")
    }

    /// What came of it: the outcome, what the guards were told, and what happened.
    struct Story {
        var outcome: Outcome
        var said: [String]
        var happened: [Happening]
        var undoings: [Failure.Undoing] {
            if case .failed(let failures) = outcome { failures.map(\.undoing) } else { [] }
        }
    }

    func attempt(
        _ outcome: Outcome, _ fleet: FakeGuards, without: NodeName? = nil, ordinary: LinkFailure? = nil,
        limit: Duration = .seconds(60), leaseIsLost: Bool = false, interrupts: AsyncStream<Void> = AsyncStream { _ in }
    ) async -> Story {
        var happened: [Happening] = []
        let rescue = Rescue(
            path: { $0 == without ? nil : Self.path },
            open: { _ in
                fleet.note("open")
                return fleet
            },
            ask: { node throws(LinkFailure) in
                fleet.note("ask \(node)")
                if let ordinary { throw ordinary }
            },
            keepsLease: {
                fleet.note("lease")
                return !leaseIsLost || fleet.said.count { $0 == "lease" } < 3
            },
            tell: {
                happened += $0
                for happening in $0 { if case .rescuing = happening { fleet.note("told") } }
            }, limit: limit, leaseInterval: leaseIsLost ? .milliseconds(1) : .seconds(20))
        let outcome = await rescue.attempt(outcome) { interrupts }
        return Story(outcome: outcome, said: fleet.said, happened: happened)
    }

    // MARK: When it is used

    @Test(arguments: [
        Outcome.nothingToDo, .done(changed: 1), .declined, .interrupted(guarded: [task], undone: []),
        .failed([failure(task, .takenBack(by: .node, rollback)), failure(other, .leftAsIs(because: "a test"))]),
    ])
    func isLeftAloneWhileThereIsAnythingToConfirmOrNothingLost(outcome: Outcome) async {
        let story = await attempt(outcome, FakeGuards())
        #expect(story.outcome == outcome && story.said == [] && story.happened == [])
    }

    /// A node that is cut off while its rescue path stands: a whole run over a fleet in which signs of life and
    /// confirmations do not get through.
    @Test func neverShowsLifeAndNeverConfirms() async throws {
        let fleet = CutFleet()
        let phase = CutPhase()
        let order = Order(name: "test", [.init(phase)])
        let guards = FakeGuards()
        var told: [Happening] = []
        let driver = Driver(fleet: fleet, tell: { told += $0 }, approve: { _, _ in .approved })
        let machine = Machine(cluster: "test", order: order, nodes: ["dpu-1"])
        let outcome = await driver.run(machine, interrupts: AsyncStream { _ in })
        #expect(guards.said == [], "while the run is under way its rescue path is not used")
        let confirmed = told.contains { if case .confirmed = $0 { true } else { false } }
        #expect(!confirmed && fleet.tried.contains("confirm"))
        guard case .failed(let failures) = outcome, case .unconfirmed? = failures.first?.undoing else {
            Issue.record("\(outcome)")
            return
        }
        let story = await attempt(outcome, guards)
        #expect(
            story.said == [
                "told", "open", "report dpu-1", "rollback cilium dpu-1", "report dpu-1", "ask dpu-1", "close",
            ])
    }

    // MARK: What comes of it

    @Test func takesBackAndLooksAtTheOwnAddressOnce() async {
        let story = await attempt(.failed([Self.failure(Self.task)]), FakeGuards(log: ["a", "b"]))
        var rollback = Self.rollback
        rollback.log = ["a", "b"]
        #expect(story.undoings == [.rescued(rollback, over: Self.path, ordinary: nil)])
        #expect(story.outcome.exitCode == ExitStatus.rolledBack)
        #expect(
            story.happened == [
                .rescuing(Self.task, over: Self.path),
                .rescued(Self.task, over: Self.path, rollback, ordinary: nil),
            ])
    }

    @Test func aNodeThatStillDoesNotAnswerIsNotCountedAsBack() async {
        let story = await attempt(.failed([Self.failure(Self.task)]), FakeGuards(), ordinary: Self.dead)
        #expect(story.undoings == [.rescued(Self.rollback, over: Self.path, ordinary: Self.dead)])
        #expect(story.outcome.exitCode == ExitStatus.unconfirmed)
    }

    @Test func whatIsLeftIsNotCountedAsTakenBack() async {
        let partial = Rollback(phase: "cilium", because: "asked", left: "nft")
        let story = await attempt(.failed([Self.failure(Self.task)]), FakeGuards(answer: .rolledBack(partial)))
        #expect(story.undoings == [.rescued(partial, over: Self.path, ordinary: nil)])
        #expect(story.outcome.exitCode == ExitStatus.unconfirmed)
    }

    @Test func readsWhatTheNodeHasDoneByItself() async {
        let byItself = Rollback(phase: "cilium", because: "deadline")
        let guards = FakeGuards(states: [
            "firing phase=cilium nonce=n because=deadline", "rolled-back phase=cilium because=deadline left=none",
        ])
        let story = await attempt(.failed([Self.failure(Self.task)]), guards)
        #expect(story.undoings == [.rescued(byItself, over: Self.path, ordinary: nil)])
        #expect(!story.said.contains { $0.hasPrefix("rollback") })
    }

    @Test(arguments: [
        ("nothing there", FakeGuards(states: ["none"]), "nothing is unconfirmed there: it stands, or was not begun"),
        (
            "another phase", FakeGuards(states: ["rolled-back phase=workers because=boot left=none"]),
            "nothing is unconfirmed there: it stands, or was not begun"
        ),
        ("no guard", FakeGuards(states: []), "its guard says that it is not installed"),
        (
            "refused", FakeGuards(answer: .armedOtherwise(phase: "k3s")),
            "its guard says that it is armed for k3s, or by another run"
        ),
        ("dead", FakeGuards(failure: LinkFailure(kind: .unreachable, message: "h1 is off")), "h1 is off"),
    ])
    func tellsWhyItDidNotHelp(id: String, guards: FakeGuards, why: String) async {
        let story = await attempt(.failed([Self.failure(Self.task)]), guards)
        #expect(story.undoings == [.unconfirmed("silence\nover the rescue path (\(Self.path)): \(why)")], "\(id)")
        #expect(story.happened.last == .rescueFailed(Self.task, over: Self.path, why: why), "\(id)")
        #expect(story.outcome.exitCode == ExitStatus.unconfirmed)
        #expect(story.said.last == "close")
    }

    @Test func nodesWithoutAPathKeepTheirWords() async {
        let outcome = Outcome.failed([Self.failure(Self.task), Self.failure(Self.other)])
        let story = await attempt(outcome, FakeGuards(), without: "dpu-2")
        #expect(
            story.undoings == [.rescued(Self.rollback, over: Self.path, ordinary: nil), .unconfirmed("silence")])
        #expect(!story.said.contains { $0.contains("dpu-2") })
        let none = await attempt(.failed([Self.failure(Self.other)]), FakeGuards(), without: "dpu-2")
        #expect(none.said == [] && none.happened == [])
    }

    // MARK: What ends it

    @Test func isBoundedInTime() async {
        let story = await attempt(.failed([Self.failure(Self.task)]), FakeGuards(hangs: true), limit: .milliseconds(20))
        #expect(
            story.undoings == [.unconfirmed("silence\nover the rescue path (\(Self.path)): it took longer than 0 s")])
    }

    @Test func endsWhenAnotherRunHasTheLease() async {
        let story = await attempt(.failed([Self.failure(Self.task)]), FakeGuards(hangs: true), leaseIsLost: true)
        #expect(
            story.undoings == [
                .unconfirmed("silence\nover the rescue path (\(Self.path)): another run has taken the lease")
            ])
        #expect(story.said.count { $0 == "lease" } == 3)
    }

    @Test func endsWithCtrlC() async {
        let guards = FakeGuards(hangs: true)
        let interrupts = AsyncStream<Void> { feed in
            Task {
                while !guards.said.contains("rollback cilium dpu-1") { try? await Task.sleep(for: .milliseconds(1)) }
                feed.yield()
            }
        }
        let story = await attempt(.failed([Self.failure(Self.task)]), guards, interrupts: interrupts)
        #expect(story.undoings == [.unconfirmed("silence\nover the rescue path (\(Self.path)): it was interrupted")])
        #expect(story.said.last == "close")
    }
}

/// Guards behind a rescue path; notes what they are told.
final class FakeGuards: GuardFleet {
    private let notes = Mutex<[String]>([])
    private let states: Mutex<[String]>
    private let answer: GuardState
    private let failure: LinkFailure?
    private let log: [String]
    private let hangs: Bool

    /// - Parameter states: what is reported, one after the other; empty: that there is no guard.
    init(
        states: [String] = ["armed phase=cilium nonce=n until=1"],
        answer: GuardState = .rolledBack(RescueTests.rollback),
        failure: LinkFailure? = nil, log: [String] = [], hangs: Bool = false
    ) {
        self.states = Mutex(states)
        self.answer = answer
        self.failure = failure
        self.log = log
        self.hangs = hangs
    }

    var said: [String] { notes.withLock(\.self) }
    func note(_ words: String) { notes.withLock { $0.append(words) } }

    func guardReport(_ node: NodeName) async throws(LinkFailure) -> GuardReport? {
        note("report \(node)")
        if let failure { throw failure }
        let state = states.withLock { $0.count > 1 ? $0.removeFirst() : $0.first }
        return state.flatMap { state in
            GuardReport(Answer(status: 0, output: ([state] + log).joined(separator: "\n")))
        }
    }

    func rollBackGuard(_ phase: PhaseID, on node: NodeName) async throws(LinkFailure) -> GuardState {
        note("rollback \(phase) \(node)")
        if hangs { try? await Task.sleep(for: .seconds(600)) }
        return hangs ? .failed("cancelled") : answer
    }

    func close() async { note("close") }
}

/// One node whose step goes well, and which cannot be reached any more when it is to be confirmed.
private final class CutFleet: Fleet {
    private let words = Mutex<[String]>([])
    var tried: [String] { words.withLock(\.self) }

    func survey(
        _ node: NodeName, probes: [Probe], steps: [Step]
    ) async throws(LinkFailure) -> (answers: [Probe: Answer], states: [Step: StepState]) {
        ([:], Dictionary(steps.map { ($0, .differs(current: "")) }) { first, _ in first })
    }

    func apply(
        _ task: TaskID, on node: NodeName, steps: [Step], then watch: GateWatch?,
        tell: @escaping @Sendable (ClusterctlCLI.Progress) -> Void
    ) async throws(LinkFailure) { tell(.applied(steps.map { _ in .changed })) }

    func watch(
        _ node: NodeName, probes: [Probe], deadlineSeconds: Int, observe: @escaping @Sendable (Probe, Answer) -> Void
    ) async throws(LinkFailure) {}

    /// The guard has been broken: a confirmation is refused, and a rollback is not carried out.
    func guardian(_ task: TaskID, _ verb: GuardVerb) async throws(LinkFailure) -> GuardState {
        words.withLock { $0.append("\(verb)") }
        return .failed("sh: broken")
    }

    func lease(_ node: NodeName, _ verb: LeaseVerb) async throws(LinkFailure) -> LeaseAnswer { .ours }
}

private struct CutPhase: Phase {
    let id: PhaseID = "cilium"
    let title = "a test"
    let nodes: [NodeName] = ["dpu-1"]
    func check(_ node: NodeName, _ facts: Facts) -> Finding { .satisfied }
    func apply(_ node: NodeName) -> [Step] { [Step(.module("overlay"), because: "a test")] }
    func undo(_ node: NodeName) -> Undo { .restore(first: [], guardWindowSeconds: 20) }
}
