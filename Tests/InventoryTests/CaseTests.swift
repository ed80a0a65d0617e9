import Foundation
import Testing

@testable import Inventory

/// Every file of `Cases/bad` gives exactly the diagnostics in the `.expected` file beside it, every file of `Cases/good`
/// none. Run with UPDATE_CASES=1 to rewrite the expected files, and read the difference.
struct CaseTests {
    @Test(arguments: Repository.cases("bad"))
    func findsExactlyWhatIsWrong(_ name: String) throws {
        let bytes = try Repository.bytes(ofCase: name, in: "bad")
        let found =
            switch InventoryReader.read(bytes: bytes, file: "\(name).yaml") {
            case .success(let read): read.warnings.description
            case .failure(let diagnostics): diagnostics.description
            }
        let url = Repository.tests.appending(path: "Cases/bad/\(name).expected")
        if Repository.updatesCases { try Data((found + "\n").utf8).write(to: url) }
        let expected = try String(contentsOf: url, encoding: .utf8)
        #expect(found + "\n" == expected)
    }

    @Test(arguments: Repository.cases("good"))
    func findsNothingWrong(_ name: String) throws {
        let bytes = try Repository.bytes(ofCase: name, in: "good")
        switch InventoryReader.read(bytes: bytes, file: "\(name).yaml") {
        case .success(let read): #expect(read.warnings.isEmpty, "\(read.warnings)")
        case .failure(let diagnostics): Issue.record("\(diagnostics)")
        }
    }

    @Test func hasSixtyBadInventories() {
        #expect(Repository.cases("bad").count >= 60)
    }

    @Test func showsEveryCodeInSomeCase() throws {
        var missing = Set(DiagnosticCode.allCases.filter { !$0.isOfLintAlone && !$0.isOfImportAlone }.map(\.rawValue))
        for name in Repository.cases("bad") {
            let text = try String(
                contentsOf: Repository.tests.appending(path: "Cases/bad/\(name).expected"), encoding: .utf8)
            missing = missing.filter { !text.contains("[\($0)]") }
        }
        #expect(missing.isEmpty, "no case shows \(missing.sorted())")
    }

    @Test func readsTheDisklessInventory() throws {
        let text = try Repository.text("inventories/diskless.yaml")
        let inventory = try InventoryReader.good(text, file: "inventories/diskless.yaml")
        #expect(inventory.nodes.count == 23)
        #expect(inventory.primary.name == "c4140")
        #expect(inventory.replicas.map(\.name) == ["r640", "r740xd"])
        #expect(inventory.workers.first?.name == "rack1-01")
        #expect(inventory.workers.last?.address.description == "10.42.67.120")
        #expect(inventory.workers.last?.management == .verify)
        var profile = Profile(.bluefield)
        let host = SSHJumpHost(host: "c4140-host")
        profile.outOfBand = OutOfBand(rescue: RescuePath(address: "192.168.100.2", proxy: .jump([host])))
        #expect(inventory.primary.profile == profile)
        #expect(inventory.network.clusterDNS.map(\.description) == ["10.143.0.10"])
        #expect(inventory.endpoint == .kubeVip(address: try #require(IPAddress("10.42.67.100")), interface: nil))
        #expect(inventory.k3s.token == .environment("K3S_TOKEN"))
        #expect(inventory.directory == "inventories")
    }
}
