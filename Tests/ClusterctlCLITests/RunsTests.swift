import Engine
import Foundation
import Testing

@testable import ClusterctlCLI

/// What is told of a run comes from the journal that a run really writes.
@Suite struct RunsTests {
    private let directory = NSTemporaryDirectory() + "clusterctl-runs-\(UUID().uuidString)"

    /// A journal with this story, read again.
    private func record(_ happenings: [Happening], _ outcome: Outcome?, tail: String = "") throws -> RunRecord {
        let started = Date(timeIntervalSince1970: 1_800_000_000)
        let journal = try Journal(
            directory: directory, cluster: "edge", verb: "bootstrap", id: "run00001", started: started)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        journal.append(happenings)
        if let outcome { journal.append(outcome) }
        let text = try String(contentsOfFile: journal.path, encoding: .utf8) + tail
        return try #require(RunRecord(name: "20270115T080000Z-1", text: text))
    }

    private let cilium = TaskID(phase: "cilium", node: "dpu-1")
    private let lost = TaskID(phase: "cilium", node: "dpu-2")
    private let silent = TaskID(phase: "cilium", node: "dpu-3")
    private let prep = TaskID(phase: "host-prep", node: "dpu-2")

    private var story: [Happening] {
        let file = Step(.file(path: "/etc/<x>&\"", content: .text("x"), mode: .publicFile), because: "a test")
        return [
            .surveyed("dpu-1"), .skipped(prep, why: "already so"),
            .applying(cilium, steps: 2, undo: .restore(first: [], guardWindowSeconds: 90)),
            .applied(cilium, changed: [file]),
            .waiting(cilium, for: "Cilium to serve", because: "asking"),
            .waiting(cilium, for: "Cilium to serve", because: "its agent <script>alert(1)</script>"),
            .signOfLife(cilium), .linkLost("dpu-1", during: cilium, LinkFailure(kind: .unreachable, message: "cut")),
            .failed(cilium, why: "no answer"), .interrupted(takingBack: [cilium], finishing: [prep]),
            .takingBack(cilium),
            .takenBack(
                cilium, by: .node,
                Rollback(phase: "cilium", because: "deadline", left: "nft", log: ["first rung", "second"])),
            .rescuing(lost, over: "ssh h1, then 192.168.100.2"),
            .rescued(
                lost, over: "ssh h1, then 192.168.100.2", Rollback(phase: "cilium", because: "asked"),
                ordinary: LinkFailure(kind: .unreachable, message: "no route")),
            .rescueFailed(silent, over: "ssh h3, then 192.168.100.2", why: "h3 is off"),
        ]
    }

    @Test func readsWhatARunWrites() throws {
        let record = try record(story, .failed([]))
        #expect(record.cluster == "edge" && record.verb == "bootstrap" && record.at == "2027-01-15T08:00:00Z")
        #expect(record.outcome == "failed" && record.unreadable == 0 && record.changedTasks == 1)
        #expect(record.events.count == story.count + 1)
        // Every event that a run can write has a sentence of its own.
        #expect(record.events.dropLast().allSatisfy { RunStory.sentence($0).map { $0 != "" } == true })
        #expect(record.events.dropLast().allSatisfy { RunStory.sentence($0) != $0.name })
    }

    @Test func howAPhaseIsTakenBackIsWrittenDownBeforeItBegins() throws {
        let leave = Step(.command(Command(name: "leave etcd", arguments: ["x"])), because: "its quorum")
        let undo = Undo.restore(first: [leave], guardWindowSeconds: 90)
        let begun = Happening.applying(cilium, steps: 2, undo: undo)
        #expect(begun.isAnnouncement)
        var json = JSONWriter()
        json.object { begun.write(to: &$0) }
        #expect(json.text.contains(#""undo":["leave etcd: its quorum","what the steps touched, and firewall"#))
    }

    @Test func tellsAKilledRunAndItsTornLine() throws {
        let record = try record(Array(story.prefix(4)), nil, tail: "{\"t\":12,\"event\":\"pas")
        #expect(record.outcome == nil && record.unreadable == 1)
        #expect(RunStory.ending(record).contains("was killed, or is still at work; 1 line(s)"))
        let bar = try #require(RunTimeline(record).bars.first)
        #expect(bar.ending == .open && bar.isGuarded)
    }

    @Test(arguments: [
        "", "nonsense", "{\"t\":0,\"event\":\"passed\"}\n", "{\"t\":0,\"event\":\"run\",\"version\":2}\n",
    ])
    func refusesWhatIsNoJournal(text: String) { #expect(RunRecord(name: "x", text: text) == nil) }

    @Test func tellsTheStoryALineAnEvent() throws {
        let lines = RunStory.lines(try record(story, .failed([])))
        #expect(lines.first == "edge: bootstrap, begun 2027-01-15T08:00:00Z (20270115T080000Z-1)")
        let armed = "2 steps, guard armed first (fires after 90 s of silence)"
        #expect(lines.contains { $0.contains("  cilium dpu-1 ") && $0.hasSuffix(armed) })
        #expect(lines.contains { $0.hasSuffix("the node took the phase back by itself (deadline); left: nft") })
        #expect(
            lines.contains {
                $0.hasSuffix("everything is as it was; SSH does not answer at its own address: no route")
            })
        #expect(lines.contains { $0.hasSuffix("  trying the rescue path (ssh h1, then 192.168.100.2)") })
        #expect(lines.contains { $0.hasSuffix("  not over the rescue path either: h3 is off") })
        #expect(lines.count == story.count + 2)
    }

    @Test func laysOutPhasesByNode() throws {
        let text = """
            {"t":0,"event":"run","version":1,"cluster":"c","verb":"bootstrap","at":"x"}
            {"t":100,"event":"applying","phase":"p","node":"a","steps":1}
            {"t":300,"event":"applied","phase":"p","node":"a","changed":["/f"]}
            {"t":300,"event":"waiting","phase":"p","node":"a","for":"it","because":"asking"}
            {"t":900,"event":"passed","phase":"p","node":"a","changed":true}
            {"t":900,"event":"applying","phase":"p","node":"b","steps":1}
            {"t":1000,"event":"failed","phase":"p","node":"b","why":"no"}
            {"t":1000,"event":"outcome","is":"failed"}

            """
        let timeline = RunTimeline(try #require(RunRecord(name: "n", text: text)))
        #expect(timeline.nodes == ["a", "b"] && timeline.length == 1000)
        #expect(timeline.bars.map(\.ending) == [.passed, .failed])
        #expect(timeline.bars[0].begin == 100 && timeline.bars[0].end == 900)
        #expect(timeline.bars[0].waitedMilliseconds == 600 && timeline.bars[0].changes == ["/f"])
        #expect(timeline.bars[1].marks.map(\.name) == ["failed"])
    }

    @Test func aRescueEndsAPhaseAndAFailedOneDoesNotLeaveItOpen() throws {
        let bars = RunTimeline(try record(story, .failed([]))).bars
        #expect(bars.first { $0.node == "dpu-2" && $0.phase == "cilium" }?.ending == .takenBack)
        let failed = RunTimeline(
            try record(
                [.rescuing(silent, over: "x"), .rescueFailed(silent, over: "x", why: "off")], .failed([])))
        #expect(
            failed.bars.map(\.ending) == [.failed] && failed.bars[0].marks.map(\.name) == ["rescuing", "rescue-failed"])
    }

    @Test func givesOverlappingPhasesOfANodeLanesOfTheirOwn() throws {
        let lines = [("p", "applying", 1), ("q", "applying", 2), ("p", "passed", 5), ("r", "applying", 5)].map {
            "{\"t\":\($0.2),\"event\":\"\($0.1)\",\"phase\":\"\($0.0)\",\"node\":\"a\"}\n"
        }
        let head = "{\"t\":0,\"event\":\"run\",\"version\":1,\"cluster\":\"c\",\"verb\":\"v\",\"at\":\"x\"}\n"
        let record = try #require(RunRecord(name: "n", text: head + lines.joined()))
        #expect(RunTimeline(record).lanes(of: "a").map { $0.map(\.phase) } == [["p", "r"], ["q"]])
    }

    @Test func thePageStandsAloneAndEscapesEverything() throws {
        let page = RunPage.html(try record(story, .failed([])))
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script"))
        #expect(page.contains("/etc/&lt;x&gt;&amp;&quot;"))
        #expect(page.contains("first rung<br>second"))
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] { #expect(!page.contains(outside)) }
        #expect(page.components(separatedBy: "<tr>").count == page.components(separatedBy: "</tr>").count)
    }

    @Test func listsRunsWithTheirOutcome() throws {
        let done = try record(story, .failed([]))
        let killed = try record([], nil)
        let lines = RunsListCommand.table([done, killed]).split(separator: "\n").map(String.init)
        #expect(lines[0].hasPrefix("RUN ") && lines[0].hasSuffix("OUTCOME"))
        #expect(lines[1].hasSuffix("1        failed") && lines[2].hasSuffix("no end recorded"))
    }
}
