import Foundation
import Testing

@testable import Inventory

struct ExplanationTests {
    @Test(arguments: DiagnosticCode.allCases)
    func everyCodeHasAPageThatFitsOnAScreen(_ code: DiagnosticCode) throws {
        let page = try #require(Explanation.of(code), "\(code.rawValue) has no page in Sources/Inventory/Explanations")
        let lines = page.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 20 && lines.count(where: { !$0.isEmpty }) <= 15, "\(lines.count) lines")
        #expect(lines.allSatisfy { $0.count <= 120 })
        #expect(!page.title.hasSuffix("."))
        for text in [page.happens, page.looks, page.instead, page.source] {
            #expect(!text.isEmpty && !text.contains("\n") && !text.contains("  "), "\(text)")
        }
    }

    @Test func noCodeHasTwoPages() {
        let pages = [
            Explanation.yaml, Explanation.inventory, Explanation.nodes, Explanation.interfaces,
            Explanation.network, Explanation.datapath, Explanation.dns, Explanation.k3s, Explanation.cilium,
            Explanation.addons, Explanation.bgp, Explanation.routes, Explanation.ansible,
        ]
        #expect(pages.map(\.count).reduce(0, +) == Explanation.all.count)
        #expect(Explanation.all.map(\.code) == DiagnosticCode.allCases)
    }

    @Test func saysWhatIsNotConfirmed() {
        #expect(Explanation.of(.staleRoutes)?.happens.contains("UNCONFIRMED") == true)
    }

    @Test(arguments: [
        ("inventory.cilium-device-auto", "inventory.cilium-devices-auto"),
        ("devices-auto", "inventory.cilium-devices-auto"),
        ("same-asm", "inventory.same-asn"), ("Inventory.Same-ASN", "inventory.same-asn"),
    ])
    func findsTheNearestName(_ text: String, _ code: String) {
        #expect(DiagnosticCode.near(text).map(\.rawValue).contains(code))
    }

    @Test func suggestsNothingForNoise() {
        #expect(DiagnosticCode.near("qqqqqqqq").isEmpty)
        #expect(DiagnosticCode.near("").isEmpty)
    }

    @Test func standsInTheDocs() throws {
        let page = try Repository.text("docs/lint.md")
        #expect(
            page.contains(Explanation.markdownTable),
            "docs/lint.md is out of date: run UPDATE_CASES=1 swift test --filter InventoryTests")
        if Repository.updatesCases, let start = page.range(of: "| code | severity |") {
            let text = page[..<start.lowerBound] + Explanation.markdownTable
            try Data(text.utf8).write(to: Repository.root.appending(path: "docs/lint.md"))
        }
    }
}
