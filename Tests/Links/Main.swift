import ClusterctlCLI
import Engine

/// clusterctl with work that tells how often it was done, for the end-to-end tests of broken links: below FOLDER/NODE on
/// each node it appends numbers to a file, one a step, or places the controller's FILE.
///
///     clusterctl-links append FOLDER COUNT INVENTORY
///     clusterctl-links deliver FOLDER FILE SHA256 INVENTORY
@main
struct Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let work: @Sendable (NodeName) -> [Step]
        switch (arguments.first, arguments.count) {
        case ("append", 4):
            let (folder, count) = (arguments[1], Int(arguments[2]) ?? 0)
            work = { node in (1...max(1, count)).map { appending($0, to: "\(folder)/\(node)/ran") } }
        case ("deliver", 5):
            let source = ArtifactSource(
                name: "k3s", origin: .localFile(path: arguments[2]), checksum: .pinned(arguments[3]))
            work = { [folder = arguments[1]] node in
                let path = "\(folder)/\(node)/delivered"
                return [Step(.artifact(path: path, source: source, mode: .publicFile), because: "the test says so")]
            }
        default:
            print("usage: clusterctl-links append FOLDER COUNT INVENTORY | deliver FOLDER FILE SHA256 INVENTORY")
            return
        }
        let orders = Orders(areRulesEnforced: false) { inventory in
            let nodes = inventory.nodes.map { NodeName($0.name) }
            return Order(name: "links", [.init(Working(nodes: nodes, work: work))])
        }
        await Orders.$current.withValue(orders) {
            await Clusterctl.runToEnd(["bootstrap", arguments[arguments.count - 1], "--yes"])
        }
    }

    /// Slow enough for a link to break in the middle; the number is written in one piece.
    private static func appending(_ number: Int, to file: String) -> Step {
        let script = "echo \(number) >>\"$1\"; sleep 0.3"
        return Step(
            .command(Command(name: "append \(number)", arguments: ["sh", "-c", script, "sh", file])),
            because: "the test says so")
    }
}

private struct Working: Phase {
    let id: PhaseID = "work"
    let title = "Do what can be counted"
    let nodes: [NodeName]
    let work: @Sendable (NodeName) -> [Step]

    func apply(_ node: NodeName) -> [Step] { work(node) }
}
