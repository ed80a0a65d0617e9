import Engine
import Foundation
import Inventory
import Phases
import Simulation
import Testing

/// The orders of the example inventories, over faults of every kind.
@Suite @ShellThread struct RealOrderTests {
    @Test(arguments: [("lab", 100), ("diskless", 10), ("keepalived", 10)])
    func nothingHappensThatMustNot(inventory name: String, seeds: UInt64) throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent("inventories/\(name).yaml")
        let inventory = try InventoryReader.read(bytes: Array(Data(contentsOf: path)), file: path.path).get().inventory
        let scenario = Scenario(
            cluster: inventory.name, order: Bootstrap.order(for: inventory),
            nodes: inventory.nodes.map { NodeName($0.name) },
            controlPlane: ControlPlane(
                primary: NodeName(inventory.primary.name), replicas: inventory.replicas.map { NodeName($0.name) }))
        for seed in 1...seeds {
            let trial = scenario.run(seed: seed, faults: Set(Fault.allCases))
            #expect(trial.violations.isEmpty, "seed \(seed): \(trial.violations)")
            #expect(trial.isWhole)
        }
    }
}
