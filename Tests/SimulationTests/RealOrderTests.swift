import Engine
import Foundation
import Inventory
import Phases
import Simulation
import Testing

/// The orders of the example inventories, over faults of every kind.
@Suite @ShellThread struct RealOrderTests {
    @Test(arguments: [
        ("lab", false, 100), ("diskless", false, 10), ("keepalived", false, 10), ("lab", true, 100),
        ("keepalived", true, 10),
    ])
    func nothingHappensThatMustNot(inventory name: String, isUpgrade: Bool, seeds: UInt64) throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent("inventories/\(name).yaml")
        let inventory = try InventoryReader.read(bytes: Array(Data(contentsOf: path)), file: path.path).get().inventory
        let scenario = Scenario(
            cluster: inventory.name, order: isUpgrade ? Upgrade.order(for: inventory) : Bootstrap.order(for: inventory),
            nodes: inventory.nodes.map { NodeName($0.name) },
            controlPlane: ControlPlane(
                primary: NodeName(inventory.primary.name), replicas: inventory.replicas.map { NodeName($0.name) }),
            isLiving: isUpgrade)
        for seed in 1...seeds {
            let trial = scenario.run(seed: seed, faults: Set(Fault.allCases))
            #expect(trial.violations.isEmpty, "seed \(seed): \(trial.violations)")
            #expect(trial.isWhole)
        }
    }
}
