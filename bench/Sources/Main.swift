import ClusterctlCLI
import Engine

/// `clusterctl bootstrap` with the benchmark's own order: all that a run does, from the start of the process over
/// inventory, plan, survey and steps to the journal, only with another work.
///
///     clusterctl-bench ping|facts|converge|push SPECIFICATION INVENTORY
@main
struct Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count == 3, let work = Work(rawValue: arguments[0]) else {
            print(
                "usage: clusterctl-bench \(Work.allCases.map(\.rawValue).joined(separator: "|")) SPECIFICATION INVENTORY"
            )
            return
        }
        let orders = Orders(areRulesEnforced: false) { inventory in
            let specification = try Specification(file: arguments[1])
            let nodes = inventory.nodes.map { NodeName($0.name) }
            return Order(name: work.rawValue, [.init(work.phase(nodes, specification))])
        }
        await Orders.$current.withValue(orders) { await Clusterctl.runToEnd(["bootstrap", arguments[2], "--yes"]) }
    }
}

/// What each host gets.
enum Work: String, CaseIterable {
    /// A login and one command.
    case ping
    /// A login and five commands whose output is wanted.
    case facts
    /// Directories, files and checks.
    case converge
    /// One large file, verified.
    case push

    func phase(_ nodes: [NodeName], _ specification: Specification) -> any Phase {
        switch self {
        case .ping: Asking(id: "ping", nodes: nodes, commands: [["true"]])
        case .facts: Asking(id: "facts", nodes: nodes, commands: specification.facts)
        case .converge: Converging(nodes: nodes, specification: specification)
        case .push: Pushing(nodes: nodes, specification: specification)
        }
    }
}
