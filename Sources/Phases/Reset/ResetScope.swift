import Engine
import Inventory

/// Which nodes a reset is about, and which files of the plan are theirs.
struct ResetScope: Sendable {
    let cluster: Cluster
    /// In the order of the inventory.
    let nodes: [NodeName]
    /// The files and links that a bootstrap puts on each node. Those of `interfaces` are the machine's own network.
    private let paths: [NodeName: [String]]

    init(_ inventory: Inventory, _ options: Reset.Options) {
        cluster = Cluster(inventory)
        nodes = cluster.managed.filter { options.nodes?.contains($0) ?? true }
        var paths: [NodeName: [String]] = [:]
        var seen: [NodeName: Set<String>] = [:]
        for entry in Bootstrap.order(for: inventory).entries where entry.phase.id != "interfaces" {
            for node in entry.phase.nodes where entry.phase.place(node) == node {
                for case .some(let path) in entry.phase.apply(node).map(\.operation.keptPath)
                where seen[node, default: []].insert(path).inserted {
                    paths[node, default: []].append(path)
                }
            }
        }
        self.paths = paths
    }

    func deletion(_ node: NodeName) -> [String] { ResetQuestion.program(["delete"] + (paths[node] ?? [])) }

    /// Succeeds where nothing is left on the node.
    func question(_ node: NodeName) -> [String] { Script.arguments(.left, ["all"] + (paths[node] ?? [])) }

    func left(_ node: NodeName) -> Probe { .command(question(node)) }

    func isClean(_ node: NodeName, _ facts: Facts) -> Bool { facts[node, left(node)]?.succeeded == true }
}

extension Operation {
    /// The path of a file or link that stays on the node.
    fileprivate var keptPath: String? {
        switch self {
        case .file(let path, _, _), .link(let path, _): path
        default: nil
        }
    }
}
