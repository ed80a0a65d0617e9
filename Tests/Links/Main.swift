import ClusterctlCLI
import Engine

/// clusterctl with work that tells how often it was done, for the end-to-end tests of broken links: below FOLDER/NODE on
/// each node it appends numbers to a file, one a step, or places the controller's FILE.
///
///     clusterctl-links append FOLDER COUNT INVENTORY
///     clusterctl-links await FOLDER COUNT INVENTORY     (and then waits for FOLDER/NODE/go)
///     clusterctl-links deliver FOLDER FILE SHA256 INVENTORY
@main
struct Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let work: @Sendable (NodeName) -> [Step]
        var awaited: String?
        switch (arguments.first, arguments.count) {
        case ("append", 4), ("await", 4):
            if arguments[0] == "await" { awaited = arguments[1] }
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
            print("usage: clusterctl-links append|await FOLDER COUNT INVENTORY | deliver FOLDER FILE SHA256 INVENTORY")
            return
        }
        let orders = Orders(areRulesEnforced: false) { [awaited] inventory in
            let nodes = inventory.nodes.map { NodeName($0.name) }
            return Order(name: "links", [.init(Working(nodes: nodes, work: work, awaited: awaited))])
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
    /// The folder below which each node has to have a file `go`.
    let awaited: String?

    func apply(_ node: NodeName) -> [Step] { work(node) }

    func gate(_ node: NodeName) -> Gate? {
        guard let awaited else { return nil }
        let go = Probe.path("\(awaited)/\(node)/go")
        return Gate(
            waitingFor: "the file that the test makes", asks: [Ask(node, go)], deadlineSeconds: 90, lookAt: "the test"
        ) { facts in
            facts[node, go]?.output.hasPrefix("file") == true ? .holds : .waiting("it is not there")
        }
    }
}
