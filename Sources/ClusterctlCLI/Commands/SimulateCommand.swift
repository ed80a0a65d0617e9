import ArgumentParser
import Engine
import Inventory
import Phases
import Simulation

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract:
            "Build this cluster many times over in a model that breaks, or change a living one; contacts nothing.",
        discussion: """
            Each seed is one cluster, from bare nodes (or a living cluster) to "done", with faults that the seed decides. \
            What must never happen is checked after every event. The plan's order, nodes, guards and deadlines are \
            real, and so is what decides; what steps do and what gates read is a model (docs/simulation.md). Exits 1 when \
            something that must never happen did, and says how to see it again. With one run, its story is told.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }
    enum Verb: String, ExpressibleByArgument, CaseIterable {
        case bootstrap, upgrade, apply, reset, recover
        case etcdSnapshot = "etcd-snapshot"
        case etcdRestore = "etcd-restore"
        case upgradeVia = "upgrade-via"
        case kubeProxyDisable = "kube-proxy-disable"
        case kubeProxyClean = "kube-proxy-clean"
        case tokenRotate = "token-rotate"
        case certsRotate = "certs-rotate"
        case upgradeCilium = "upgrade-cilium"
        /// The last server is added; the primary leaves, or a new machine comes in its place.
        case nodeAdd = "node-add"
        case nodeRemove = "node-remove"
        case nodeReplace = "node-replace"
    }

    @OptionGroup var argument: InventoryArgument

    @Option(
        help: ArgumentHelp(
            "What is carried out: \(Verb.allCases.map(\.rawValue).joined(separator: ", ")).",
            discussion:
                "All but bootstrap begin with a living cluster, recover with one that is down. The last server is "
                + "added; the primary leaves, or is replaced."))
    var order = Verb.bootstrap

    @Option(help: "How many seeds.")
    var runs = 1000

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(
        help:
            "What goes wrong, separated by commas: \(Fault.allCases.map(\.rawValue).joined(separator: ", ")); or none.",
        transform: FaultList.parse)
    var faults = Set(Fault.allCases)

    @Option(name: [.short, .long], help: "text or json.")
    var output = Format.text

    func validate() throws {
        guard runs > 0 else { throw ValidationError("--runs must be at least 1") }
        guard seed <= UInt64.max - UInt64(runs) else { throw ValidationError("--seed is too large") }
    }

    func run() throws {
        let inventory = try argument.read()
        let (site, controlPlane) = try beginning(inventory)
        let scenario = Scenario(
            cluster: site.inventory.name, order: site.order, nodes: site.nodes, controlPlane: controlPlane,
            isLiving: order != .bootstrap && order != .recover, isDown: order == .recover)
        let clock = ContinuousClock()
        let began = clock.now
        var campaign = Campaign()
        for offset in 0..<UInt64(runs) {
            let trial = scenario.run(seed: seed + offset, faults: faults, tellsStory: runs == 1)
            if output == .text { for line in trial.story { Standard.output(line + "\n") } }
            campaign.add(trial)
        }
        let seconds = max(began.duration(to: clock.now).inSeconds, 0.000_001)
        let text = SimulationText(campaign: campaign, inventory: argument.inventory, order: order, faults: faults)
        Standard.output(output == .json ? text.json(cluster: site.inventory.name) : text.table())
        Standard.error("\(runs) seed\(runs == 1 ? "" : "s"), \(Int(Double(runs) / seconds)) a second")
        for line in text.broken { Standard.error(line) }
        if !campaign.broken.isEmpty { throw ExitStatus.failed }
    }
}

extension SimulateCommand {
    /// What is carried out, and the servers as they are when it begins.
    private func beginning(_ inventory: Inventory) throws -> (Site, ControlPlane) {
        let node: NodeName
        let verb: NodeChange.Verb
        switch order {
        case .bootstrap: return (try Site(inventory, orders: .current), servers(of: inventory))
        case .upgrade, .apply:
            var options = Upgrade.Options()
            options.keepsVersion = order == .apply
            options.workersAtOnce = .percent(50)
            return (try Site.upgrade(inventory, options), servers(of: inventory))
        case .upgradeVia:
            var options = Upgrade.Options()
            options.via = UpgradeVia.Options()
            var controlPlane = servers(of: inventory)
            for node in inventory.controlPlane {
                controlPlane.acts[UpgradeVia.turnName(NodeName(node.name))] = .startAnew
            }
            return (try Site.upgrade(inventory, options), controlPlane)
        case .upgradeCilium: return (try Site.ciliumUpgrade(inventory), servers(of: inventory))
        case .kubeProxyDisable:
            return (try Site.living(inventory, order: try KubeProxyOptions.order(inventory)), servers(of: inventory))
        case .kubeProxyClean:
            return (try Site.living(inventory, order: KubeProxy.clean(for: inventory)), servers(of: inventory))
        case .etcdSnapshot:
            let order = EtcdSnapshotOrder.order(for: inventory, name: "model")
            let nodes = inventory.controlPlane.map { NodeName($0.name) }
            return (try Site.part(of: inventory, inventory, order: order, nodes: nodes), servers(of: inventory))
        case .tokenRotate, .certsRotate:
            let order = order == .tokenRotate ? TokenRotate.order(for: inventory) : CertsRotate.order(for: inventory)
            var controlPlane = servers(of: inventory)
            controlPlane.acts = Site.renewalActs
            return (try Site.living(inventory, order: order), controlPlane)
        case .reset:
            var controlPlane = servers(of: inventory)
            controlPlane.change.isGivenUp = true
            return (try Site.reset(inventory, Reset.Options()), controlPlane)
        case .recover, .etcdRestore:
            let site = order == .recover ? try Site.recovery(inventory) : try Site.restore(inventory)
            var controlPlane = servers(of: site.inventory)
            controlPlane.acts = Site.etcdActs
            return (site, controlPlane)
        case .nodeAdd: (verb, node) = (.add, NodeName(inventory.controlPlane.last?.name ?? ""))
        case .nodeRemove: (verb, node) = (.remove, NodeName(inventory.primary.name))
        case .nodeReplace: (verb, node) = (.replace, NodeName(inventory.primary.name))
        }
        let change: NodeChange
        do throws(NodeRefusal) {
            change = try NodeChange(verb, [node.rawValue], of: inventory)
        } catch {
            for problem in error.problems { Standard.error("error: \(problem.what)") }
            throw ExitStatus.failed
        }
        var controlPlane = servers(of: change.earlier)
        controlPlane.acts = ["forget \(node)": .forget]
        if verb == .add { controlPlane.change.new = [node] }
        if verb == .replace { controlPlane.change.dead = [node] }
        return (try Site.nodes(change), controlPlane)
    }

    private func servers(of inventory: Inventory) -> ControlPlane {
        let reference = inventory.reference.name
        return ControlPlane(
            primary: NodeName(reference),
            replicas: inventory.controlPlane.map(\.name).filter { $0 != reference }.map { NodeName($0) })
    }
}

/// The faults by their names, in one word.
enum FaultList {
    static func parse(_ text: String) throws -> Set<Fault> {
        if text == "none" { return [] }
        return Set(
            try text.split(separator: ",").map { name in
                guard let fault = Fault(rawValue: String(name)) else {
                    throw ValidationError("there is no fault '\(name)'")
                }
                return fault
            })
    }

    /// As the option takes it; nil where it can be left out.
    static func option(_ faults: Set<Fault>) -> String? {
        guard faults.count < Fault.allCases.count else { return nil }
        let names = Fault.allCases.filter(faults.contains).map(\.rawValue)
        return "--faults " + (names.isEmpty ? "none" : names.joined(separator: ","))
    }
}

/// What a campaign found, as a table for people and as JSON.
struct SimulationText {
    let campaign: Campaign
    let inventory: String
    let order: SimulateCommand.Verb
    let faults: Set<Fault>

    func table() -> String {
        let endings = Trial.Ending.allCases.filter { campaign.allRuns[$0] != nil }
        let rows =
            [["ENDING", "FIRST RUN", "ALL RUNS"]]
            + endings.map { ending in
                [ending.rawValue, "\(campaign.firstRuns[ending] ?? 0)", "\(campaign.allRuns[ending] ?? 0)"]
            }
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { cells in
            let padding = zip(cells, widths).map { String(repeating: " ", count: $1 - $0.count) }
            return "\(cells[0])\(padding[0])  \(padding[1])\(cells[1])  \(padding[2])\(cells[2])"
        }
        if let worst = campaign.worst, let node = worst.longestOutNode {
            lines.append("longest out of reach: \(node), \(Int(worst.longestOutSeconds)) s (seed \(worst.seed))")
        }
        if let longest = campaign.longest {
            let count = longest.endings.count
            lines.append("most runs until done: \(count) (seed \(longest.seed))")
        }
        lines.append("seeds in which something happened that must not: \(campaign.broken.count) of \(campaign.seeds)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// A line a violation, and the command that shows it again; those of the first ten seeds.
    var broken: [String] {
        campaign.broken.prefix(10).flatMap { trial in
            trial.violations.map { "seed \(trial.seed): error: \($0.invariant.rawValue): \($0.story)" }
                + ["  see it again: \(replay(trial.seed))"]
        }
    }

    private func replay(_ seed: UInt64) -> String {
        let verb = order == .bootstrap ? nil : "--order \(order.rawValue)"
        return
            (["clusterctl simulate \(inventory) --seed \(seed) --runs 1"]
            + [verb, FaultList.option(faults)].compactMap(\.self))
            .joined(separator: " ")
    }

    /// docs/simulation.md describes it.
    func json(cluster: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("version", 1)
            json.field("cluster", cluster)
            json.field("seeds", campaign.seeds)
            json.field("faults", Fault.allCases.filter(faults.contains).map(\.rawValue))
            for (key, counts) in [("firstRuns", campaign.firstRuns), ("allRuns", campaign.allRuns)] {
                json.object(key) { json in
                    for ending in Trial.Ending.allCases { json.field(ending.rawValue, counts[ending] ?? 0) }
                }
            }
            if let worst = campaign.worst, let node = worst.longestOutNode {
                json.object("longestOutOfReach") { json in
                    json.field("node", node.rawValue)
                    json.field("seconds", Int(worst.longestOutSeconds))
                    json.field("seed", "\(worst.seed)")
                }
            }
            json.array("broken") { json in
                for trial in campaign.broken {
                    for violation in trial.violations { write(violation, of: trial, to: &json) }
                }
            }
        }
        return json.text + "\n"
    }

    private func write(_ violation: Violation, of trial: Trial, to json: inout JSONWriter) {
        json.object { json in
            json.field("seed", "\(trial.seed)")
            json.field("invariant", violation.invariant.rawValue)
            json.field("story", violation.story)
            json.field("replay", replay(trial.seed))
        }
    }
}
