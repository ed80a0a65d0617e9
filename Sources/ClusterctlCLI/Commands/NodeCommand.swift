import ArgumentParser
import Engine
import Inventory
import Phases

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Let nodes into a living cluster, take them out, or put other machines in their place.",
        subcommands: [NodeAddCommand.self, NodeRemoveCommand.self, NodeReplaceCommand.self])
}

/// What the verbs have in common by which nodes come and go.
struct NodeOptions: ParsableArguments {
    @Flag(help: "Print the plan and touch nothing; nobody is asked, so that everybody is taken to answer.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    @Flag(name: [.short, .long], help: "Do not ask before changing something.")
    var yes = false

    /// Asks all nodes which of them can be reached and which server speaks for the cluster, and carries the change out.
    ///
    /// - Parameter make: the change, by what was found; nil: where nobody was asked.
    func run(
        _ inventory: Inventory, _ connection: ConnectionOptions,
        make: (NodeChange.Found?) throws(NodeRefusal) -> NodeChange
    ) async throws {
        let planned = try told(as: ExitStatus.wrongUsage) { () throws(NodeRefusal) in try make(nil) }
        if dryRun { return PlanCommand.write(try Site.nodes(planned).plan, as: output) }
        let connections = try await Connections(inventory, options: connection)
        let found = try await ask(inventory, connections, coming: planned.joining)
        let change = try told(as: ExitStatus.failed) { () throws(NodeRefusal) in try make(found) }
        let site = try Site.nodes(change)
        let verb = "node \(change.verb.rawValue)"
        let outcome = try await Run(site: site, limit: nil, verb: verb).perform(by: connections) { review, facts in
            for note in change.notes(facts) { Standard.error("note: \(note)") }
            return Agreement.isGiven(to: review, yes: yes, look: "\(verb) --dry-run")
        }
        switch outcome {
        case .done, .nothingToDo, .unfinished: for note in change.leftToDo { Standard.error("note: \(note)") }
        default: break
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
    }

    /// A node that does not answer is left out, and said to be, unless it is one that comes, or a router, or refuses us.
    private func ask(
        _ inventory: Inventory, _ connections: Connections, coming: [NodeName]
    ) async throws -> NodeChange.Found {
        let site = try Site(inventory, orders: .current)
        let fleet = try await connections.fleet(site, canWrite: false, readsSecrets: false)
        let (facts, unreachable) = await fleet.ask(NodeChange.asks(inventory), nodes: site.nodes)
        await fleet.close()
        let needed = site.nodes.filter { node in
            guard let failure = unreachable[node] else { return false }
            return failure.kind != .unreachable || coming.contains(node) || inventory.node(named: node.rawValue) == nil
        }
        for node in needed { unreachable[node].map { Standard.error("\(node): error: \($0.message)") } }
        guard needed.isEmpty else { throw ExitStatus.unreachable }
        return NodeChange.Found(facts: facts, unreachable: Set(unreachable.keys))
    }

    private func told(
        as status: ExitCode, _ body: () throws(NodeRefusal) -> NodeChange
    ) throws -> NodeChange {
        do {
            return try body()
        } catch {
            for problem in error.problems {
                Standard.error("error: \(problem.what)")
                Standard.error("  fix: \(problem.fix)")
            }
            throw status
        }
    }
}
