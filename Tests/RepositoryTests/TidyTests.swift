import Foundation
import Testing

@Suite struct TidyTests {
    static let sources = Repository.files(below: "Sources", endings: [".swift"])
    static let tests = Repository.files(below: "Tests", endings: [".swift"])
    static let lab = Repository.files(below: "lab", endings: [".py", "/lab", ".sh"])

    @Test func filesStayShort() throws {
        // Tables of facts may be long; everything that is read as code may not.
        let tables: Set<String> = [
            "Sources/Inventory/Known/CiliumValuePaths.swift", "Sources/Inventory/Known/K3sFlags.swift",
        ]
        for file in Self.sources + Self.tests + Self.lab where !tables.contains(file) {
            let count = try Repository.text(file).split(separator: "\n", omittingEmptySubsequences: false).count
            #expect(count <= 401, "\(file) has \(count) lines: is there a second thing in it?")
        }
    }

    @Test func linesFit() throws {
        for file in Self.sources {
            for (number, line) in try Repository.text(file).split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated()
            {
                #expect(line.count <= 140, "\(file):\(number + 1) has \(line.count) columns")
            }
        }
    }

    @Test func nothingEscapesSafety() throws {
        let words = ["try" + "!", "fatal" + "Error(", "TO" + "DO", "FIX" + "ME", "as" + "! "]
        for file in Self.sources {
            let text = try Repository.text(file)
            for word in words { #expect(!text.contains(word), "\(file) has \(word)") }
            for escape in ["nonisolated" + "(unsafe)", "@unchecked" + " Sendable"] where text.contains(escape) {
                let proof = text.range(of: "Proof:") != nil
                #expect(proof, "\(file) uses \(escape) without a written proof beside it")
            }
        }
    }

    @Test func nobodyIsKilledByName() throws {
        let words = ["p" + "kill ", "kill" + "all ", "k3s-kill" + "all.sh"]
        for file in Self.sources + Self.lab + Repository.files(below: "templates", endings: [".sh"]) {
            let text = try Repository.text(file)
            for word in words { #expect(!text.contains(word), "\(file) uses \(word)") }
        }
    }

    /// exit(3) takes the crypto library down under whoever still speaks SSH; returning from `main` is exit(3) too.
    @Test func theProcessEndsInOnePlace() throws {
        for file in Self.sources + Self.tests where !file.hasSuffix("/ProcessEnd.swift") {
            let text = try Repository.text(file)
            #expect(text.matches(of: /\b_?exit\((?!3\))/).isEmpty, "\(file) ends the process by itself: use ProcessEnd")
            #expect(!text.contains("Clusterctl." + "main("), "\(file) ends by exit(3): use Clusterctl.runToEnd")
        }
    }

    @Test func linksInDocsLeadSomewhere() throws {
        let pages = ["README.md", "lab/README.md"] + Repository.files(below: "docs", endings: [".md"])
        for page in pages {
            let folder = URL(fileURLWithPath: page, relativeTo: Repository.root).deletingLastPathComponent()
            let text = try Repository.text(page)
            for match in text.matches(of: /\]\(([^)#:]+)(?:#[^)]*)?\)/) {
                let target = folder.appendingPathComponent(String(match.1)).path
                #expect(FileManager.default.fileExists(atPath: target), "\(page) links to \(match.1)")
            }
        }
    }

    @Test func theOrderFitsOnOneScreen() throws {
        let lines = try Repository.text("Sources/Phases/Bootstrap.swift").split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 60, "the table is \(lines.count) lines")
    }
}
