import ArgumentParser
import Engine
import Inventory
import Phases

struct KubeProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kube-proxy",
        abstract: "Lead a living cluster away from kube-proxy, and remove what it has left.",
        subcommands: [KubeProxyDisableCommand.self, KubeProxyCleanCommand.self])
}

struct KubeProxyDisableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Lead a living cluster away from kube-proxy, one node at a time.",
        discussion: """
            Cilium is told to take its place, and has to say so on every node. Then K3s is started anew without it: servers \
            one at a time, then workers, which learn it from them. Then its rules go. The same command goes on where one \
            has ended.
            """)

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: KubeProxyOptions

    @Option(help: "How many workers are started anew at a time: a number, or a share such as 25%; never all of them.")
    var workersAtOnce = "1"

    @Flag(help: "Print the plan and touch nothing.")
    var dryRun = false

    @Option(name: [.short, .long], help: "With --dry-run: text, json, markdown or mermaid.")
    var output = PlanCommand.Format.text

    func validate() throws {
        guard WorkersAtOnce(workersAtOnce) != nil else {
            throw ValidationError("--workers-at-once is a number above 0, or a share such as 25%")
        }
    }

    func run() async throws {
        let inventory = try argument.read()
        let order = try KubeProxyOptions.order(
            inventory, workersAtOnce: WorkersAtOnce(workersAtOnce) ?? .number(1), options.cleanVerified)
        let site = try Site.living(inventory, order: order)
        if dryRun { return PlanCommand.write(site.plan, as: output) }
        try await options.run(site, verb: "kube-proxy disable", connection)
    }
}

struct KubeProxyCleanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean",
        abstract: "Remove the rules that kube-proxy has left where it runs no more, and nobody else's.")

    @OptionGroup var argument: InventoryArgument
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: KubeProxyOptions

    @Flag(help: "Ask the nodes and print every rule that would go; touch nothing.")
    var dryRun = false

    func run() async throws {
        let inventory = try argument.read()
        var settings = KubeProxy.Options()
        settings.cleansVerified = options.cleanVerified
        let site = try Site.living(inventory, order: KubeProxy.clean(for: inventory, options: settings))
        if dryRun {
            let nodes = try inventory.nodes(limit: options.limit)
            return try await KubeProxyDifference(site: site, nodes: nodes).show(connection)
        }
        try await options.run(site, verb: "kube-proxy clean", connection)
    }
}

/// What both verbs have in common.
struct KubeProxyOptions: ParsableArguments {
    @Flag(
        help: "Remove its rules from nodes with 'manage: verify', too, where it runs no more; no file is written there."
    )
    var cleanVerified = false

    @Flag(name: [.short, .long], help: "Do not ask before changing something.")
    var yes = false

    @Option(help: "Only change these nodes; names separated by commas.")
    var limit: String?

    static func order(
        _ inventory: Inventory, workersAtOnce: WorkersAtOnce = .number(1), _ cleansVerified: Bool = false
    ) throws -> Order {
        var options = KubeProxy.Options()
        options.workersAtOnce = workersAtOnce
        options.cleansVerified = cleansVerified
        options.chartContent = try Orders.chart(of: inventory)
        return KubeProxy.disable(for: inventory, options: options)
    }

    func run(_ site: Site, verb: String, _ connection: ConnectionOptions) async throws {
        let chosen = try site.inventory.nodes(limit: limit)
        let connections = try await Connections(site.inventory, options: connection)
        let run = Run(site: site, limit: chosen, verb: verb)
        var found: [(node: NodeName, words: String)] = []
        let outcome = try await run.perform(by: connections) { review, facts in
            found = KubeProxyOptions.found(review, facts)
            for (node, words) in found { Standard.error("will go: \(node): \(words)") }
            if !found.isEmpty { Standard.error("note: 'kube-proxy clean --dry-run' prints every rule of these") }
            return Agreement.isGiven(to: review, yes: yes, look: "\(verb) --dry-run")
        }
        switch outcome {
        case .done, .unfinished, .failed, .interrupted: await count(found, site, connections)
        default: break
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
    }

    /// What the nodes have that are about to be cleaned.
    private static func found(_ review: Review, _ facts: Facts) -> [(node: NodeName, words: String)] {
        review.items.compactMap { item in
            guard KubeProxyClean.ids.contains(item.task.phase),
                let found = KubeProxyQuestion(facts[item.task.node, KubeProxyQuestion.probe]), found.isLeft
            else { return nil }
            return (item.task.node, found.words)
        }
    }

    /// What is left of it, as the nodes say when the run has ended, however that was: its exit status stays what it is.
    private func count(
        _ found: [(node: NodeName, words: String)], _ site: Site, _ connections: Connections
    ) async {
        guard !found.isEmpty,
            let fleet = try? await connections.fleet(site, canWrite: false, readsSecrets: false)
        else { return }
        let nodes = found.map(\.node)
        let (facts, _) = await fleet.ask(nodes.map { Ask($0, KubeProxyQuestion.probe) }, nodes: nodes)
        await fleet.close()
        for (node, words) in found {
            guard let now = KubeProxyQuestion(facts[node, KubeProxyQuestion.probe]) else {
                Standard.error("\(node): it could not be counted what is left of \(words)")
                continue
            }
            Standard.error(now.isLeft ? "left: \(node): \(now.words)" : "gone: \(node): \(words)")
        }
    }
}

/// The lines of the nodes' firewalls that cleaning would remove, as a difference.
struct KubeProxyDifference {
    let site: Site
    let nodes: Set<NodeName>?
    /// Few enough for what a node may answer at once.
    private static let linesAtOnce = 3000

    func show(_ connection: ConnectionOptions) async throws {
        let fleet = try await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: false)
        let chosen = site.nodes.filter { nodes?.contains($0) != false }
        let (facts, unreachable) = await fleet.ask(chosen.map { Ask($0, KubeProxyQuestion.probe) }, nodes: chosen)
        var unread = false
        for node in chosen {
            if let failure = unreachable[node] {
                Standard.error("\(node): error: \(failure.message)")
                continue
            }
            guard let found = KubeProxyQuestion(facts[node, KubeProxyQuestion.probe]) else {
                Standard.error("\(node): error: \(facts[node, KubeProxyQuestion.probe]?.lastLine ?? "no answer")")
                unread = true
                continue
            }
            if found.isRunning { Standard.error("\(node): kube-proxy runs there: nothing would be removed") }
            unread = await !show(found, on: node, by: fleet) || unread
            Standard.error("\(node): \(found.isLeft ? found.words : "nothing is left")")
        }
        await fleet.close()
        if !unreachable.isEmpty { throw ExitStatus.unreachable }
        if unread { throw ExitStatus.failed }
    }

    /// - Returns: whether all of it could be read.
    private func show(_ found: KubeProxyQuestion, on node: NodeName, by fleet: SSHFleet) async -> Bool {
        var firewalls: [String] = []
        for table in found.tables where firewalls.last != table.firewall { firewalls.append(table.firewall) }
        var isWhole = true
        for firewall in firewalls {
            let count = found.tables.filter { $0.firewall == firewall }.reduce(0) { $0 + $1.lines }
            Standard.output("--- \(node) \(firewall)\n")
            var table = ""
            for first in stride(from: 1, through: count, by: Self.linesAtOnce) {
                let probe = KubeProxyQuestion.lines(of: firewall, from: first, count: Self.linesAtOnce)
                let (facts, _) = await fleet.ask([Ask(node, probe)], nodes: [node])
                guard let answer = facts[node, probe], answer.succeeded else {
                    Standard.error("\(node): error: \(firewall) could not be read any more")
                    isWhole = false
                    break
                }
                for line in answer.output.split(separator: "\n") {
                    let words = line.split(separator: " ", maxSplits: 1)
                    guard words.count == 2 else { continue }
                    if words[0] != table { Standard.output(" *\(words[0])\n") }
                    table = String(words[0])
                    Standard.output("-\(words[1])\n")
                }
            }
        }
        for other in found.others { Standard.output("--- \(node)\n-\(other)\n") }
        return isWhole
    }
}
