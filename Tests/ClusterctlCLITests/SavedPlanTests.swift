import ArgumentParser
import Engine
import Foundation
import Inventory
import Testing

@testable import ClusterctlCLI

@Suite struct SavedPlanTests {
    static let facts = PlanFacts(
        limit: ["dpu-01", "worker-01"], armed: ["dpu-01": "cilium"],
        tasks: [
            PlanFactsTests.task(.pending, "a \"reason\"\n", [("file /etc/a", "(absent)"), ("module x", nil)]),
            PlanFactsTests.task(.notApplicable, "no K3s there", phase: "cilium"),
            PlanFactsTests.task(.satisfied, phase: "verify"),
        ])

    static func document(_ site: Site, facts: PlanFacts? = facts) -> String {
        PlanTests.text { PlanJSON.write(site.plan, facts: facts, to: $0) }
    }

    /// The lab's inventory with one text in the place of another.
    static func site(_ text: String = "", _ other: String = "") throws -> Site {
        let file = PlanTests.root.appendingPathComponent("inventories/lab.yaml").path
        let inventory = try String(contentsOfFile: file, encoding: .utf8)
        try #require(text.isEmpty || inventory.contains(text))
        let changed = text.isEmpty ? inventory : inventory.replacing(text, with: other)
        return try Site(InventoryReader.read(text: changed, file: file).get().inventory, orders: .standard)
    }

    static func defect(_ document: String) -> SavedPlanDefect? {
        do {
            _ = try SavedPlan(Data(document.utf8))
            return nil
        } catch {
            return error as? SavedPlanDefect
        }
    }

    // MARK: The file

    @Test func aSavedPlanComesBackAsItWas() throws {
        let site = try Self.site()
        let saved = try SavedPlan(Data(Self.document(site).utf8))
        #expect(saved.facts == Self.facts)
        #expect(saved.facts?.digest == Self.facts.digest)
        #expect(saved.differences(from: site.plan) == [])
    }

    @Test func withoutFactsItIsThePlanAsJSON() throws {
        let site = try Self.site()
        let text = Self.document(site, facts: nil)
        #expect(text == PlanTests.text { PlanJSON.write(site.plan, to: $0) })
        let saved = try SavedPlan(Data(text.utf8))
        #expect(saved.facts == nil && saved.differences(from: site.plan) == [])
    }

    /// What other programs do to JSON: other white space, other escapes, keys in another order.
    @Test func itsFormIsFree() throws {
        let site = try Self.site()
        let value = try JSONSerialization.jsonObject(with: Data(Self.document(site).utf8))
        let pretty = try JSONSerialization.data(withJSONObject: value, options: [.prettyPrinted, .sortedKeys])
        let saved = try SavedPlan(pretty)
        #expect(saved.facts == Self.facts && saved.differences(from: site.plan) == [])
    }

    @Test func theFileIsPrivateAndReplacedAsAWhole() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("plan-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/plan.json"
        FileManager.default.createFile(
            atPath: path, contents: Data("an earlier one".utf8), attributes: [.posixPermissions: 0o644])
        let site = try Self.site()
        try SavedPlan.write(site.plan, facts: Self.facts, to: path)
        #expect(FileManager.default.contents(atPath: path) == Data(Self.document(site).utf8))
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["plan.json"])
        #expect(throws: PrivateFileError.self) {
            try SavedPlan.write(site.plan, facts: nil, to: "\(folder)/none/plan.json")
        }
    }

    @Test func noTextOfAFileIsInIt() async throws {
        let site = try Self.site()
        var fleet = SurveyFleet.bare
        fleet.state = { node, step in
            if case .file = step.operation { return .differs(current: "(a password: hunter2)\nand more\n") }
            return SurveyFleet.bare.state(node, step)
        }
        let facts = try await fleet.review(site).facts
        let text = Self.document(site, facts: facts)
        #expect(text.contains("another text (sha256 ") && !text.contains("hunter2"))
    }

    // MARK: What is no saved plan

    @Test(arguments: ["", "plan: x", "[]", #"{"version": 1, "cluster": "lab"}"#])
    func anotherFileIsNoPlan(text: String) { #expect(Self.defect(text) == .noPlan) }

    @Test(arguments: [0.1, 0.5, 0.9, 0.999_99])
    func aTornFileIsNoPlan(part: Double) throws {
        let document = Self.document(try Self.site())
        #expect(Self.defect(String(document.prefix(Int(Double(document.count) * part)))) == .noPlan)
    }

    @Test(
        arguments: [
            ("no version", #"{"version":1,"cluster""#, #"{"cluster""#, .noPlan),
            ("a conclusion of its own", #""satisfied""#, #""perhaps""#, .noPlan),
            ("another format", #"{"version":1,"cluster""#, #"{"version":2,"cluster""#, .otherFormat("version 2")),
            (
                "other facts", #""facts":{"version":1"#, #""facts":{"version":7"#,
                .otherFormat("facts of version 7")
            ),
            ("a conclusion", #""satisfied""#, #""pending""#, .wrongDigest),
            ("a step", #""current":"(absent)""#, #""current":"(empty)""#, .wrongDigest),
            ("the limit", #""limit":["dpu-01","#, #""limit":["#, .wrongDigest),
            ("the guard", #""armedFor":"cilium""#, #""armedFor":"workers""#, .wrongDigest),
            ("only a reason", "no K3s there", "none there", nil),
        ] as [(String, String, String, SavedPlanDefect?)])
    func whatWasWrittenIntoItIsFound(id: String, text: String, other: String, expected: SavedPlanDefect?) throws {
        let document = Self.document(try Self.site())
        #expect(document.contains(text))
        #expect(Self.defect(document.replacing(text, with: other)) == expected)
    }

    @Test func aDefectHasItsExitStatus() {
        #expect(SavedPlanDefect.noPlan.exitCode.rawValue == 64 && SavedPlanDefect.wrongDigest.exitCode.rawValue == 64)
        #expect(SavedPlanDefect.otherFormat("version 2").exitCode.rawValue == 8)
    }

    // MARK: Against the inventory

    @Test(arguments: [
        ("name: lab", "name: other", ["the plan is for lab, the inventory is of other"]),
        (
            "cilium: {version: 1.19.4}", "cilium: {version: 1.19.3}",
            [
                "cilium on dpu-01, command keep the chart of Cilium as it is: differs in unless",
                "cilium on dpu-01, object HelmChart kube-system/cilium: differs in content",
            ]
        ),
        (
            "guard: {window: 20s}", "guard: {window: 30s}",
            ["k3s-primary on dpu-01, guard k3s-primary: differs in windowSeconds"]
        ),
        ("guard: {window: 20s}", "guard: {window: 20s}\ndeadlines: {kubeVip: 21m}", ["kube-vip: differs in gate"]),
        // The longest deadline stays, but that of one node does not.
        (
            "worker-01: {address: 10.77.0.21}", "worker-01: {address: 10.77.0.21, deadlineFactor: 1.5}",
            ["workers: differs in gate", "verify: differs in gate"]
        ),
        (
            "  worker-01: {address: 10.77.0.21}\n", "",
            [
                "preflight on worker-01: is gone", "host-prep on worker-01: is gone", "workers on worker-01: is gone",
            ]
        ),
        (
            "dpu-02: {address: 10.77.0.12}", "dpu-02: {address: 10.77.0.12}\n  dpu-04: {address: 10.77.0.14}",
            ["host-prep on dpu-04: is new"]
        ),
    ])
    func anotherInventoryIsNamed(text: String, other: String, lines: [String]) throws {
        let saved = try SavedPlan(Data(Self.document(try Self.site()).utf8))
        let found = saved.differences(from: try Self.site(text, other).plan).map(\.description)
        for line in lines { #expect(found.contains(line), "\(found)") }
    }

    @Test(arguments: [
        ("the content of a file", "cluster-init: true", "cluster-init: false"),
        ("who is asked", "dpu-01: GET http://127.0.0.1:2381/health", "dpu-01: GET http://127.0.0.1:2381/ok"),
        ("the undo of the guard", "otherwise K3s would start the same Cilium again\"]", "\"]"),
        (
            "how many at a time", #""atOnce":1,"operations":[{"node":"dpu-02""#,
            #""atOnce":2,"operations":[{"node":"dpu-02""#
        ),
    ])
    func whatSomebodyWroteIntoThePlanIsFound(id: String, text: String, other: String) throws {
        let site = try Self.site()
        let changed = Self.document(site).replacing(text, with: other)
        #expect(changed != Self.document(site), "\(text) is not in the plan")
        #expect(!(try SavedPlan(Data(changed.utf8)).differences(from: site.plan)).isEmpty)
    }

    @Test(arguments: [
        (
            #"[{"id":"a","operations":[]},{"id":"b"}]"#, #"[{"id":"b"},{"id":"a","operations":[]}]"#,
            "place in the order"
        ),
        (
            #"[{"id":"a","operations":[{"node":"n","kind":"x","name":"1"},{"node":"n","kind":"x","name":"2"}]}]"#,
            #"[{"id":"a","operations":[{"node":"n","kind":"x","name":"2"},{"node":"n","kind":"x","name":"1"}]}]"#,
            "a: differs in operations"
        ),
        (#"[{"id":"a"},{"id":"a"}]"#, #"[{"id":"a"}]"#, "place in the order"),
        (#"[{"id":"a"}]"#, "[]", "a: is gone"), ("[]", #"[{"id":"a"}]"#, "a: is new"),
    ])
    func whatOnlyStandsElsewhereIsADifferenceToo(was: String, now: String, words: String) throws {
        let old = try JSONDecoder().decode([JSONValue].self, from: Data(was.utf8))
        let new = try JSONDecoder().decode([JSONValue].self, from: Data(now.utf8))
        let found = PlanDifference.between(old, new).map(\.description)
        #expect(found.contains { $0.contains(words) }, "\(found)")
        #expect(PlanDifference.between(old, old) == [])
    }

    // MARK: --limit

    @Test(
        arguments: [
            (["dpu-01", "worker-01"], nil, true), (["dpu-01", "worker-01"], ["worker-01", "dpu-01"], true),
            (["dpu-01", "worker-01"], ["dpu-01"], false), (nil, nil, true), (nil, ["dpu-01"], false),
        ] as [([NodeName]?, Set<NodeName>?, Bool)])
    func theLimitMustBeTheOneThatWasSaved(saved: [NodeName]?, given: Set<NodeName>?, fits: Bool) throws {
        let site = try Self.site()
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("plan-\(UUID()).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try SavedPlan.write(site.plan, facts: PlanFacts(limit: saved, armed: [:], tasks: []), to: path)
        if fits {
            #expect(try SavedPlan.read(path, for: site, limit: given)?.limit == saved)
        } else {
            #expect(throws: ExitStatus.wrongUsage) { try SavedPlan.read(path, for: site, limit: given) }
        }
    }
}
