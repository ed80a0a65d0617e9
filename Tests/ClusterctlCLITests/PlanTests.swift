import Engine
import Foundation
import Inventory
import Testing

@testable import ClusterctlCLI
@testable import Phases

@Suite struct PlanTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func site(_ name: String = "diskless") throws -> Site {
        let file = root.appendingPathComponent("inventories/\(name).yaml").path
        let read = try InventoryReader.read(bytes: Array(Data(contentsOf: URL(fileURLWithPath: file))), file: file)
            .get()
        return try Site(read.inventory, orders: .standard)
    }

    static func text(_ write: (@escaping (String) -> Void) -> Void) -> String {
        final class Sink { var text = "" }
        let sink = Sink()
        write { sink.text += $0 }
        return sink.text
    }

    @Test func theSameInventoryGivesTheSameBytes() throws {
        let (first, second) = (try Self.site(), try Self.site())
        #expect(first.plan == second.plan)
        #expect(Self.text { PlanJSON.write(first.plan, to: $0) } == Self.text { PlanJSON.write(second.plan, to: $0) })
    }

    @Test func theJSONHasWhatTheDesignPromises() throws {
        let plan = try Self.site().plan
        let text = Self.text { PlanJSON.write(plan, to: $0) }
        let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(json["version"] as? Int == 1)
        #expect(json["cluster"] as? String == "diskless")
        #expect(json["order"] as? String == "bootstrap")
        let phases = try #require(json["phases"] as? [[String: Any]])
        #expect(phases.map { $0["id"] as? String } == plan.phases.map(\.id.rawValue))
        for phase in phases {
            for key in ["id", "title", "after", "nodes", "atOnce", "operations", "undo"] {
                #expect(phase[key] != nil, "\(phase["id"] ?? "") has no \(key)")
            }
        }
        let primary = try #require(phases.first { $0["id"] as? String == "k3s-primary" })
        let operations = try #require(primary["operations"] as? [[String: Any]])
        let config = try #require(operations.first { $0["path"] as? String == "/etc/rancher/k3s/config.yaml" })
        #expect(config["mode"] as? String == "0600")
        #expect((config["content"] as? String)?.contains("cluster-init: true") == true)
        #expect(config["guarded"] as? Bool == true)
        #expect((config["because"] as? String)?.isEmpty == false)
        #expect(operations.first?["kind"] as? String == "guard", "the guard is the first thing that is done")
        let gate = try #require(primary["gate"] as? [String: Any])
        #expect(gate["deadlineSeconds"] is Int && gate["waitingFor"] is String)
    }

    @Test func everyFormatShowsEveryPhase() throws {
        let plan = try Self.site().plan
        let texts = [
            Self.text { PlanText.write(plan, style: .text, to: $0) },
            Self.text { PlanText.write(plan, style: .markdown, to: $0) }, PlanText.mermaid(plan),
        ]
        for phase in plan.phases {
            for text in texts { #expect(text.contains(phase.id.rawValue)) }
        }
    }

    @Test func noFormatHoldsTheToken() throws {
        let plan = try Self.site("lab").plan
        let text = Self.text { PlanJSON.write(plan, to: $0) }
        #expect(text.contains("(secret: the cluster token"))
    }

    @Test func anOrderAgainstTheRulesIsRefused() throws {
        let file = Self.root.appendingPathComponent("inventories/diskless.yaml").path
        let inventory = try InventoryReader.read(text: try String(contentsOfFile: file, encoding: .utf8), file: file)
            .get().inventory
        let unsafe = Orders { inventory in
            let right = try Orders.standard.bootstrap(inventory)
            return Order(name: "unsafe", right.entries.map { .init($0.phase) })
        }
        #expect(throws: (any Error).self) { try Site(inventory, orders: unsafe) }
    }

    @Test func aLivePlanTellsWhatIsLeftOut() throws {
        let plan = try Self.site("unifi-bgp").plan
        let task = TaskID(phase: "addon-traefik", node: "cat01")
        let review = Review(items: [], notApplicable: [task: "left to Argo CD: because"])
        #expect(
            ReviewText.render(review, plan: plan)
                == "addon-traefik on cat01: left out (left to Argo CD: because)\nunifi: nothing to do\n")
    }

    /// A file of clusterctl's holds no secret, but others may have written one into it.
    @Test(arguments: [
        ("/etc/systemd/system/k3s.service", "ExecStart=k3s server --token planted --debug"),
        ("/etc/rancher/k3s/config.yaml", "datastore-endpoint: \"postgres://u:planted@db\""),
        ("/etc/rancher/k3s/config.yaml", "password: |\n  planted"),
    ])
    func whatOthersHaveWrittenIsShownWithoutSecrets(_ path: String, _ line: String) {
        let step = Step(
            .file(path: path, content: .text("tls-key: /wanted\n"), mode: 0o600), because: "a test")
        let change = Review.Change(step: step, current: "tls-key: /wanted\n\(line)\n")
        let text = ReviewText.render(change).joined(separator: "\n")
        #expect(
            !text.contains("planted") && text.contains("(secret)") && text.contains("     tls-key: /wanted"), "\(text)")
        let drift = Drift.Item(kind: .step, place: "a", phase: nil, what: path, fix: nil, change: change)
        var json = JSONWriter()
        json.object { DriftText.write(drift, to: &$0) }
        #expect(!json.text.contains("planted") && json.text.contains("(secret)"), "\(json.text)")
    }

    @Test(arguments: [
        ("plain", #""plain""#), ("a\"b\\c", #""a\"b\\c""#), ("line\nnext\ttab", "\"line\\nnext\\u0009tab\""),
        ("\u{1B}[2J\u{7F}", "\"\\u001b[2J\\u007f\""), ("grün €", "\"grün €\""),
    ])
    func JSONStringsAreEscaped(text: String, json: String) { #expect(JSONWriter.quoted(text) == json) }

    @Test(arguments: [
        ("", "a\nb\n", ["+a", "+b"]),
        ("a\nb\nc\n", "a\nB\nc\n", [" a", "-b", "+B", " c"]),
        ("same\n", "same\n", ["..."]),
        ("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\nsix\n", ["...", " 4", " 5", "-6", "+six"]),
        ("a\n# by hand\n", "a\n", [" a", "-# by hand"]),
    ])
    func differencesAreShownByLine(old: String, new: String, lines: [String]) {
        #expect(LineDiff.unified(from: old, to: new) == lines)
    }
}
