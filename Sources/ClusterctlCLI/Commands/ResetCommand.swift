import ArgumentParser
import Engine
import Inventory
import Phases

struct ResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Take K3s and Cilium off all nodes, or off some, and leave the machines as they were before bootstrap.",
        discussion: """
            What runs is taken out of the system first, behind each node's guard; only when all of it is out, and every node \
            can be reached, is anything deleted: configuration, data, volumes (only with --delete-volumes), etcd's snapshots. \
            Rules, routes, links and files of others stay. At the end each node's differences to what it was before \
            bootstrap are listed.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var confirmation: NameConfirmation

    @Argument(help: ArgumentHelp("The nodes; without any, all that clusterctl may change.", valueName: "node"))
    var nodes: [String] = []

    @Flag(help: "Delete volumes of pods, too.")
    var deleteVolumes = false

    @Flag(help: "Also nodes that the rest of the cluster still knows: that cluster is given up.")
    var force = false

    @Flag(help: "Print the plan and touch nothing.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    func run() async throws {
        let inventory = try argument.read()
        let options = try options(for: inventory)
        let site = try Site.reset(inventory, options)
        if dryRun { return PlanCommand.write(site.plan, as: output) }
        let connections = try await Connections(inventory, options: connection)
        let run = Run(site: site, limit: nil, verb: "reset")
        let outcome = try await run.perform(by: connections) { review, facts in
            for (node, lines) in Reset.losses(for: inventory, options: options, facts) {
                Standard.error("\(node) loses:")
                for line in lines { Standard.error("  \(line)") }
            }
            for note in Reset.notes(for: inventory, options: options) { Standard.error("note: \(note)") }
            return confirmation.isGiven(for: inventory.name, to: review, look: "reset --dry-run")
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
        try await tellDifferences(site, connections)
    }

    private func options(for inventory: Inventory) throws -> Reset.Options {
        var options = Reset.Options()
        options.deletesVolumes = deleteVolumes
        options.isForced = force
        guard !nodes.isEmpty else { return options }
        for name in nodes {
            guard let node = inventory.node(named: name) else {
                throw ValidationError("the inventory has no node '\(name)'")
            }
            guard node.management == .full else {
                throw ValidationError(
                    "\(name) has 'manage: verify': clusterctl never writes there; its own configuration has to take K3s away")
            }
        }
        options.nodes = nodes.map { NodeName($0) }
        return options
    }

    private func tellDifferences(_ site: Site, _ connections: Connections) async throws {
        let fleet = try await connections.fleet(site, canWrite: false, readsSecrets: false)
        let reset = site.plan.phases.last?.work.map(\.node) ?? []
        let (facts, _) = await fleet.ask(reset.map { Ask($0, Reset.differences) }, nodes: reset)
        await fleet.close()
        for node in reset {
            guard let answer = facts[node, Reset.differences], answer.succeeded else {
                Standard.output("\(node): it is not known whether it is as it was before\n")
                continue
            }
            let lines = answer.output.split(separator: "\n")
            Standard.output(lines.isEmpty ? "\(node): as it was before\n" : "\(node): not as it was before:\n")
            for line in lines { Standard.output("  \(line)\n") }
        }
    }
}
