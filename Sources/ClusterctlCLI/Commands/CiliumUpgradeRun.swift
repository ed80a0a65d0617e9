import ArgumentParser
import Engine
import Inventory
import Phases

/// What `upgrade --cilium VERSION` does: the cluster's Cilium is led to that version, one node at a time.
struct CiliumUpgradeRun {
    let argument: InventoryArgument
    let connection: ConnectionOptions
    let roll: RollOptions
    let version: CiliumVersion

    /// What does not go together with `--cilium`, all of it at once; nil where nothing is wrong.
    static func problem(_ text: String, to: String?, _ roll: RollOptions, _ via: ViaOptions) -> String? {
        var problems: [String] = []
        if CiliumVersion(text) == nil { problems.append("'\(text)' is no version of Cilium: write it as in 1.19.4") }
        if to != nil {
            problems.append(
                "--to and --cilium are two upgrades: lead the cluster to one, look at it, then to the other")
        }
        if via.options != nil {
            problems.append("--via does not go with --cilium: the cluster's own controller knows nothing of Cilium")
        }
        if roll.limit != nil {
            problems.append(
                "--limit does not go with --cilium: at the end the DaemonSet would replace all other nodes' pods")
        }
        if WorkersAtOnce(roll.workersAtOnce) != .number(1) {
            problems.append("--workers-at-once does not go with --cilium: one node at a time is without it")
        }
        if roll.draining.settings != Drain.Settings() {
            problems.append("no node is drained for --cilium: pods keep their network while the agent is exchanged")
        }
        return problems.isEmpty ? nil : problems.joined(separator: "\n")
    }

    func perform() async throws {
        let written = try argument.read()
        let inventory = CiliumUpgrade.inventory(written, to: version)
        let guarded = inventory.workers.filter { $0.profile.guard != nil }.map(\.name)
        guard guarded.isEmpty else {
            Standard.error(
                "error: \(guarded.joined(separator: ", ")) has a guard, which can be armed for Cilium on servers alone: workers "
                    + "have no way to the API to take it back by; set 'guard: false' there for this upgrade")
            throw ExitStatus.failed
        }
        let site = try Site.ciliumUpgrade(inventory)
        if roll.dryRun { return PlanCommand.write(site.plan, as: roll.output) }
        let connections = try await Connections(inventory, options: connection)
        let run = Run(site: site, limit: nil, verb: "upgrade --cilium")
        let outcome = try await run.perform(by: connections) { review, facts in
            for note in CiliumUpgradePreflight(inventory).notes(facts) { Standard.error("note: \(note)") }
            return Agreement.isGiven(to: review, yes: roll.yes, look: "upgrade --cilium \(version) --dry-run")
        }
        switch outcome {
        case .done, .nothingToDo: sayWhatToWrite(written, inventory)
        case .failed, .interrupted: await showStates(site)
        default: break
        }
        guard outcome.exitCode == .success else { throw outcome.exitCode }
    }

    private func sayWhatToWrite(_ written: Inventory, _ now: Inventory) {
        var lines: [String] = []
        if written.cilium.version != now.cilium.version { lines.append("'version: \(now.cilium.version)'") }
        if let first = now.cilium.upgradeCompatibility, written.cilium.upgradeCompatibility == nil {
            lines.append("'upgradeCompatibility: \(first)'")
        }
        guard !lines.isEmpty else { return }
        Standard.error(
            "note: write \(lines.joined(separator: " and ")) below 'cilium' into \(argument.inventory): the other verbs go by it"
        )
    }

    /// Where a run has ended before its end: what each node has.
    private func showStates(_ site: Site) async {
        guard let fleet = try? await Connections.fleet(site, options: connection, canWrite: false, readsSecrets: false)
        else { return }
        let (facts, unreachable) = await fleet.ask(
            CiliumUpgrade.stateAsks(site.inventory), steps: [:], nodes: site.nodes)
        await fleet.close()
        for node in site.nodes {
            let words = unreachable[node].map { "no SSH: \($0.message)" } ?? CiliumUpgrade.stateWords(node, facts)
            Standard.error("\(node): \(words)")
        }
        Standard.error("the same command goes on; 'clusterctl upgrade --cilium' with the earlier version goes back")
    }
}

extension Site {
    /// The nodes, with another version of Cilium.
    static func ciliumUpgrade(_ inventory: Inventory) throws -> Site {
        try living(
            inventory, order: CiliumUpgrade.order(for: inventory, chartContent: try Orders.chart(of: inventory)))
    }
}
