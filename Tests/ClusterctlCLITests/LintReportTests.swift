import Foundation
import Inventory
import Testing

@testable import ClusterctlCLI

struct LintReportTests {
    private func lint(_ texts: [String: String]) -> Diagnostics {
        Lint.run(
            manifests: texts.sorted { $0.key < $1.key }.map {
                ManifestFile(path: $0.key, content: .bytes(Array($0.value.utf8)))
            })
    }

    private var example: Diagnostics {
        let pool = "kind: CiliumLoadBalancerIPPool\nmetadata: {name: blue, namespace: x}\n"
        return lint([
            "pools/a b.yaml": "apiVersion: cilium.io/v2alpha1\n" + pool,
            "z.yaml": "kubeProxyReplacement: true\ndevices: [auto]\n",
        ])
    }

    @Test func countsForPeople() {
        let text = LintReport.text(example, files: 2)
        #expect(
            text.hasPrefix("pools/a b.yaml:1:13: warning: CiliumLoadBalancerIPPool is still of cilium.io/v2alpha1 ["))
        #expect(text.hasSuffix("2 files looked at: 1 error, 2 warnings; 'clusterctl explain CODE' tells more\n"))
        #expect(LintReport.text(lint([:]), files: 1) == "1 file looked at, nothing found\n")
    }

    @Test func writesJSONAsDocumented() throws {
        let json = try JSONDecoder().decode(JSONValue.self, from: Data(LintReport.json(example).utf8))
        #expect(json["version"] == .number(1) && json["errors"] == .number(1) && json["warnings"] == .number(2))
        let last = try #require(json["findings"]?.list.last)
        #expect(last["code"]?.text == "inventory.cilium-devices-auto" && last["severity"]?.text == "error")
        #expect(last["file"]?.text == "z.yaml" && last["line"] == .number(2) && last["column"] == .number(11))
        let page = try String(contentsOf: Self.root.appending(path: "docs/lint.md"), encoding: .utf8)
        for key in Set(json.object.keys).union(last.object.keys) { #expect(page.contains("`\(key)`"), "\(key)") }
    }

    @Test func writesSARIF() throws {
        let sarif = try JSONDecoder().decode(JSONValue.self, from: Data(LintReport.sarif(example).utf8))
        #expect(sarif["version"]?.text == "2.1.0")
        let run = try #require(sarif["runs"]?.list.first)
        let rules = try #require(run["tool"]?["driver"]?["rules"]?.list)
        let results = try #require(run["results"]?.list)
        #expect(rules.count == 3 && results.count == 3)
        for result in results {
            guard case .number(let index) = result["ruleIndex"] else {
                Issue.record("no ruleIndex")
                return
            }
            #expect(rules[index]["id"] == result["ruleId"])
            #expect(rules[index]["help"]?["text"]?.text?.contains("What to write instead") == true)
            #expect(rules[index]["shortDescription"]?["text"]?.text?.isEmpty == false)
        }
        let place = results[0]["locations"]?.list.first?["physicalLocation"]
        #expect(place?["artifactLocation"]?["uri"]?.text == "pools/a%20b.yaml")
        #expect(place?["region"]?["startLine"] == .number(1) && place?["region"]?["startColumn"] == .number(13))
        #expect(results.map { $0["level"]?.text } == ["warning", "warning", "error"])
        let empty = try JSONDecoder().decode(JSONValue.self, from: Data(LintReport.sarif(lint([:])).utf8))
        #expect(empty["runs"]?.list.first?["results"] == .list([]))
    }

    @Test func listsEveryCode() {
        let lines = ExplainCommand.list.split(separator: "\n")
        #expect(lines.count == DiagnosticCode.allCases.count + 1)
    }

    @Test func readsWhatIsAFileAndSaysWhatIsNot() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lint-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["b", ".git", "c.yaml"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: name), withIntermediateDirectories: true)
        }
        for name in ["b/a.yml", "a.yaml", "x.conf", "notes.txt", ".git/d.yaml", ".hidden.yaml"] {
            try Data("a: 1\n".utf8).write(to: folder.appending(path: name))
        }
        #expect(mkfifo(folder.appending(path: "pipe.yaml").path, 0o600) == 0)
        #expect(symlink("nowhere", folder.appending(path: "link.yaml").path) == 0)
        let files = ManifestFolder.files(in: folder.path)
        let names = files.map { String($0.path.dropFirst(folder.path.count + 1)) }
        #expect(names == ["a.yaml", "b/a.yml", "link.yaml", "pipe.yaml", "x.conf"])
        let found = Lint.run(manifests: files).all
        #expect(found.map(\.code) == [.unreadableFile, .unreadableFile])
        #expect(
            found.map(\.message) == [
                "cannot be read: No such file or directory", "cannot be read: it is no ordinary file",
            ])
        let missing = ManifestFolder.files(in: folder.path + "/nowhere")
        #expect(Lint.run(manifests: missing).all.map(\.message) == ["cannot be read: there is no such folder"])
    }

    @Test func endsWithThreeForAnErrorAlone() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lint-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: "values.yaml")
        func run(_ text: String, _ arguments: [String] = []) throws {
            try Data(text.utf8).write(to: file)
            try LintCommand.parse(["--manifests", folder.path] + arguments).run()
        }
        try run("hubble: {enabled: true}\n")
        try run("bpf: {vlanBypass: [1, 2, 3, 4, 5, 6]}\n", ["-o", "json"])
        #expect(throws: ExitStatus.invalidInventory) { try run("hubble: {enabeld: true}\n", ["-o", "sarif"]) }
        #expect(throws: ExitStatus.invalidInventory) { try run("hubble: {}\n", [folder.path + "/nowhere.yaml"]) }
        #expect(throws: (any Error).self) { try LintCommand.parse([]) }
        #expect(throws: (any Error).self) { try LintCommand.parse(["--manifests", folder.path, "-o", "xml"]) }
        #expect(throws: (any Error).self) { try ExplainCommand.parse(["manifest.same-asm"]).run() }
        try ExplainCommand.parse(["inventory.same-asn"]).run()
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}
